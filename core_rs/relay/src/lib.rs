//! Sockets, tasks and real time: the public listener, the upstreams, streams, the journal and the link to the control plane.
//!
//! Decisions are policy's, meanings are wire's; what is left here is when to read, when to write and when to give up.
//!
//! The life of a request: `listener` accepts · `connection` reads the head · `router` picks the handler · `endpoint` runs the phases · `connection::body` takes the
//! body in · `money` holds · `posting` writes the INTENT · `attempt` dials and judges · `answer` or `streaming` tells it · `posting` settles.

mod answer;
mod attempt;
mod buffers;
mod clock;
mod config;
mod connection;
mod core;
mod counters;
mod desk;
mod endpoint;
mod exchange;
mod forwarded;
mod journal;
mod link;
mod listener;
mod models;
mod money;
mod node;
mod open;
mod parsed;
mod pool;
mod posting;
mod proxy;
mod ratelimit;
mod resolve;
mod router;
mod shard;
mod socket;
mod streaming;
mod timers;
mod upstream;

pub use crate::core::Core;
