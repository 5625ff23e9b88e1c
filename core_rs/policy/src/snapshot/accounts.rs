//! The accounts of a snapshot, by place. Places are stable across deltas; pages are shared with the snapshot before.

use super::catalog::Group;
use super::keys::NO_GROUP;
use crate::ids::Id;
use crate::lease::AccountLive;
use crate::limits::LimitState;
use std::sync::Arc;

const PAGE: usize = 256;

/// Names the limit state of an account in a group that is not its main one.
pub(crate) type ExtraGroup = (Id, Box<str>);

#[derive(Clone, Debug)]
pub(crate) struct AccountRecord {
    pub(crate) live: Arc<AccountLive>,
    pub(crate) group: u16,
    pub(crate) enabled: bool,
    pub(crate) rpm: u32,
    /// Further groups that the account's keys may name, each with the state of its limit for this account.
    pub(crate) extra: Box<[(u16, Arc<LimitState>)]>,
}

impl AccountRecord {
    /// The limit state of this account in `group`, if the account may be in it.
    #[inline]
    pub(crate) fn group_requests(&self, group: u16) -> Option<&LimitState> {
        if group == self.group {
            return Some(&self.live.group_requests);
        }
        self.extra.iter().find(|(extra, _)| *extra == group).map(|(_, state)| &**state)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = u16> {
        core::iter::once(self.group).chain(self.extra.iter().map(|(group, _)| *group))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    pages: Vec<Arc<Vec<AccountRecord>>>,
    len: usize,
}

impl Accounts {
    #[inline]
    pub(crate) fn get(&self, place: u32) -> Option<&AccountRecord> {
        self.pages.get(place as usize / PAGE)?.get(place as usize % PAGE)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &AccountRecord> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    /// Replaces the record at `place`, or appends it where `place` is the next one.
    pub(crate) fn put(&mut self, place: u32, record: AccountRecord) {
        if place as usize == self.len {
            if self.len.is_multiple_of(PAGE) {
                self.pages.push(Arc::new(Vec::with_capacity(PAGE)));
            }
            if let Some(page) = self.pages.last_mut() {
                Arc::make_mut(page).push(record);
                self.len += 1;
            }
        } else if let Some(page) = self.pages.get_mut(place as usize / PAGE)
            && let Some(at) = Arc::make_mut(page).get_mut(place as usize % PAGE)
        {
            *at = record;
        }
    }
}

/// Groups by place; places are stable by name, so that records of accounts and keys need no change when the table is replaced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    pub(super) list: Vec<Option<Group>>,
}

impl Groups {
    #[inline]
    pub(crate) fn get(&self, place: u16) -> Option<&Group> {
        self.list.get(usize::from(place))?.as_ref()
    }

    pub(crate) fn find(&self, name: &str) -> Option<u16> {
        let place = self.list.iter().position(|group| group.as_ref().is_some_and(|group| &*group.name == name))?;
        u16::try_from(place).ok().filter(|place| *place != NO_GROUP)
    }
}
