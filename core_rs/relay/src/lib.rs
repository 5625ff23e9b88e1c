//! Sockets, tasks and real time: the public listener, the upstreams, streams, the journal and the link to the control plane.
//!
//! Decisions are policy's, meanings are wire's; what is left here is when to read, when to write and when to give up.
//!
//! The life of a request: `listener` accepts · `connection` reads the head and routes · `endpoint` runs the phases · `body` takes the
//! body in · `money` holds · `posting` writes the INTENT · `attempt` dials and judges · `answer` or `streaming` tells it · `posting` settles.

mod answer;
mod attempt;
mod body;
mod buffers;
mod clock;
mod config;
mod connection;
mod core;
mod counters;
mod endpoint;
mod exchange;
mod journal;
mod link;
mod listener;
mod models;
mod money;
mod node;
mod pool;
mod posting;
mod proxy;
mod resolve;
mod shard;
mod socket;
mod streaming;
mod timers;
mod upstream;

pub use crate::core::Core;
