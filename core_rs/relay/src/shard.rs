//! What one core thread owns: its buffers, deadlines, upstream connections, journal and counters. Nothing here is shared,
//! so nothing here is locked.

use crate::buffers::Buffers;
use crate::clock::wall_ms;
use crate::counters::Counters;
use crate::journal::writer::Writer;
use crate::node::Node;
use crate::pool::Pool;
use crate::resolve::Names;
use crate::timers::Timers;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollway_policy::ids::Id;

/// Accounts remembered as empty, per thread; when full, all are forgotten and asked for again.
const DRY_MAX: usize = 4_096;

pub(crate) struct Shard {
    pub(crate) node: Arc<Node>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) buffers: Buffers,
    pub(crate) timers: Rc<Timers>,
    pub(crate) pool: Pool,
    pub(crate) names: Names,
    pub(crate) writer: Writer,
    random: Cell<u64>,
    coarse_ms: Cell<u64>,
    /// Unix time less monotonic time, in ms; set anew with every sweep.
    wall_offset_ms: Cell<u64>,
    /// Accounts whose wallet was just found empty: until when, and at which state of the wallets.
    dry: RefCell<HashMap<Id, (u64, u64)>>,
}

impl Shard {
    pub(crate) fn new(node: Arc<Node>, thread: usize, writer: Writer, names: Names) -> Shard {
        Shard {
            counters: node.counters[thread].clone(),
            buffers: Buffers::default(),
            timers: Rc::default(),
            pool: Pool::new(node.config.settings.upstream_idle_max, node.config.settings.upstream_idle_ms),
            names,
            writer,
            // The standard library's random keys are the operating system's randomness, without a dependency of ours.
            random: Cell::new(RandomState::new().build_hasher().finish() | 1),
            coarse_ms: Cell::new(node.clock.now_ms()),
            wall_offset_ms: Cell::new(wall_ms().wrapping_sub(node.clock.now_ms())),
            dry: RefCell::default(),
            node,
        }
    }

    /// Monotonic time, exact.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        let now_ns = self.node.clock.now_ns();
        self.coarse_ms.set(now_ns / 1_000_000);
        now_ns
    }

    /// Monotonic time, at most one sweep old: good enough for every deadline, and free.
    #[inline]
    pub(crate) fn coarse_ms(&self) -> u64 {
        self.coarse_ms.get()
    }

    /// Unix time in ms at a monotonic time, as the clocks stood at the last sweep.
    #[inline]
    pub(crate) fn wall_ms_at(&self, mono_ms: u64) -> u64 {
        mono_ms.wrapping_add(self.wall_offset_ms.get())
    }

    /// Reads both clocks anew.
    pub(crate) fn tick(&self) -> u64 {
        let now_ms = self.now_ns() / 1_000_000;
        self.wall_offset_ms.set(wall_ms().wrapping_sub(now_ms));
        now_ms
    }

    /// Random enough for a choice among channels and for the tail of a request id; never for a secret (xorshift64*).
    pub(crate) fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A new ULID: 48 bits of time, 80 of chance.
    pub(crate) fn new_id(&self, wall_ms: u64) -> Id {
        let mut bytes = [0u8; 16];
        bytes[..8].copy_from_slice(&(wall_ms << 16).to_be_bytes());
        bytes[6..8].copy_from_slice(&self.random().to_be_bytes()[..2]);
        bytes[8..].copy_from_slice(&self.random().to_be_bytes());
        Id(bytes)
    }

    /// True while there is no point in asking for this account's money again.
    pub(crate) fn is_dry(&self, account: Id) -> bool {
        let now_ms = self.coarse_ms();
        let state = self.node.wallets_changed.load(Ordering::Acquire);
        self.dry.borrow().get(&account).is_some_and(|(until_ms, at)| *until_ms > now_ms && *at == state)
    }

    /// Remembers that an account's wallet had too little. `state` is that of before the question.
    pub(crate) fn mark_dry(&self, account: Id, state: u64) {
        let mut dry = self.dry.borrow_mut();
        if dry.len() >= DRY_MAX {
            dry.clear();
        }
        let until_ms = self.coarse_ms() + self.node.config.settings.lease_retry_ms;
        dry.insert(account, (until_ms, state));
    }
}
