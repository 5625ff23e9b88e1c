//! What a simulator may be told at its start. Every bound it keeps is a field here, or a constant beside the code that keeps it.

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

/// All fields have defaults, so `{}` is a whole configuration: one thread on a free port of loopback, log on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Port 0 takes a free one; `Simulator::addr` says which.
    pub listen: SocketAddr,
    /// Each has its own runtime and its own listener (SO_REUSEPORT).
    pub threads: usize,
    /// When set, every call but those under `/__sim/` must bear it, else 401.
    pub require_key: Option<String>,
    /// How many attempts the log holds; the oldest go first. 0 switches it off, as the benches do.
    pub log_entries: usize,
    /// How much of a request's body an entry keeps.
    pub logged_body_bytes_max: usize,
    pub body_bytes_max: usize,
    /// Per thread; one more is closed at once.
    pub connections_max: usize,
    /// The pace of the demo models' streams; scripts have their own.
    pub tokens_per_second: u32,
    /// How long a stall is held, or a client waited for that does not read.
    pub hold_ms_max: u64,
    /// Models that may have a plan at the same time.
    pub plans_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            threads: 1,
            require_key: None,
            log_entries: 10_000,
            logged_body_bytes_max: 64 * 1024,
            body_bytes_max: 64 * 1024 * 1024,
            connections_max: 20_000,
            tokens_per_second: 40,
            hold_ms_max: 600_000,
            plans_max: 1_000,
        }
    }
}

impl Config {
    /// Reads a JSON object; an unknown field is an error that names it.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let config: Self =
            serde_json::from_slice(json).map_err(|error| format!("the simulator's configuration is wrong: {error}"))?;
        if config.threads == 0 || config.tokens_per_second == 0 {
            return Err(
                "the simulator's configuration is wrong: threads and tokens_per_second must be 1 or more".to_owned()
            );
        }
        Ok(config)
    }
}
