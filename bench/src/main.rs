//! Everything a measurement needs beside the system under test: one binary, so that one build has all of it.
//!
//! `load` drives requests and counts what comes back; `idle` opens streams and holds them; `mock` is the simulated provider without its
//! log; `control` is a control plane that grants every lease and counts every reported row; `snapshot` writes keys and a snapshot of them.
//! Each prints JSON lines on standard output; `load` and `idle` end by themselves, `mock` and `control` when their standard input closes,
//! so that none of them outlives the run that started it.

mod args;
mod client;
mod control;
mod cpu;
mod http;
mod idle;
mod latency;
mod load;
mod mock;
mod request;
mod snapshot;
mod stats;

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

const HELP: &str = "tollway-bench load|idle|mock|control|snapshot --help for the options of each";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let result = match command.as_str() {
        "load" => args::parse(words, load::OPTIONS).and_then(|args| block_on(load::run(args))),
        "idle" => args::parse(words, idle::OPTIONS).and_then(|args| block_on(idle::run(args))),
        "mock" => args::parse(words, mock::OPTIONS).and_then(|args| mock::run(&args)),
        "control" => args::parse(words, control::OPTIONS).and_then(|args| block_on(control::run(args))),
        "snapshot" => args::parse(words, snapshot::OPTIONS).and_then(|args| snapshot::run(&args)),
        _ => Err(HELP.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

/// Runs on one thread: whoever measures pins it to one processor, and more threads would only wake each other.
fn block_on(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| format!("runtime: {e}"))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, work)
}

/// One line of JSON, flushed: the other side waits for it.
fn say(line: &serde_json::Value) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("standard output: {e}"))
}

/// Returns when whoever started us closes our standard input, or is gone.
async fn input_closed() {
    use tokio::io::AsyncReadExt;
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(input.read(&mut ignored).await, Ok(1..)) {}
}
