//! Keys of a draft: each row is checked and goes straight into its final record.

use super::{Draft, boxed_names};
use crate::ids::Id;
use crate::networks::Networks;
use crate::snapshot::SnapshotError;
use crate::snapshot::keys::{FLAG_ENABLED, KeyRecord, NO_GROUP, NONE, Rare, Shard, shard_of};
use crate::snapshot::rows::{GoneRow, KeyRow};
use std::sync::Arc;

impl<'a> Draft<'a> {
    fn account_place(&mut self, id: Id) -> Result<u32, String> {
        match self.last_account {
            Some((last, place)) if last == id => return Ok(place), // keys mostly come account by account
            _ => {}
        }
        let known = || {
            if self.parts.whole { None } else { self.live.account_places.get(&id) }
        };
        let place = self.parts.account_places.get(&id).or_else(known).copied();
        let place = place.ok_or_else(|| format!("account: there is no account {}", id.text("acc_")))?;
        self.last_account = Some((id, place));
        Ok(place)
    }

    pub(in crate::snapshot) fn put_key(&mut self, row: &KeyRow<'a>) -> Result<(), String> {
        let account = self.account_place(row.account)?;
        let rare = self.rare(row)?;
        let record = KeyRecord {
            digest: row.digest,
            id: row.id,
            account,
            expires_s: row.expires_s,
            rpm: row.rpm,
            line: if self.parts.whole { self.at.1 as u32 } else { NONE }, // see `Shard::index`
            rare: NONE,
            flags: row.flags & FLAG_ENABLED,
        };
        let shard = shard_of(&row.digest);
        let is_first = if self.parts.whole {
            if let Some(shard) = self.fresh.get_mut(shard) {
                shard.append(record, rare);
            }
            true // as far as is known: `index_keys` looks
        } else {
            let replaced = self.parts.shards.get_mut(shard).and_then(|shard| Arc::make_mut(shard).put(record, rare));
            self.parts.released.extend(replaced.map(|old| old.line).filter(|line| *line != NONE));
            if row.rpm != 0 {
                self.parts.wanting.push(row.digest);
            }
            self.seen.insert(row.digest)
        };
        if !is_first {
            return Err(twice(row.id));
        }
        self.parts.keys_put += 1;
        self.parts.limited += usize::from(row.rpm != 0);
        Ok(())
    }

    fn rare(&self, row: &KeyRow<'a>) -> Result<Option<Rare>, String> {
        if row.endpoints == 0 && row.group.is_none() && row.models.is_none() && row.networks.is_none() {
            return Ok(None);
        }
        let group = row.group.map_or(Ok(NO_GROUP), |name| self.group_place("group", name))?;
        let models = row.models.as_deref().map(|patterns| boxed_names("models", patterns)).transpose()?;
        let networks = row.networks.as_deref().map(Networks::parse_all).transpose();
        let networks = networks.map_err(|wrong| format!("allow_ips: {wrong}"))?;
        let endpoints = row.endpoints;
        Ok(Some(Rare { endpoints, group, models, networks }))
    }

    /// The keys of a whole snapshot are all here: makes their tables, which also finds those that stand there twice.
    pub(super) fn index_keys(&mut self) -> Result<(), SnapshotError> {
        let mut indexed = self.fresh.iter_mut().map(Shard::index);
        let twin = indexed.find_map(Result::err);
        let Some(twin) = twin else { return Ok(()) };
        self.at = ("keys", twin.line as usize);
        Err(self.invalid(&twice(twin.id)))
    }

    pub(in crate::snapshot) fn remove_key(&mut self, row: &GoneRow) -> Result<(), String> {
        let GoneRow(digest) = row;
        if self.parts.whole || self.seen.contains(digest) {
            return Err("digest: only a delta takes keys away, and not those that it gives".into());
        }
        let removed = self.parts.shards.get_mut(shard_of(digest)).filter(|shard| shard.find(digest).is_some());
        // A digest that is not here is gone already: a delta may say so twice.
        if let Some(old) = removed.and_then(|shard| Arc::make_mut(shard).remove(digest)) {
            self.parts.released.extend(Some(old.line).filter(|line| *line != NONE));
            self.parts.keys_gone += 1;
        }
        Ok(())
    }
}

fn twice(key: Id) -> String {
    format!("digest: the one of {} stands in the table twice", key.text("key_"))
}
