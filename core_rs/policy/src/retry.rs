//! How many retries an upstream may be sent: 10 % of its requests of the last ten seconds, plus three a second.
//!
//! Ten slots of one second, each one word that holds its second, its requests and its retries, so a slot is turned over and counted in one
//! compare-and-swap. The sum over the slots is read without a lock: threads that ask at the same instant may pass the budget by one each.

use core::sync::atomic::{AtomicU64, Ordering};

const WINDOW_S: u64 = 10;
const RETRIES_PER_REQUESTS: u64 = 10;
const RETRIES_PER_S: u64 = 3;
const SECOND_NS: u64 = 1_000_000_000;

/// Bits of a slot: retries, then requests, then the second.
const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const SECOND_MASK: u64 = (1 << (64 - 2 * COUNT_BITS)) - 1;

/// The retry budget of one upstream. Outlives snapshots.
#[derive(Debug, Default)]
pub struct RetryBudget {
    slots: [AtomicU64; WINDOW_S as usize],
}

#[derive(Clone, Copy)]
struct Slot {
    second: u64,
    requests: u64,
    retries: u64,
}

impl Slot {
    const fn unpack(word: u64) -> Self {
        Self { second: word >> (2 * COUNT_BITS), requests: (word >> COUNT_BITS) & COUNT_MAX, retries: word & COUNT_MAX }
    }

    const fn pack(self) -> u64 {
        (self.second << (2 * COUNT_BITS)) | (self.requests << COUNT_BITS) | self.retries
    }

    /// The slot as it is in `second`: empty if it was last used in another.
    const fn at(self, second: u64) -> Self {
        if self.second == second { self } else { Self { second, requests: 0, retries: 0 } }
    }
}

impl RetryBudget {
    /// Counts one request (not its retries): what the 10 % are of.
    #[inline]
    pub fn request(&self, now_ns: u64) {
        self.add(now_ns, 1, 0);
    }

    /// Takes one retry if there is room.
    pub(crate) fn take_retry(&self, now_ns: u64) -> bool {
        let (requests, retries) = self.window(now_ns);
        if retries >= requests / RETRIES_PER_REQUESTS + RETRIES_PER_S * WINDOW_S {
            return false;
        }
        self.add(now_ns, 0, 1);
        true
    }

    fn add(&self, now_ns: u64, requests: u64, retries: u64) {
        let second = now_ns / SECOND_NS;
        let slot = &self.slots[(second % WINDOW_S) as usize];
        // Always Some, so the update cannot fail.
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let slot = Slot::unpack(word).at(second & SECOND_MASK);
            let more = |count: u64, n: u64| (count + n).min(COUNT_MAX);
            Some(Slot { requests: more(slot.requests, requests), retries: more(slot.retries, retries), ..slot }.pack())
        });
    }

    fn window(&self, now_ns: u64) -> (u64, u64) {
        let now_s = now_ns / SECOND_NS;
        let recent = |slot: &Slot| (now_s.wrapping_sub(slot.second) & SECOND_MASK) < WINDOW_S;
        let slots = self.slots.iter().map(|word| Slot::unpack(word.load(Ordering::Relaxed)));
        slots
            .filter(recent)
            .fold((0, 0), |(requests, retries), slot| (requests + slot.requests, retries + slot.retries))
    }
}
