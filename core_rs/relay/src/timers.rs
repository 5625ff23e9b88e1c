//! Decides when a waiting task has waited too long.
//!
//! A coarse wheel of one notch: each connection has one deadline in a cell, and one sweep every 100 ms wakes the tasks whose
//! deadline has passed. Setting a deadline is a store; a runtime timer per phase would cost more than the parsing does.

use slab::Slab;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

/// How exact a deadline is. Every promise in seconds keeps its slack beside this.
pub(crate) const SWEEP_MS: u64 = 100;

/// One connection's deadline.
#[derive(Default)]
pub(crate) struct Timer {
    /// Monotonic milliseconds; 0 = none.
    at_ms: Cell<u64>,
    fired: Cell<bool>,
    /// The connection waits for a request: a drain may end it at once.
    idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Timer {
    #[inline]
    pub(crate) fn set(&self, at_ms: u64) {
        self.at_ms.set(at_ms);
        self.fired.set(false);
    }

    pub(crate) fn set_idle(&self, idle: bool) {
        self.idle.set(idle);
    }

    /// True once the deadline has passed. Otherwise the task is woken when it does.
    #[inline]
    pub(crate) fn expired(&self, cx: &Context<'_>) -> bool {
        if self.fired.get() {
            return true;
        }
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *slot = Some(cx.waker().clone());
        }
        false
    }

    fn fire(&self) {
        self.fired.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// All deadlines of one core thread.
#[derive(Default)]
pub(crate) struct Timers(RefCell<Slab<Rc<Timer>>>);

/// Takes its timer out of the list when the connection ends.
pub(crate) struct Registered {
    pub(crate) timer: Rc<Timer>,
    slot: usize,
    timers: Rc<Timers>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.timers.0.borrow_mut().try_remove(self.slot);
    }
}

impl Timers {
    pub(crate) fn register(self: &Rc<Self>) -> Registered {
        let timer = Rc::new(Timer::default());
        let slot = self.0.borrow_mut().insert(timer.clone());
        Registered { timer, slot, timers: self.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn sweep(&self, now_ms: u64) {
        for (_, timer) in self.0.borrow().iter() {
            let at_ms = timer.at_ms.get();
            if at_ms != 0 && at_ms <= now_ms && !timer.fired.get() {
                timer.fire();
            }
        }
    }

    /// Ends what waits for a next request.
    pub(crate) fn fire_idle(&self) {
        for (_, timer) in self.0.borrow().iter() {
            if timer.idle.get() {
                timer.fire();
            }
        }
    }

    /// Ends everything: the drain time is over.
    pub(crate) fn fire_all(&self) {
        for (_, timer) in self.0.borrow().iter() {
            timer.fire();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn only_what_is_due_fires_and_a_new_deadline_rearms() {
        let timers = Rc::new(Timers::default());
        let (a, b) = (timers.register(), timers.register());
        let cx = Context::from_waker(Waker::noop());
        a.timer.set(100);
        timers.sweep(99);
        assert!(!a.timer.expired(&cx));
        timers.sweep(100);
        assert!(a.timer.expired(&cx) && !b.timer.expired(&cx));
        a.timer.set(200);
        assert!(!a.timer.expired(&cx));
        drop(b);
        assert_eq!(timers.len(), 1);
    }

    #[test]
    fn a_drain_ends_only_the_idle() {
        let timers = Rc::new(Timers::default());
        let (idle, busy) = (timers.register(), timers.register());
        let cx = Context::from_waker(Waker::noop());
        idle.timer.set_idle(true);
        timers.fire_idle();
        assert!(idle.timer.expired(&cx) && !busy.timer.expired(&cx));
    }
}
