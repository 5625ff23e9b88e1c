//! What the node counts: per core thread, relaxed, summed when somebody looks.

use std::sync::atomic::{AtomicU64, Ordering};
use tollway_policy::admission::Endpoint;
use tollway_policy::refusal::Code;

/// One thread's counters. Only that thread adds, anybody reads.
#[derive(Default)]
pub(crate) struct Counters {
    served: [AtomicU64; Endpoint::ALL.len()],
    streams: AtomicU64,
    refused: Vec<AtomicU64>,
    /// 1 while the thread serves.
    pub(crate) alive: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) chunks: AtomicU64,
    pub(crate) proxied: AtomicU64,
    pub(crate) upstream_connects: AtomicU64,
    pub(crate) upstream_reuses: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) clients_gone: AtomicU64,
    pub(crate) streams_broken: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
}

/// Adds without a locked instruction: there is one writer.
#[inline]
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// Takes back what `add` gave to a gauge.
#[inline]
pub(crate) fn sub(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn new() -> Counters {
        Counters { refused: Code::all().iter().map(|_| AtomicU64::new(0)).collect(), ..Counters::default() }
    }

    #[inline]
    pub(crate) fn serve(&self, endpoint: Endpoint, stream: bool) {
        add(&self.served[endpoint as usize], 1);
        if stream {
            add(&self.streams, 1);
        }
    }

    #[inline]
    pub(crate) fn refuse(&self, code: Code) {
        if let Some(counter) = Code::all().iter().position(|c| *c == code).and_then(|i| self.refused.get(i)) {
            add(counter, 1);
        }
    }
}

/// The sum over all threads, by metric name (`name` or `name{label="value"}` as in the text format).
pub(crate) fn totals(threads: &[std::sync::Arc<Counters>]) -> serde_json::Map<String, serde_json::Value> {
    let sum = |pick: &dyn Fn(&Counters) -> u64| threads.iter().map(|c| pick(c)).fold(0u64, u64::wrapping_add);
    let mut out = serde_json::Map::new();
    for (index, endpoint) in Endpoint::ALL.iter().enumerate() {
        let n = sum(&|c| c.served[index].load(Ordering::Relaxed));
        out.insert(format!("requests_served_total|endpoint={}", endpoint.as_str()), n.into());
    }
    for (index, code) in Code::all().iter().enumerate() {
        let n = sum(&|c| c.refused[index].load(Ordering::Relaxed));
        out.insert(format!("requests_refused_total|code={}", code.as_str()), n.into());
    }
    type Pick = fn(&Counters) -> &AtomicU64;
    let plain: [(&str, Pick); 14] = [
        ("streams_total", |c| &c.streams),
        ("connections", |c| &c.connections),
        ("requests_in_flight", |c| &c.in_flight),
        ("stream_events_total", |c| &c.chunks),
        ("requests_proxied_total", |c| &c.proxied),
        ("upstream_connects_total", |c| &c.upstream_connects),
        ("upstream_reuses_total", |c| &c.upstream_reuses),
        ("upstream_retries_total", |c| &c.retries),
        ("clients_gone_total", |c| &c.clients_gone),
        ("streams_broken_total", |c| &c.streams_broken),
        ("panics_total", |c| &c.panics),
        ("client_bytes_in_total", |c| &c.bytes_in),
        ("client_bytes_out_total", |c| &c.bytes_out),
        ("core_threads", |c| &c.alive),
    ];
    for (name, pick) in plain {
        out.insert(name.into(), sum(&|c| pick(c).load(Ordering::Relaxed)).into());
    }
    out
}
