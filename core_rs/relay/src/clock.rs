//! The two clocks of the relay. Policy takes times as arguments; they are read here and nowhere else.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time since this clock was made, plus an hour: "long ago" is then never negative.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

const OFFSET_NS: u64 = 3_600_000_000_000;

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock(Instant::now())
    }

    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64 + OFFSET_NS
    }

    #[inline]
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ns() / 1_000_000
    }
}

/// Unix time in milliseconds; 0 should the machine's clock stand before 1970.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
