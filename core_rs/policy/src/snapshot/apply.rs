//! The next snapshot while it is being read. It looks at the one before and at what is live, and changes neither: a refusal leaves no trace.
//!
//! Groups, models and upstreams are small and are linked once all three are here (see `catalog_draft`); accounts and keys go straight into their
//! final records. What the live registry must learn is collected, for `commit` to do in one go once nothing can fail any more.

use super::accounts::{AccountRecord, Accounts, ExtraGroup, Groups};
use super::catalog::{Models, Upstream};
use super::keys::{NO_GROUP, SHARDS, Shard};
use super::live::KeyPage;
use super::rows::{AccountRow, GroupRow, ModelRow};
use super::{Live, Snapshot, SnapshotError};
use crate::health::{ChannelLive, ModelLive};
use crate::ids::{Digest, Id};
use crate::lease::AccountLive;
use crate::limits::LimitState;
use crate::snapshot::UpstreamLive;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

mod catalog_draft;
mod headers;
mod key_draft;

/// Room beyond the average for a shard: keys fall into shards by chance.
const SHARD_SLACK: usize = 16;

/// The live states of a catalogue, by name; they replace those of the registry.
#[derive(Default)]
pub(super) struct CatalogLives {
    pub(super) models: HashMap<Box<str>, Arc<ModelLive>>,
    pub(super) channels: HashMap<(Box<str>, Box<str>), Arc<ChannelLive>>,
    pub(super) upstreams: HashMap<Box<str>, Arc<UpstreamLive>>,
}

/// What a draft that passed hands to `commit`.
pub(super) struct Parts {
    pub(super) generation: u64,
    pub(super) whole: bool,
    pub(super) groups: Arc<Groups>,
    pub(super) models: Arc<Models>,
    pub(super) upstreams: Arc<[Arc<Upstream>]>,
    /// `None`: neither models nor upstreams came.
    pub(super) catalog_lives: Option<CatalogLives>,
    pub(super) accounts: Accounts,
    pub(super) account_places: HashMap<Id, u32>,
    pub(super) new_accounts: Vec<Arc<AccountLive>>,
    pub(super) new_extra_groups: Vec<(ExtraGroup, Arc<LimitState>)>,
    pub(super) shards: Vec<Arc<Shard>>,
    pub(super) lines: Arc<[KeyPage]>,
    /// Keys whose records have a limit and no line yet; a whole snapshot's are all to be looked at.
    pub(super) wanting: Vec<Digest>,
    /// Lines of records that are no more.
    pub(super) released: Vec<u32>,
    pub(super) keys_put: usize,
    pub(super) keys_gone: usize,
    /// Of the keys put, those with a limit.
    pub(super) limited: usize,
}

pub(super) struct Draft<'a> {
    previous: &'a Snapshot,
    live: &'a Live,
    parts: Parts,
    /// Groups, models, upstreams: whether the table came.
    came: [bool; 3],
    pub(super) group_rows: Vec<GroupRow<'a>>,
    pub(super) model_rows: Vec<ModelRow<'a>>,
    group_places: HashMap<&'a str, u16>,
    /// A group of the snapshot before is gone: references to it must be looked for.
    group_vanished: bool,
    new_upstreams: Vec<Arc<Upstream>>,
    /// A whole snapshot's shards, until they are shared.
    fresh: Vec<Shard>,
    /// Digests that a delta put, to find what it names twice.
    seen: HashSet<Digest>,
    last_account: Option<(Id, u32)>,
    at: (&'static str, usize),
    /// The most key rows that the bytes can hold.
    pub(super) rows_max: usize,
    pub(super) problem: Option<SnapshotError>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(previous: &'a Snapshot, live: &'a Live) -> Self {
        let parts = Parts {
            generation: 0,
            whole: false,
            groups: Arc::clone(&previous.groups),
            models: Arc::clone(&previous.models),
            upstreams: Arc::clone(&previous.upstreams),
            catalog_lives: None,
            accounts: Accounts::default(),
            account_places: HashMap::new(),
            new_accounts: Vec::new(),
            new_extra_groups: Vec::new(),
            shards: Vec::new(),
            lines: Arc::clone(&previous.lines),
            wanting: Vec::new(),
            released: Vec::new(),
            keys_put: 0,
            keys_gone: 0,
            limited: 0,
        };
        Self {
            previous,
            live,
            parts,
            came: [false; 3],
            group_rows: Vec::new(),
            model_rows: Vec::new(),
            group_places: HashMap::new(),
            group_vanished: false,
            new_upstreams: Vec::new(),
            fresh: Vec::new(),
            seen: HashSet::new(),
            last_account: None,
            at: ("head", 0),
            rows_max: 0,
            problem: None,
        }
    }

    /// What `commit` needs of a draft that passed.
    pub(super) fn finish(self) -> Parts {
        let Self { mut parts, fresh, .. } = self;
        if parts.whole {
            parts.shards = fresh.into_iter().map(Arc::new).collect();
        }
        parts
    }

    /// Runs a step whose refusal must survive the decoder's error type.
    pub(super) fn checked<E: serde::de::Error>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), SnapshotError>,
    ) -> Result<(), E> {
        step(self).map_err(|problem| {
            self.problem = Some(problem);
            E::custom("refused")
        })
    }

    pub(super) fn enter(&mut self, table: &'static str) {
        self.at = (table, 0);
    }

    pub(super) fn next_row(&mut self) {
        self.at.1 += 1;
    }

    pub(super) fn invalid(&self, what: &str) -> SnapshotError {
        let (table, row) = self.at;
        SnapshotError::Invalid(format!("{table}[{row}].{what}"))
    }

    /// A decoder's error with its place. Of an upstream only the place: the decoder quotes what it found, and that may be a secret.
    pub(super) fn describe(&self, error: &rmp_serde::decode::Error) -> String {
        match self.at {
            ("head", _) => error.to_string(),
            ("upstreams", row) => {
                format!("upstreams[{row}]: the row does not have the agreed shape")
            }
            (table, row) => format!("{table}[{row}]: {error}"),
        }
    }

    pub(super) fn begin(&mut self, generation: u64, base: u64) -> Result<(), SnapshotError> {
        let have = self.previous.generation;
        self.parts.generation = generation;
        self.parts.whole = base == 0;
        if self.parts.whole {
            // The same generation again is the answer to "send a whole one", so it is taken.
            return if generation < have { Err(SnapshotError::Stale { have, given: generation }) } else { Ok(()) };
        }
        if generation <= have {
            return Err(SnapshotError::Stale { have, given: generation });
        }
        if base != have {
            return Err(SnapshotError::Gap { have, base });
        }
        self.parts.accounts = self.previous.accounts.clone();
        self.parts.shards.clone_from(&self.previous.keys);
        Ok(())
    }

    pub(super) fn absent(&mut self) -> Result<(), SnapshotError> {
        let (table, _) = self.at;
        let may_be_absent = !self.parts.whole && ["groups", "models", "upstreams"].contains(&table);
        if may_be_absent {
            return Ok(());
        }
        Err(SnapshotError::Invalid(format!(
            "{table}: the table is missing; only a delta may leave out groups, models or upstreams"
        )))
    }

    pub(super) fn present(&mut self, rows: usize) {
        let rows = rows.min(self.rows_max);
        match self.at.0 {
            "groups" => self.came[0] = true,
            "models" => self.came[1] = true,
            "upstreams" => self.came[2] = true,
            "accounts" if self.parts.whole => self.parts.account_places.reserve(rows),
            "keys" if self.parts.whole => {
                let average = rows / SHARDS;
                let room = if rows == 0 { 0 } else { average + average / 16 + SHARD_SLACK };
                self.fresh = (0..SHARDS).map(|_| Shard::with_capacity(room)).collect();
            }
            _ => {}
        }
    }

    pub(super) fn put_account(&mut self, row: &AccountRow<'a>) -> Result<(), String> {
        let group = self.group_place("group", row.group)?;
        let mut extra = Vec::with_capacity(row.extra_groups.len());
        for name in &row.extra_groups {
            let place = self.group_place("extra_groups", name)?;
            extra.push((place, self.extra_group(row.id, name)));
        }
        let next = self.parts.accounts.len() as u32;
        let known = if self.parts.whole { None } else { self.live.account_places.get(&row.id).copied() };
        let place = known.unwrap_or(next);
        if self.parts.account_places.insert(row.id, place).is_some() {
            return Err(format!("id: {} stands in the table twice", row.id.text("acc_")));
        }
        let live = self.live.accounts.get(&row.id).cloned().unwrap_or_else(|| {
            let live = Arc::new(AccountLive::new(row.id));
            self.parts.new_accounts.push(Arc::clone(&live));
            live
        });
        let record = AccountRecord { live, group, enabled: row.flags & 1 != 0, rpm: row.rpm, extra: extra.into() };
        self.parts.accounts.put(place, record);
        Ok(())
    }

    fn extra_group(&mut self, account: Id, group: &str) -> Arc<LimitState> {
        let name: ExtraGroup = (account, group.into());
        self.live.extra_groups.get(&name).cloned().unwrap_or_else(|| {
            let state = Arc::new(LimitState::full());
            self.parts.new_extra_groups.push((name, Arc::clone(&state)));
            state
        })
    }

    fn group_place(&self, field: &str, name: &str) -> Result<u16, String> {
        self.group_places.get(name).copied().ok_or_else(|| format!("{field}: there is no group named '{name}'"))
    }

    /// Everything is read. Where a group went, nobody may be left in it.
    pub(super) fn end(&mut self) -> Result<(), SnapshotError> {
        self.index_keys()?;
        if !self.group_vanished {
            return Ok(());
        }
        let is_gone = |place: u16| self.parts.groups.get(place).is_none();
        if let Some(account) = self.parts.accounts.iter().find(|account| account.groups().any(is_gone)) {
            let id = account.live.id().text("acc_");
            return Err(SnapshotError::Invalid(format!("groups: a group is gone that account {id} is in")));
        }
        let groups = self.parts.shards.iter().flat_map(|shard| shard.rares()).map(|rare| rare.group);
        if groups.filter(|place| *place != NO_GROUP).any(is_gone) {
            return Err(SnapshotError::Invalid("groups: a group is gone that a key names".into()));
        }
        Ok(())
    }
}

fn boxed_names(field: &str, names: &[&str]) -> Result<Box<[Box<str>]>, String> {
    if names.iter().any(|name| name.is_empty()) {
        return Err(format!("{field}: an entry is empty"));
    }
    Ok(names.iter().map(|name| Box::from(*name)).collect())
}
