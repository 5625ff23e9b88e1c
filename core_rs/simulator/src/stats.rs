//! Counters, one set per thread: a shared one would make the simulator the bottleneck of a bench. Summed when asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::{Value, json};

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) closed: AtomicU64,
    /// Refused, because the thread had `connections_max` open.
    pub(crate) turned_away: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Requests that were no HTTP, or none that is served.
    pub(crate) refused: AtomicU64,
    /// Writes: one for a plain answer, one for each event of a stream.
    pub(crate) pieces: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
}

impl Counters {
    pub(crate) fn open(&self) -> u64 {
        // closed first: a connection that opens in between must not make the difference negative
        let closed = self.closed.load(Relaxed);
        self.accepted.load(Relaxed).saturating_sub(closed)
    }

    fn json(&self) -> Value {
        json!({
            "connections_accepted": self.accepted.load(Relaxed),
            "connections_open": self.open(),
            "connections_turned_away": self.turned_away.load(Relaxed),
            "requests": self.requests.load(Relaxed),
            "refused": self.refused.load(Relaxed),
            "pieces": self.pieces.load(Relaxed),
            "bytes_sent": self.bytes_sent.load(Relaxed),
        })
    }
}

/// The sums, and each thread's share under `threads`.
pub(crate) fn json(threads: &[Arc<Counters>]) -> Value {
    let each: Vec<Value> = threads.iter().map(|counters| counters.json()).collect();
    let mut sums = serde_json::Map::new();
    for thread in &each {
        for (name, value) in thread.as_object().into_iter().flatten() {
            let sum = sums.get(name).and_then(Value::as_u64).unwrap_or(0) + value.as_u64().unwrap_or(0);
            sums.insert(name.clone(), sum.into());
        }
    }
    sums.insert("threads".to_owned(), each.into());
    Value::Object(sums)
}
