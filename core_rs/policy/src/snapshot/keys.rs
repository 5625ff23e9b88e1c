//! The keys: 256 shards by the first byte of the digest, each a table of places and a vector of fixed records.
//!
//! A delta copies the shards it touches and shares the others. What few keys have (lists, a group of their own) is in a side table, so that a
//! key costs 72 bytes and its share of the table.

use crate::ids::{Digest, Id};
use crate::networks::Networks;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::sync::Arc;

pub(crate) const SHARDS: usize = 256;
/// "None" where a record holds a place in another table.
pub(crate) const NONE: u32 = u32::MAX;
/// The group of a key that names none.
pub(crate) const NO_GROUP: u16 = u16::MAX;
pub(crate) const FLAG_ENABLED: u32 = 1;

/// One key.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct KeyRecord {
    pub(crate) digest: Digest,
    pub(crate) id: Id,
    /// Place in the snapshot's accounts.
    pub(crate) account: u32,
    /// Unix seconds; 0 is never.
    pub(crate) expires_s: u32,
    pub(crate) rpm: u32,
    /// Place of the live limit states, or [`NONE`].
    pub(crate) line: u32,
    /// Place in the shard's side table, or [`NONE`].
    pub(crate) rare: u32,
    pub(crate) flags: u32,
}
const _: () = assert!(size_of::<KeyRecord>() == 72);

/// What few keys have.
#[derive(Clone, Debug)]
pub(crate) struct Rare {
    /// Bits of [`crate::admission::Endpoint`]; 0 is all.
    pub(crate) endpoints: u32,
    pub(crate) group: u16,
    pub(crate) models: Option<Box<[Box<str>]>>,
    pub(crate) networks: Option<Networks>,
}

/// The keys whose digests begin with one byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shard {
    table: HashTable<u32>,
    records: Vec<KeyRecord>,
    rare: Vec<Option<Arc<Rare>>>,
    rare_free: Vec<u32>,
}

/// The digest is a keyed hash already, so eight of its bytes are as good as any hash of it. The first byte chose the shard.
#[inline]
fn hash(digest: &Digest) -> u64 {
    let [_, a, b, c, d, e, f, g, h, ..] = *digest;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[inline]
pub(crate) fn shard_of(digest: &Digest) -> usize {
    usize::from(digest[0])
}

impl Shard {
    pub(crate) fn with_capacity(keys: usize) -> Self {
        Self { records: Vec::with_capacity(keys), ..Self::default() }
    }

    #[inline]
    pub(crate) fn find(&self, digest: &Digest) -> Option<&KeyRecord> {
        let place = self.table.find(hash(digest), |&place| self.is_at(place, digest))?;
        self.records.get(*place as usize)
    }

    pub(crate) fn find_mut(&mut self, digest: &Digest) -> Option<&mut KeyRecord> {
        let place = *self.table.find(hash(digest), |&place| self.is_at(place, digest))?;
        self.records.get_mut(place as usize)
    }

    #[inline]
    fn is_at(&self, place: u32, digest: &Digest) -> bool {
        self.records.get(place as usize).is_some_and(|record| record.digest == *digest)
    }

    #[inline]
    pub(crate) fn rare(&self, record: &KeyRecord) -> Option<&Rare> {
        self.rare.get(record.rare as usize)?.as_deref()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// What the keys cost without their side table.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.table.allocation_size() + self.records.capacity() * size_of::<KeyRecord>()
    }

    pub(crate) fn records_mut(&mut self) -> impl Iterator<Item = &mut KeyRecord> {
        self.records.iter_mut()
    }

    pub(crate) fn rares(&self) -> impl Iterator<Item = &Rare> {
        self.rare.iter().flatten().map(AsRef::as_ref)
    }

    /// Puts a key in, or in the place of the one with its digest, which is returned.
    pub(crate) fn put(&mut self, record: KeyRecord, rare: Option<Rare>) -> Option<KeyRecord> {
        let Self { table, records, .. } = self;
        let is_same = |&place: &u32| records.get(place as usize).is_some_and(|other| other.digest == record.digest);
        let hash_at = |&place: &u32| records.get(place as usize).map_or(0, |other| hash(&other.digest));
        let place = match table.entry(hash(&record.digest), is_same, hash_at) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(records.len() as u32);
                self.append(record, rare);
                return None;
            }
        };
        let replaced = self.records.get(place as usize).copied();
        if let Some(old) = &replaced {
            self.drop_rare(old.rare);
        }
        let rare = rare.map_or(NONE, |rare| self.keep_rare(rare));
        if let Some(at) = self.records.get_mut(place as usize) {
            *at = KeyRecord { rare, ..record };
        }
        replaced
    }

    /// Appends a key that cannot be found before [`Shard::index`] has run.
    ///
    /// Reading a whole snapshot jumps from shard to shard with every key; the tables are left for later, when one shard at a time is in the cache.
    pub(crate) fn append(&mut self, record: KeyRecord, rare: Option<Rare>) {
        let rare = rare.map_or(NONE, |rare| self.keep_rare(rare));
        self.records.push(KeyRecord { rare, ..record });
    }

    /// Makes all that was appended findable. Until then a record's `line` is the number of its row, so that a refusal can name it.
    ///
    /// # Errors
    /// The second of two keys with one digest.
    pub(crate) fn index(&mut self) -> Result<(), KeyRecord> {
        let Self { table, records, .. } = self;
        *table = HashTable::with_capacity(records.len());
        for (place, record) in (0u32..).zip(records.iter()) {
            let is_same = |&other: &u32| records.get(other as usize).is_some_and(|other| other.digest == record.digest);
            let hash_at = |&other: &u32| records.get(other as usize).map_or(0, |other| hash(&other.digest));
            match table.entry(hash(&record.digest), is_same, hash_at) {
                Entry::Occupied(_) => return Err(*record),
                Entry::Vacant(entry) => entry.insert(place),
            };
        }
        records.iter_mut().for_each(|record| record.line = NONE);
        Ok(())
    }

    /// Takes a key out; the last record moves into its place.
    pub(crate) fn remove(&mut self, digest: &Digest) -> Option<KeyRecord> {
        let Self { table, records, .. } = self;
        let is_same = |&place: &u32| records.get(place as usize).is_some_and(|other| other.digest == *digest);
        let (place, _) = table.find_entry(hash(digest), is_same).ok()?.remove();
        let last = records.len().checked_sub(1)? as u32;
        if place != last {
            let moved = hash(&records.get(last as usize)?.digest);
            if let Some(at) = table.find_mut(moved, |&at| at == last) {
                *at = place;
            }
        }
        let gone = self.records.swap_remove(place as usize);
        self.drop_rare(gone.rare);
        Some(gone)
    }

    fn keep_rare(&mut self, rare: Rare) -> u32 {
        let rare = Some(Arc::new(rare));
        if let Some(place) = self.rare_free.pop()
            && let Some(at) = self.rare.get_mut(place as usize)
        {
            *at = rare;
            return place;
        }
        self.rare.push(rare);
        self.rare.len() as u32 - 1
    }

    fn drop_rare(&mut self, place: u32) {
        if let Some(at) = self.rare.get_mut(place as usize) {
            *at = None;
            self.rare_free.push(place);
        }
    }
}
