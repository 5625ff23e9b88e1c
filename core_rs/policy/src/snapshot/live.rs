//! What outlives snapshots: balances, limit states, health. A snapshot points into it; applying one never resets it.

use super::accounts::ExtraGroup;
use super::catalog::UpstreamLive;
use crate::health::{ChannelLive, ModelLive};
use crate::ids::Id;
use crate::lease::AccountLive;
use crate::limits::LimitState;
use core::sync::atomic::{AtomicU64, Ordering};
use hashbrown::{HashMap, HashTable};
use std::sync::Arc;

/// Limit states of keys are kept in pages, so that a snapshot can hold them all by a few pointers.
const PAGE: usize = 1_024;

/// The live limit states of one key: a cache line of its own, which also says whose it is.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct KeyLive {
    pub(crate) requests: LimitState,
    id: [AtomicU64; 2],
}

pub(crate) type KeyPage = Arc<[KeyLive]>;

/// The registry. One writer applies snapshots; requests reach the states through the snapshot and never come here.
#[derive(Debug)]
pub struct Live {
    pub(super) stripes: usize,
    pub(super) accounts: HashMap<Id, Arc<AccountLive>>,
    /// Places of the accounts in the current snapshot.
    pub(super) account_places: HashMap<Id, u32>,
    pub(super) extra_groups: HashMap<ExtraGroup, Arc<LimitState>>,
    pub(super) models: HashMap<Box<str>, Arc<ModelLive>>,
    pub(super) upstreams: HashMap<Box<str>, Arc<UpstreamLive>>,
    pub(super) channels: HashMap<(Box<str>, Box<str>), Arc<ChannelLive>>,
    pub(super) keys: KeyLives,
}

impl Live {
    /// `stripes`: how many threads record health, so that each has counters of its own.
    #[must_use]
    pub fn new(stripes: usize) -> Self {
        Self {
            stripes: stripes.max(1),
            accounts: HashMap::new(),
            account_places: HashMap::new(),
            extra_groups: HashMap::new(),
            models: HashMap::new(),
            upstreams: HashMap::new(),
            channels: HashMap::new(),
            keys: KeyLives::default(),
        }
    }

    #[must_use]
    pub fn account(&self, id: &Id) -> Option<&Arc<AccountLive>> {
        self.accounts.get(id)
    }
}

/// The limit states of the keys that have limits. A place is kept while a record refers to it, then given to another key.
#[derive(Debug, Default)]
pub(super) struct KeyLives {
    pages: Vec<KeyPage>,
    /// Places by key id; the id itself is in the line.
    by_id: HashTable<u32>,
    /// How many records of the current snapshot refer to each place.
    references: Vec<u32>,
    free: Vec<u32>,
}

impl KeyLive {
    fn new() -> Self {
        Self { requests: LimitState::full(), id: [const { AtomicU64::new(0) }; 2] }
    }

    fn words(id: Id) -> [u64; 2] {
        let value = u128::from_be_bytes(id.0);
        [(value >> 64) as u64, value as u64]
    }

    fn is_of(&self, words: [u64; 2]) -> bool {
        self.id.iter().zip(words).all(|(ours, word)| ours.load(Ordering::Relaxed) == word)
    }

    fn hash(&self) -> u64 {
        hash(self.id.each_ref().map(|word| word.load(Ordering::Relaxed)))
    }
}

/// ULIDs made in one millisecond differ only in their low bits, and hash tables look at the high ones: one multiplication spreads them.
fn hash([high, low]: [u64; 2]) -> u64 {
    let product = u128::from(high ^ low) * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}

impl KeyLives {
    pub(super) fn pages(&self) -> &[KeyPage] {
        &self.pages
    }

    #[inline]
    fn line(&self, place: u32) -> Option<&KeyLive> {
        key_line(&self.pages, place)
    }

    /// The place of a key's limit states; one more record refers to it now.
    pub(super) fn acquire(&mut self, id: Id) -> u32 {
        let words = KeyLive::words(id);
        let found =
            self.by_id.find(hash(words), |&place| self.line(place).is_some_and(|line| line.is_of(words))).copied();
        let place = found.unwrap_or_else(|| self.assign(words));
        if let Some(references) = self.references.get_mut(place as usize) {
            *references += 1;
        }
        place
    }

    fn assign(&mut self, words: [u64; 2]) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            let place = self.references.len();
            self.references.push(0);
            if place.is_multiple_of(PAGE) {
                self.pages.push((0..PAGE).map(|_| KeyLive::new()).collect());
            }
            place as u32
        });
        if let Some(line) = self.line(place) {
            line.requests.refill();
            for (ours, word) in line.id.iter().zip(words) {
                ours.store(word, Ordering::Relaxed);
            }
        }
        let Self { by_id, pages, .. } = self;
        by_id.insert_unique(hash(words), place, |&at| key_line(pages, at).map_or(0, KeyLive::hash));
        place
    }

    /// Makes room for `keys` in all at once: growing step by step reads every line again.
    pub(super) fn reserve(&mut self, keys: usize) {
        let more = keys.saturating_sub(self.by_id.len());
        self.references.reserve(more.saturating_sub(self.free.len()));
        let Self { by_id, pages, .. } = self;
        by_id.reserve(more, |&at| key_line(pages, at).map_or(0, KeyLive::hash));
    }

    /// One record less refers to the place. Nothing is freed before [`KeyLives::sweep`], so a key that moves to another record keeps its state.
    pub(super) fn release(&mut self, place: u32) {
        if let Some(references) = self.references.get_mut(place as usize) {
            *references = references.saturating_sub(1);
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let lines = self.pages.len() * PAGE * size_of::<KeyLive>();
        lines + self.by_id.allocation_size() + (self.references.capacity() + self.free.capacity()) * size_of::<u32>()
    }

    pub(super) fn release_all(&mut self) {
        self.references.fill(0);
    }

    /// Frees `place` if no record refers to it any more.
    pub(super) fn sweep(&mut self, place: u32) {
        if self.references.get(place as usize) != Some(&0) {
            return;
        }
        let Some(hash) = self.line(place).map(KeyLive::hash) else {
            return;
        };
        // A place that is free already is not in the table, so it cannot be freed twice.
        if let Ok(entry) = self.by_id.find_entry(hash, |&at| at == place) {
            entry.remove();
            self.free.push(place);
        }
    }

    pub(super) fn sweep_all(&mut self) {
        for place in 0..self.references.len() as u32 {
            self.sweep(place);
        }
    }
}

/// The line at `place` of a snapshot's pages.
#[inline]
pub(crate) fn key_line(pages: &[KeyPage], place: u32) -> Option<&KeyLive> {
    pages.get(place as usize / PAGE)?.get(place as usize % PAGE)
}
