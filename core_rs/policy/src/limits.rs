//! Decides whether one more unit of work fits a limit right now, and when it will if it does not.
//!
//! GCRA (ITU-T I.371, virtual scheduling): a bucket is one number, the theoretical arrival time (TAT) of the next conforming unit. It needs no
//! timer and no window edge, and one atomic word holds it. A refused take changes nothing, so a client that hammers is not punished twice.

use core::sync::atomic::{AtomicU64, Ordering};

const MINUTE_NS: u64 = 60_000_000_000;

/// A limit as the snapshot states it. Immutable; replaced when the snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSpec {
    /// Nanoseconds in which one unit flows back.
    emission_ns: u64,
    /// How far TAT may run ahead of now: bucket size × emission.
    burst_ns: u64,
}

/// The live state of one limit. Outlives snapshots: a changed spec applies to the same TAT, so re-reading a configuration never refills a bucket.
///
/// One word. Whoever holds it gives it a cache line of its own (see `KeyLive`, `AccountLive`, `ModelLive`): neighbours' compare-and-swaps must not collide.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct LimitState(AtomicU64);

/// Why a unit does not fit, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// Fits once this time has passed, if nobody else takes it.
    Wait { retry_after_ns: u64 },
    /// Larger than the bucket: never fits, so the answer must say that a retry is useless.
    TooLarge,
}

/// What `x-ratelimit-*` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitView {
    /// Bucket size in units.
    pub limit: u64,
    /// Units that would fit at once.
    pub remaining: u64,
    /// Time until the bucket is full again.
    pub reset_ns: u64,
}

impl LimitSpec {
    /// `n` units a minute and as many at once; 0 is "no limit".
    #[must_use]
    #[inline]
    pub fn per_minute(n: u32) -> Option<Self> {
        // Rounded up: the flow may be a hair slower than stated, never faster.
        let emission_ns = (n > 0).then(|| MINUTE_NS.div_ceil(u64::from(n)))?;
        Some(Self { emission_ns, burst_ns: emission_ns * u64::from(n) })
    }

    /// Bucket size in units.
    #[must_use]
    #[inline]
    pub fn limit(&self) -> u64 {
        self.burst_ns / self.emission_ns
    }

    /// The most that may pass in any interval of this length.
    #[must_use]
    pub fn allowance(&self, elapsed_ns: u64) -> u64 {
        self.burst_ns.saturating_add(elapsed_ns) / self.emission_ns
    }
}

impl LimitState {
    /// A full bucket.
    #[must_use]
    pub const fn full() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes `cost` units at `now_ns` (monotonic, any origin). On refusal the state is untouched.
    ///
    /// # Errors
    /// When the units do not fit now, or never will.
    #[inline]
    pub fn take(&self, spec: LimitSpec, cost: u64, now_ns: u64) -> Result<(), NotNow> {
        let width_ns = cost.saturating_mul(spec.emission_ns);
        if width_ns > spec.burst_ns {
            return Err(NotNow::TooLarge);
        }
        let ahead_ns = |tat_ns: u64| (tat_ns.saturating_sub(now_ns)).saturating_add(width_ns);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |tat_ns| {
                (ahead_ns(tat_ns) <= spec.burst_ns).then(|| tat_ns.max(now_ns).saturating_add(width_ns))
            })
            .map(drop)
            .map_err(|tat_ns| NotNow::Wait { retry_after_ns: ahead_ns(tat_ns) - spec.burst_ns })
    }

    /// Gives back units that were taken and not used. Never more than a full bucket comes of it: TAT behind now counts as now.
    #[inline]
    pub fn refund(&self, spec: LimitSpec, cost: u64) {
        let width_ns = cost.saturating_mul(spec.emission_ns);
        // Always Some, so the update cannot fail.
        let _ =
            self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |tat_ns| Some(tat_ns.saturating_sub(width_ns)));
    }

    #[must_use]
    #[inline]
    pub fn view(&self, spec: LimitSpec, now_ns: u64) -> LimitView {
        let reset_ns = self.0.load(Ordering::Acquire).saturating_sub(now_ns);
        LimitView {
            limit: spec.limit(),
            remaining: spec.burst_ns.saturating_sub(reset_ns) / spec.emission_ns,
            reset_ns,
        }
    }

    /// Makes the bucket full: only when its place is given to another owner.
    pub(crate) fn refill(&self) {
        self.0.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
