//! What all threads of one gateway process share: the snapshot, the money that is leased, the ways out.

use crate::clock::{Clock, wall_ms};
use crate::config::Config;
use crate::counters::{self, Counters};
use crate::desk::LeaseDesk;
use arc_swap::ArcSwap;
use hashbrown::HashMap;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tollway_policy::ids::{Digest, Id};
use tollway_policy::lease::AccountLive;
use tollway_policy::snapshot::{Live, Snapshot, SnapshotError};

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// What outlives snapshots; only `apply` touches it.
    live: Mutex<Live>,
    /// Monotonic time at which the snapshot was last known to be current: applied, or confirmed by the control plane; 0 = never.
    applied_ms: AtomicU64,
    /// Raised by every apply: a wallet that was found empty may have been filled.
    pub(crate) wallets_changed: AtomicU64,
    /// Accounts that this process has a lease of.
    leases: Mutex<HashMap<Id, Leased>>,
    pub(crate) desk: LeaseDesk,
    pub(crate) counters: Vec<Arc<Counters>>,
    hasher: Hmac<Sha256>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    draining: AtomicBool,
    /// Connections that wait for a next request are not kept any longer.
    idle_over: AtomicBool,
    /// The drain time is over: what still runs is ended with an error event.
    pub(crate) cut_short: AtomicBool,
    pub(crate) link_up: AtomicBool,
    pub(crate) journal_unacked: AtomicU64,
    pub(crate) journal_errors: AtomicU64,
}

/// An account with a lease, and what the control plane was last told is held of it.
struct Leased {
    account: Arc<AccountLive>,
    told_nano: i64,
}

/// What `apply` says of a snapshot that is in force now.
#[derive(serde::Serialize)]
struct AppliedView {
    generation: u64,
    keys: usize,
    /// Decoding, checking and indexing together.
    apply_us: u64,
}

impl Node {
    pub(crate) fn new(config: Config, desk: LeaseDesk, tls: Arc<rustls::ClientConfig>) -> Result<Node, String> {
        let threads = config.listen_fds.len();
        let hasher = Hmac::<Sha256>::new_from_slice(&config.pepper).map_err(|e| format!("config: pepper: {e}"))?;
        Ok(Node {
            clock: Clock::new(),
            snapshot: ArcSwap::from_pointee(Snapshot::empty()),
            live: Mutex::new(Live::new(threads)),
            applied_ms: AtomicU64::new(0),
            wallets_changed: AtomicU64::new(1),
            leases: Mutex::default(),
            desk,
            counters: (0..threads).map(|_| Arc::new(Counters::new())).collect(),
            hasher,
            tls,
            draining: AtomicBool::new(false),
            idle_over: AtomicBool::new(false),
            cut_short: AtomicBool::new(false),
            link_up: AtomicBool::new(false),
            journal_unacked: AtomicU64::new(0),
            journal_errors: AtomicU64::new(0),
            config,
        })
    }

    /// The digest under which a key is looked up: HMAC-SHA-256 of the whole text under the installation's pepper.
    #[inline]
    pub(crate) fn digest(&self, key: &[u8]) -> Digest {
        let mut mac = self.hasher.clone();
        mac.update(key);
        mac.finalize().into_bytes().into()
    }

    /// Puts a snapshot in force, or refuses it whole. The answer is JSON either way.
    pub(crate) fn apply(&self, bytes: &[u8]) -> Result<String, String> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.clock.now_ns();
        let previous = self.snapshot.load_full();
        match Snapshot::apply(bytes, &previous, &mut live) {
            Ok((snapshot, applied)) => {
                let generation = snapshot.generation();
                self.snapshot.store(Arc::new(snapshot));
                self.applied_ms.store(self.clock.now_ms(), Ordering::Relaxed);
                self.wallets_changed.fetch_add(1, Ordering::Release);
                let view =
                    AppliedView { generation, keys: applied.keys, apply_us: (self.clock.now_ns() - before) / 1_000 };
                Ok(serde_json::to_string(&view).unwrap_or_default())
            }
            Err(error) => Err(refused(&error, previous.generation())),
        }
    }

    /// The control plane is at this generation: a snapshot of the same one is as fresh as if it had come now.
    pub(crate) fn confirm_generation(&self, generation: u64) {
        if generation != 0 && self.snapshot.load().generation() == generation {
            self.applied_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_idle_over(&self) -> bool {
        self.idle_over.load(Ordering::Relaxed)
    }

    pub(crate) fn end_idle(&self) {
        self.idle_over.store(true, Ordering::Relaxed);
    }

    /// An account has got its first lease of this process: from now on its books are reported.
    pub(crate) fn leased(&self, account: &Arc<AccountLive>) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.entry(account.id()).or_insert_with(|| Leased { account: account.clone(), told_nano: 0 });
    }

    /// What is held, for the accounts of which the control plane was last told something else.
    pub(crate) fn held_changes(&self) -> Vec<(Id, i64)> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let now = leases.iter().map(|(id, leased)| (*id, leased.account.held().max(0), leased.told_nano));
        now.filter(|(_, held, told)| held != told).map(|(id, held, _)| (id, held)).collect()
    }

    /// The control plane has been told this.
    pub(crate) fn held_told(&self, changes: &[(Id, i64)]) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, held_nano) in changes {
            if let Some(leased) = leases.get_mut(id) {
                leased.told_nano = *held_nano;
            }
        }
    }

    /// Takes what is free out of the leases of the wanted accounts.
    pub(crate) fn take_free(&self, wanted: impl Fn(Id) -> bool) -> Vec<(Id, i64)> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let taken =
            leases.iter().filter(|(id, _)| wanted(**id)).map(|(id, leased)| (*id, leased.account.take_free(i64::MAX)));
        taken.filter(|(_, nano)| *nano > 0).collect()
    }

    pub(crate) fn settle_acknowledged(&self, charges: impl Iterator<Item = (Id, i64)>) {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, nano) in charges {
            if let Some(leased) = leases.get(&id) {
                leased.account.acked(nano);
            }
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.counters.iter().map(|c| c.in_flight.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.counters.iter().map(|c| c.connections.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }

    /// The status of `ARCHITECTURE.md`, as JSON.
    pub(crate) fn status(&self) -> String {
        let snapshot = self.snapshot.load();
        let now_s = (self.clock.now_ms() / 1_000) as u32;
        let models: Vec<_> = snapshot
            .status_models()
            .map(|model| {
                let view = model.live.view(now_s);
                json!({"name": &*model.name, "requests": view.requests, "success_rate": view.success_rate,
                       "ttft_ms_p50": view.ttft_ms_p50, "state": view.state.as_str()})
            })
            .collect();
        let mut totals = counters::totals(&self.counters);
        totals.insert("journal_unacked".into(), self.journal_unacked.load(Ordering::Relaxed).into());
        totals.insert("journal_errors_total".into(), self.journal_errors.load(Ordering::Relaxed).into());
        totals.insert("control_link_up".into(), u64::from(self.link_up.load(Ordering::Relaxed)).into());
        totals.insert("snapshot_generation".into(), snapshot.generation().into());
        totals.insert("snapshot_keys".into(), snapshot.key_count().into());
        let applied_ms = self.applied_ms.load(Ordering::Relaxed);
        let age_ms = (applied_ms != 0).then(|| self.clock.now_ms().saturating_sub(applied_ms));
        json!({
            "generation": snapshot.generation(), "snapshot_age_ms": age_ms, "draining": self.is_draining(),
            "in_flight": self.in_flight(), "connections": totals.get("connections"), "wall_ms": wall_ms(),
            "models": models, "counters": totals,
        })
        .to_string()
    }
}

fn refused(error: &SnapshotError, generation: u64) -> String {
    let code = match error {
        SnapshotError::Gap { .. } | SnapshotError::Stale { .. } => "generation_gap",
        SnapshotError::Malformed(_) | SnapshotError::Invalid(_) => "bad_snapshot",
    };
    json!({"code": code, "generation": generation, "message": error.to_string()}).to_string()
}
