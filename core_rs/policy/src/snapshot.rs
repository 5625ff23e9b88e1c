//! The state of the world that requests are decided by: immutable, replaced whole, read without a lock.
//!
//! A snapshot is built from bytes of the control plane, or refused as a whole: then nothing changes, and the error names the row and field that
//! must be mended. What must not be lost when it is replaced (balances, limit states, health) is in [`Live`].

use crate::ids::Digest;
use core::fmt;
use std::sync::Arc;

pub use catalog::{Channel, Credential, Group, Model, ModelKind, Provider, Timeouts, Upstream, UpstreamLive};
pub use live::Live;

pub(crate) mod accounts;
mod apply;
mod base_url;
mod catalog;
mod commit;
mod decode;
pub(crate) mod keys;
pub(crate) mod live;
pub(crate) mod pattern;
mod rows;
#[cfg(test)]
mod tests;

/// The group whose models are public.
const DEFAULT_GROUP: &str = "default";

/// Everything that requests are decided by.
#[derive(Debug)]
pub struct Snapshot {
    generation: u64,
    keys: Vec<Arc<keys::Shard>>,
    key_count: usize,
    accounts: accounts::Accounts,
    groups: Arc<accounts::Groups>,
    models: Arc<catalog::Models>,
    upstreams: Arc<[Arc<Upstream>]>,
    lines: Arc<[live::KeyPage]>,
}

/// What an application of a snapshot did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    pub generation: u64,
    /// Whether it was a whole snapshot, not a delta.
    pub whole: bool,
    /// Keys in the new snapshot.
    pub keys: usize,
    pub accounts: usize,
    pub models: usize,
    /// Rows of keys that came with it, and digests that went.
    pub keys_put: usize,
    pub keys_gone: usize,
}

/// Why a snapshot was refused. The one before goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Not the agreed msgpack.
    Malformed(String),
    /// A delta on a generation that is not the current one: a whole snapshot is needed.
    Gap { have: u64, base: u64 },
    /// Older than what is here.
    Stale { have: u64, given: u64 },
    /// Well formed, but contradicts itself; names row and field.
    Invalid(String),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "the snapshot is not the agreed msgpack: {what}"),
            Self::Gap { have, base } => {
                write!(
                    f,
                    "the delta is based on generation {base}, but generation {have} is here; send a whole snapshot"
                )
            }
            Self::Stale { have, given } => {
                write!(f, "generation {given} is older than generation {have}, which is here")
            }
            Self::Invalid(what) => write!(f, "the snapshot contradicts itself: {what}"),
        }
    }
}

impl core::error::Error for SnapshotError {}

impl Snapshot {
    /// Knows nobody and nothing: every key is refused.
    #[must_use]
    pub fn empty() -> Self {
        let shard = Arc::new(keys::Shard::default());
        Self {
            generation: 0,
            keys: vec![shard; keys::SHARDS],
            key_count: 0,
            accounts: accounts::Accounts::default(),
            groups: Arc::default(),
            models: Arc::default(),
            upstreams: Arc::from([]),
            lines: Arc::from([]),
        }
    }

    /// Builds the next snapshot out of bytes and, for a delta, the current one. Total: no bytes make it panic.
    ///
    /// # Errors
    /// When the bytes are refused; then neither `previous` nor what `live` decides by has changed.
    pub fn apply(bytes: &[u8], previous: &Self, live: &mut Live) -> Result<(Self, Applied), SnapshotError> {
        let parts = decode::decode(bytes, previous, live)?;
        Ok(commit::commit(parts, live))
    }

    /// 0 is "none yet".
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    #[must_use]
    pub const fn key_count(&self) -> usize {
        self.key_count
    }

    /// Every model, disabled ones included.
    #[must_use]
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models.list
    }

    #[must_use]
    #[inline]
    pub fn model(&self, name: &[u8]) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    #[must_use]
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// A group's multiplier in 10⁻⁶.
    #[must_use]
    pub fn group_multiplier_micro(&self, name: &str) -> Option<u64> {
        self.groups.get(self.groups.find(name)?).map(|group| group.multiplier_micro)
    }

    /// The models that `/api/status` lists: enabled ones of group `default`.
    pub fn status_models(&self) -> impl Iterator<Item = &Arc<Model>> {
        let group = self.groups.find(DEFAULT_GROUP).and_then(|place| self.groups.get(place));
        self.models().iter().filter(move |model| model.enabled && group.is_some_and(|group| group.allows(model)))
    }

    #[inline]
    pub(crate) fn key(&self, digest: &Digest) -> Option<(&keys::KeyRecord, Option<&keys::Rare>)> {
        let shard = self.keys.get(keys::shard_of(digest))?;
        let record = shard.find(digest)?;
        Some((record, shard.rare(record)))
    }

    #[inline]
    pub(crate) fn account(&self, place: u32) -> Option<&accounts::AccountRecord> {
        self.accounts.get(place)
    }

    #[inline]
    pub(crate) fn group(&self, place: u16) -> Option<&Group> {
        self.groups.get(place)
    }

    #[inline]
    pub(crate) fn line(&self, place: u32) -> Option<&live::KeyLive> {
        live::key_line(&self.lines, place)
    }
}
