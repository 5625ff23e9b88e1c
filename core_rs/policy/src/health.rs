//! How a model and a channel are doing, from real traffic of the last five minutes.
//!
//! A window is 30 slots of ten seconds and a ring of the latest times to the first token. There is one window per stripe, and a thread keeps to
//! its stripe: recording is a few relaxed adds on lines that no other core writes. Readers sum the stripes; a reading is a picture, not a proof.

use crate::limits::LimitState;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::cell::Cell;

const SLOT_S: u32 = 10;
const SLOTS: usize = 30;
/// The length of the window, as `/api/status` states it.
pub const WINDOW_S: u32 = SLOT_S * SLOTS as u32;
/// The median is taken over this many of the latest samples of each stripe: exact for small traffic, steady for large.
const SAMPLES: usize = 128;
/// Fewer requests than this cannot make a model `down`.
const DOWN_REQUESTS_MIN: u64 = 5;
const DOWN_BELOW: f64 = 0.5;
const DEGRADED_BELOW: f64 = 0.95;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    Up,
    Degraded,
    Down,
    Unknown,
}

impl HealthState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthView {
    pub requests: u64,
    /// `None` without traffic.
    pub success_rate: Option<f64>,
    pub ttft_ms_p50: Option<u32>,
    pub state: HealthState,
}

/// The live state of one model. Outlives snapshots.
#[derive(Debug)]
#[repr(align(64))] // every request of the model writes its limit; neighbours must not share the line
pub struct ModelLive {
    health: Health,
    /// The model's own limit, shared by all callers.
    pub(crate) requests: LimitState,
}

/// The live state of one model × upstream. Outlives snapshots.
#[derive(Debug)]
pub struct ChannelLive {
    health: Health,
}

macro_rules! has_health {
    ($live:ty) => {
        impl $live {
            /// Counts one finished request. `now_s` is monotonic, any origin. Not for what was our own or the client's fault.
            #[inline]
            pub fn record(&self, now_s: u32, ok: bool, ttft_ms: Option<u32>) {
                self.health.record(now_s, ok, ttft_ms);
            }

            #[must_use]
            pub fn view(&self, now_s: u32) -> HealthView {
                self.health.view(now_s)
            }
        }
    };
}
has_health!(ModelLive);
has_health!(ChannelLive);

impl ModelLive {
    #[must_use]
    pub fn new(stripes: usize) -> Self {
        Self { health: Health::new(stripes), requests: LimitState::full() }
    }
}

impl ChannelLive {
    #[must_use]
    pub fn new(stripes: usize) -> Self {
        Self { health: Health::new(stripes) }
    }
}

#[derive(Debug)]
struct Health {
    stripes: Box<[Window]>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Window {
    slots: [Slot; SLOTS],
    /// Ring of samples: the slot's number in the high half, milliseconds in the low.
    samples: [AtomicU64; SAMPLES],
    samples_next: AtomicUsize,
}

#[derive(Debug, Default)]
struct Slot {
    /// Which ten seconds this slot counts, plus one, so that 0 is "never used".
    number: AtomicU32,
    requests: AtomicU32,
    successes: AtomicU32,
}

impl Health {
    fn new(stripes: usize) -> Self {
        Self { stripes: (0..stripes.max(1)).map(|_| Window::new()).collect() }
    }

    fn record(&self, now_s: u32, ok: bool, ttft_ms: Option<u32>) {
        if let Some(window) = self.stripes.get(stripe_of_this_thread() % self.stripes.len()) {
            window.record(now_s / SLOT_S + 1, ok, ttft_ms);
        }
    }

    fn view(&self, now_s: u32) -> HealthView {
        let now = now_s / SLOT_S + 1;
        let recent = |number: u32| number != 0 && now.wrapping_sub(number) < SLOTS as u32;
        let (mut requests, mut successes, mut ttfts_ms) = (0u64, 0u64, Vec::new());
        for window in &self.stripes {
            for slot in window.slots.iter().filter(|slot| recent(slot.number.load(Ordering::Acquire))) {
                requests += u64::from(slot.requests.load(Ordering::Relaxed));
                successes += u64::from(slot.successes.load(Ordering::Relaxed));
            }
            let samples = window.samples.iter().map(|sample| sample.load(Ordering::Relaxed));
            ttfts_ms.extend(samples.filter(|&sample| recent((sample >> 32) as u32)).map(|sample| sample as u32));
        }
        ttfts_ms.sort_unstable();
        let middle = ttfts_ms.len().saturating_sub(1) / 2;
        let success_rate = (requests > 0).then(|| (successes as f64 / requests as f64).min(1.0));
        HealthView {
            requests,
            success_rate,
            ttft_ms_p50: ttfts_ms.get(middle).copied(),
            state: state(requests, success_rate),
        }
    }
}

fn state(requests: u64, success_rate: Option<f64>) -> HealthState {
    match success_rate {
        None => HealthState::Unknown,
        Some(rate) if requests >= DOWN_REQUESTS_MIN && rate < DOWN_BELOW => HealthState::Down,
        Some(rate) if rate < DEGRADED_BELOW => HealthState::Degraded,
        Some(_) => HealthState::Up,
    }
}

impl Window {
    fn new() -> Self {
        Self {
            slots: core::array::from_fn(|_| Slot::default()),
            samples: core::array::from_fn(|_| AtomicU64::new(0)),
            samples_next: AtomicUsize::new(0),
        }
    }

    fn record(&self, number: u32, ok: bool, ttft_ms: Option<u32>) {
        let slot = &self.slots[number as usize % SLOTS];
        let before = slot.number.load(Ordering::Acquire);
        // Whoever wins the turn-over empties the slot. A stripe normally has one writer; with more, a count at the turn may be lost.
        if before != number && slot.number.compare_exchange(before, number, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        {
            slot.requests.store(0, Ordering::Relaxed);
            slot.successes.store(0, Ordering::Relaxed);
        }
        slot.requests.fetch_add(1, Ordering::Relaxed);
        slot.successes.fetch_add(u32::from(ok), Ordering::Relaxed);
        if let Some(ttft_ms) = ttft_ms {
            let place = self.samples_next.fetch_add(1, Ordering::Relaxed) % SAMPLES;
            self.samples[place].store((u64::from(number) << 32) | u64::from(ttft_ms), Ordering::Relaxed);
        }
    }
}

/// Threads are numbered as they first record: the relay's few threads so get one stripe each.
fn stripe_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) });
    STRIPE.with(|stripe| {
        if stripe.get() == usize::MAX {
            stripe.set(NEXT.fetch_add(1, Ordering::Relaxed) % usize::MAX);
        }
        stripe.get()
    })
}

#[cfg(test)]
mod tests;
