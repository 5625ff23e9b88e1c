//! What connections report while they run, and when it counts: only between the two looks at the processor's clock.

use crate::cpu::Watched;
use crate::latency::Latencies;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Shared by all connections of a run; one thread, so cells are enough.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) measuring: Cell<bool>,
    pub(crate) stopping: Cell<bool>,
    /// Over the whole run: written to a socket, answered as expected, anything else.
    pub(crate) sent: Cell<u64>,
    pub(crate) completed: Cell<u64>,
    pub(crate) errors: Cell<u64>,
    pub(crate) first_error: RefCell<Option<String>>,
    pub(crate) connects: Cell<u64>,
    /// Within the window.
    requests: Cell<u64>,
    events: Cell<u64>,
    payload_bytes: Cell<u64>,
    latencies: RefCell<Latencies>,
}

pub(crate) fn bump(cell: &Cell<u64>, by: u64) {
    cell.set(cell.get() + by);
}

impl Stats {
    pub(crate) fn failed(&self, message: String) {
        bump(&self.errors, 1);
        self.first_error.borrow_mut().get_or_insert(message);
    }

    pub(crate) fn received(&self, events: u64, payload_bytes: u64) {
        if self.measuring.get() {
            bump(&self.events, events);
            bump(&self.payload_bytes, payload_bytes);
        }
    }

    pub(crate) fn answered(&self, latency: Duration) {
        bump(&self.completed, 1);
        if self.measuring.get() {
            bump(&self.requests, 1);
            self.latencies.borrow_mut().add(latency);
        }
    }
}

/// The window: opened and closed around a sleep, with the clocks read at both ends.
#[derive(Debug)]
pub(crate) struct Window {
    watched: Vec<Watched>,
    opened: Instant,
    before_ns: Vec<u64>,
}

impl Window {
    pub(crate) fn open(watched: Vec<Watched>, stats: &Stats) -> Result<Self, String> {
        let before_ns = readings(&watched)?;
        stats.measuring.set(true);
        Ok(Self { watched, opened: Instant::now(), before_ns })
    }

    /// Closes the window: its length in seconds and the processor time of each group within it.
    pub(crate) fn close(self, stats: &Stats) -> Result<(f64, Map<String, Value>), String> {
        let seconds = self.opened.elapsed().as_secs_f64();
        stats.measuring.set(false);
        let after_ns = readings(&self.watched)?;
        let used = self.watched.iter().zip(self.before_ns.iter().zip(after_ns));
        let used = used.map(|(group, (before, after))| (group.name.clone(), json!(after.saturating_sub(*before))));
        Ok((seconds, used.collect()))
    }
}

fn readings(watched: &[Watched]) -> Result<Vec<u64>, String> {
    watched.iter().map(Watched::cpu_ns).collect()
}

impl Stats {
    /// The line a run prints.
    pub(crate) fn line(&self, seconds: f64, cpu_ns: Map<String, Value>) -> Value {
        let [p50, p99, p999, max] = self.latencies.borrow_mut().at([0.5, 0.99, 0.999, 1.0]);
        json!({
            "seconds": seconds,
            "requests": self.requests.get(),
            "events": self.events.get(),
            "payload_bytes": self.payload_bytes.get(),
            "cpu_ns": cpu_ns,
            "latency_us": {"p50": p50, "p99": p99, "p999": p999, "max": max},
            "sent": self.sent.get(),
            "completed": self.completed.get(),
            "errors": self.errors.get(),
            "first_error": *self.first_error.borrow(),
            "connects": self.connects.get(),
        })
    }
}
