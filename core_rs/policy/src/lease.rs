//! The part of an account's wallet that this node may spend: what was leased to it, what of it is free, held and charged.
//!
//! `free` is the only number that decides; it goes down by one compare-and-swap that never passes zero, so no interleaving of threads can spend
//! a nano twice. The others are tallies. The law (I2): free ≥ 0, and free + held + (charged − acked) = granted − returned − acked.

use crate::ids::Id;
use crate::limits::LimitState;
use core::sync::atomic::{AtomicI64, Ordering};

/// The live state of one account on this node. Outlives snapshots.
#[derive(Debug)]
#[repr(align(64))] // the first line is what every request of the account writes; neighbours must not share it
pub struct AccountLive {
    free: AtomicI64,
    charged: AtomicI64,
    pub(crate) requests: LimitState,
    /// The group's limit holds per account in the group, so its state is here.
    pub(crate) group_requests: LimitState,
    granted: AtomicI64,
    returned: AtomicI64,
    acked: AtomicI64,
    id: Id,
}

impl AccountLive {
    #[must_use]
    pub const fn new(id: Id) -> Self {
        Self {
            free: AtomicI64::new(0),
            charged: AtomicI64::new(0),
            requests: LimitState::full(),
            group_requests: LimitState::full(),
            granted: AtomicI64::new(0),
            returned: AtomicI64::new(0),
            acked: AtomicI64::new(0),
            id,
        }
    }

    #[must_use]
    #[inline]
    pub const fn id(&self) -> Id {
        self.id
    }

    /// The control plane put `nano` more into this node's lease.
    pub fn grant(&self, nano: i64) {
        let nano = nano.max(0);
        self.granted.fetch_add(nano, Ordering::AcqRel);
        self.free.fetch_add(nano, Ordering::AcqRel);
    }

    /// Takes `nano` out of what is free, or nothing at all.
    #[must_use]
    #[inline]
    pub fn try_hold(&self, nano: i64) -> bool {
        nano >= 0
            && self
                .free
                .fetch_update(
                    Ordering::AcqRel,
                    Ordering::Acquire,
                    |free| {
                        if free >= nano { Some(free - nano) } else { None }
                    },
                )
                .is_ok()
    }

    /// A hold ends without a charge.
    #[inline]
    pub fn give_back(&self, hold_nano: i64) {
        self.free.fetch_add(hold_nano, Ordering::AcqRel);
    }

    /// A hold ends with a charge; the rest is free again. More than the hold is never charged.
    #[inline]
    pub fn settle(&self, hold_nano: i64, charge_nano: i64) {
        let charge_nano = charge_nano.clamp(0, hold_nano.max(0));
        self.charged.fetch_add(charge_nano, Ordering::AcqRel);
        self.free.fetch_add(hold_nano - charge_nano, Ordering::AcqRel);
    }

    /// Takes up to `max_nano` of what is free, to be returned to the wallet; says how much it was.
    #[must_use = "what was taken is to be reported as returned"]
    pub fn take_free(&self, max_nano: i64) -> i64 {
        let part = |free: i64| free.min(max_nano).max(0);
        let before = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| Some(free - part(free)));
        let taken_nano = part(before.unwrap_or(0)); // the update always has a value, so it cannot fail
        self.returned.fetch_add(taken_nano, Ordering::AcqRel);
        taken_nano
    }

    /// The control plane has posted `nano` of the charges.
    pub fn acked(&self, nano: i64) {
        self.acked.fetch_add(nano, Ordering::AcqRel);
    }

    #[must_use]
    #[inline]
    pub fn free(&self) -> i64 {
        self.free.load(Ordering::Acquire)
    }

    #[must_use]
    pub fn charged(&self) -> i64 {
        self.charged.load(Ordering::Acquire)
    }

    /// Charges that the control plane has not posted yet.
    #[must_use]
    pub fn unacked(&self) -> i64 {
        self.charged() - self.acked.load(Ordering::Acquire)
    }

    /// What live requests hold. Exact when nothing runs; while something does, a moment's view of it.
    #[must_use]
    pub fn held(&self) -> i64 {
        let leased = self.granted.load(Ordering::Acquire) - self.returned.load(Ordering::Acquire);
        leased - self.free() - self.charged()
    }

    /// Whether no nano of a lease is left here and nothing waits to be reported.
    pub(crate) fn is_clear(&self) -> bool {
        self.free() == 0 && self.held() == 0 && self.unacked() == 0
    }
}

#[cfg(test)]
mod tests;
