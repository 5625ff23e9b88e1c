//! The simulated provider: one program plays the upstream for the demo, the tests and the benches, so that all three see the same thing.
//!
//! What it answers is decided by the model name: `sim-…` answers as a provider would, `script:key=value,…` and the bench's short names
//! (`json-1k`, `sse-64-0-250`) answer as told, and a plan posted to `/__sim/plan` gives each attempt at a model its own script. Whatever
//! is sent is written down (`/__sim/log`), so that a test compares a gateway's books with what really went over the wire.
//!
//! Life of a request: `connection` reads it (`request`), `dispatch` finds who answers, `demo` or `render` makes a `Payload`, `frame` turns
//! it into an `Answer` (wire bytes, when each piece is due, how it ends), and `connection` performs that answer and closes the log entry.

mod answer;
mod config;
mod connection;
mod control;
mod demo;
mod dispatch;
mod endpoint;
mod envelope;
mod frame;
mod log;
mod payload;
mod plan;
mod refusal;
mod render;
mod request;
mod script;
mod server;
mod skim;
mod stats;
mod unreachable;

pub use config::Config;
pub use server::Simulator;

#[cfg(test)]
mod tests;
