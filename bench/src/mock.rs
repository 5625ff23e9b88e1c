//! `mock`: the simulated provider as the benches want it, without its log, on one thread.

use crate::args::{Args, Options};
use crate::say;
use serde_json::json;
use std::io::Read;
use tollway_simulator::{Config, Simulator};

pub(crate) const OPTIONS: Options = &[("listen", "address:port (127.0.0.1:0)")];

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let listen = args.get("listen", "127.0.0.1:0".to_owned())?;
    let config = json!({"listen": listen, "threads": 1, "log_entries": 0, "connections_max": 20_000});
    let simulator = Simulator::start(Config::from_json(config.to_string().as_bytes())?).map_err(|e| e.to_string())?;
    say(&json!({"listening": simulator.addr().to_string()}))?;
    // Until whoever started us closes our standard input, or is gone.
    let mut ignored = [0; 64];
    while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
    Ok(())
}
