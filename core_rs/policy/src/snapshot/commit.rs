//! Makes a draft that passed the current state: tells the live registry what is new and what is gone. Nothing here can fail.

use super::apply::Parts;
use super::keys::shard_of;
use super::{Applied, Live, Snapshot};
use std::sync::Arc;

pub(super) fn commit(mut parts: Parts, live: &mut Live) -> (Snapshot, Applied) {
    if let Some(lives) = parts.catalog_lives.take() {
        (live.models, live.channels, live.upstreams) = (lives.models, lives.channels, lives.upstreams);
    }
    live.accounts.extend(parts.new_accounts.drain(..).map(|account| (account.id(), account)));
    live.extra_groups.extend(parts.new_extra_groups.drain(..));
    if parts.whole {
        live.account_places = core::mem::take(&mut parts.account_places);
        assign_all_lines(&mut parts, live);
        // Money that is still here, or anybody who still holds on to it, keeps an account alive.
        live.accounts.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_clear());
        live.extra_groups.retain(|_, state| Arc::strong_count(state) > 1);
    } else {
        live.account_places.extend(parts.account_places.drain());
        assign_new_lines(&mut parts, live);
    }
    if parts.lines.len() != live.keys.pages().len() {
        parts.lines = live.keys.pages().into();
    }
    let key_count = parts.shards.iter().map(|shard| shard.len()).sum();
    let applied = Applied {
        generation: parts.generation,
        whole: parts.whole,
        keys: key_count,
        accounts: parts.accounts.len(),
        models: parts.models.list.len(),
        keys_put: parts.keys_put,
        keys_gone: parts.keys_gone,
    };
    let snapshot = Snapshot {
        generation: parts.generation,
        keys: parts.shards,
        key_count,
        accounts: parts.accounts,
        groups: parts.groups,
        models: parts.models,
        upstreams: parts.upstreams,
        lines: parts.lines,
    };
    (snapshot, applied)
}

fn assign_all_lines(parts: &mut Parts, live: &mut Live) {
    live.keys.release_all();
    live.keys.reserve(parts.limited);
    for shard in &mut parts.shards {
        for record in Arc::make_mut(shard).records_mut().filter(|record| record.rpm != 0) {
            record.line = live.keys.acquire(record.id);
        }
    }
    live.keys.sweep_all();
}

fn assign_new_lines(parts: &mut Parts, live: &mut Live) {
    for digest in &parts.wanting {
        let shard = parts.shards.get_mut(shard_of(digest)).map(Arc::make_mut);
        if let Some(record) = shard.and_then(|shard| shard.find_mut(digest)) {
            record.line = live.keys.acquire(record.id);
        }
    }
    for line in &parts.released {
        live.keys.release(*line);
    }
    for line in &parts.released {
        live.keys.sweep(*line);
    }
}
