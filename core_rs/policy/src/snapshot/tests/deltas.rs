//! Deltas against a model: after any sequence of them the snapshot answers as a whole one of the same state does, and the old one is as it was.

use super::{applied, line_of, world};
use crate::ids::{Digest, Id};
use crate::snapshot::{Live, Snapshot, SnapshotError};
use crate::testing::{AccountSpec, GroupSpec, KeySpec, SnapshotBuilder, UpstreamSpec, digest, id};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Change {
    Put { key: u64, account: u64, rpm: u32, listed: bool },
    Gone(u64),
}

fn changes() -> impl Strategy<Value = Vec<Vec<Change>>> {
    // Few keys, so that they meet; all in one of three shards, so that places are re-used.
    let put = (0u64..12, 1u64..4, 0u32..3, any::<bool>()).prop_map(|(key, account, rpm, listed)| Change::Put {
        key,
        account,
        rpm,
        listed,
    });
    let change = prop_oneof![2 => put, 1 => (0u64..12).prop_map(Change::Gone)];
    prop::collection::vec(prop::collection::vec(change, 0..6), 1..12)
}

fn spec(key: u64, account: u64, rpm: u32, listed: bool) -> KeySpec {
    let models = listed.then(|| vec![format!("only-{key}")]);
    KeySpec { digest: crowded(key), rpm, models, ..KeySpec::new(key, account) }
}

fn crowded(key: u64) -> Digest {
    let mut digest = digest(key);
    digest[0] = (key % 3) as u8;
    digest
}

fn accounts(builder: SnapshotBuilder) -> SnapshotBuilder {
    (1..4).fold(builder, |builder, number| builder.account(AccountSpec::new(number)))
}

/// Key, account, limit, enabled, list of models.
type Answer = (Id, Id, u32, bool, Option<Vec<Box<str>>>);

/// What a request of each key would be decided by.
fn answers(snapshot: &Snapshot) -> Vec<Option<Answer>> {
    let answer = |key| {
        let (record, rare) = snapshot.key(&crowded(key))?;
        let account = snapshot.account(record.account).expect("its account").live.id();
        let models = rare.and_then(|rare| rare.models.clone()).map(Vec::from);
        assert_eq!(snapshot.line(record.line).is_some(), record.rpm != 0);
        Some((record.id, account, record.rpm, record.flags == 1, models))
    };
    (0..12).map(answer).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn deltas_add_up_to_a_whole(steps in changes()) {
        let mut live = Live::new(1);
        let (mut snapshot, _) = Snapshot::apply(&accounts(SnapshotBuilder::whole(1)).encode(), &Snapshot::empty(), &mut live).expect("a good snapshot");
        let mut model: BTreeMap<u64, KeySpec> = BTreeMap::new();
        for (generation, step) in (2u64..).zip(steps) {
            let mut delta = SnapshotBuilder::delta(generation, generation - 1);
            let mut touched = std::collections::BTreeSet::new();
            for change in step {
                match change {
                    Change::Put { key, account, rpm, listed } if touched.insert(key) => {
                        delta = delta.key(spec(key, account, rpm, listed));
                        model.insert(key, spec(key, account, rpm, listed));
                    }
                    Change::Gone(key) if touched.insert(key) => {
                        delta = delta.gone(crowded(key));
                        model.remove(&key);
                    }
                    _ => {}
                }
            }
            let before = answers(&snapshot);
            let (next, applied) = Snapshot::apply(&delta.encode(), &snapshot, &mut live).expect("a good delta");
            prop_assert_eq!(answers(&snapshot), before, "the snapshot before is as it was");
            prop_assert_eq!(applied.keys, model.len());
            let whole = model.values().cloned().fold(accounts(SnapshotBuilder::whole(generation)), SnapshotBuilder::key);
            prop_assert_eq!(answers(&next), answers(&applied_whole(&whole)));
            // Every limited key has a line of its own.
            let mut lines: Vec<_> = model.values().filter(|key| key.rpm != 0).map(|key| line_of(&next, &key.digest)).collect();
            lines.sort_unstable();
            let count = lines.len();
            lines.dedup();
            prop_assert_eq!(lines.len(), count);
            snapshot = next;
        }
    }
}

fn applied_whole(builder: &SnapshotBuilder) -> Snapshot {
    applied(builder).0
}

#[test]
fn untouched_shards_are_shared() {
    let (first, mut live) = applied(&world());
    let delta = SnapshotBuilder::delta(8, 7).key(KeySpec::new(3, 1)).gone(digest(99));
    let (second, _) = Snapshot::apply(&delta.encode(), &first, &mut live).expect("a good delta");
    let copied = first.keys.iter().zip(&second.keys).filter(|(before, now)| !Arc::ptr_eq(before, now)).count();
    assert_eq!(copied, 1);
}

#[test]
fn tables_of_a_delta_are_linked_to_those_that_did_not_come() {
    let (first, mut live) = applied(&world());
    // The upstream moves; the model, which did not come, follows it.
    let moved = SnapshotBuilder {
        upstreams: Some(vec![UpstreamSpec::new("up", "http://elsewhere")]),
        ..SnapshotBuilder::delta(8, 7)
    };
    let (second, _) = Snapshot::apply(&moved.encode(), &first, &mut live).expect("a good delta");
    assert_eq!(&*second.model(b"m").expect("the model").channels[0].upstream.host, "elsewhere");
    assert_eq!(&*first.model(b"m").expect("the model").channels[0].upstream.host, "api.example.com");
    // It cannot go while a model needs it.
    let gone = SnapshotBuilder { upstreams: Some(Vec::new()), ..SnapshotBuilder::delta(9, 8) };
    let error = Snapshot::apply(&gone.encode(), &second, &mut live).expect_err("a route to nothing");
    assert!(matches!(error, SnapshotError::Invalid(what) if what.contains("'up'") && what.contains("'m'")));
}

#[test]
fn a_group_goes_only_when_nobody_is_in_it() {
    let (first, mut live) = applied(&world());
    let only = |name: &str, generation| SnapshotBuilder {
        groups: Some(vec![GroupSpec::new(name)]),
        ..SnapshotBuilder::delta(generation, generation - 1)
    };
    let mut apply = |delta: &SnapshotBuilder, previous: &Snapshot| {
        Snapshot::apply(&delta.encode(), previous, &mut live).map(|(snapshot, _)| snapshot)
    };
    let error = apply(&only("default", 8), &first).expect_err("account 1 has it as an extra");
    assert!(matches!(error, SnapshotError::Invalid(what) if what.contains(&id(1).text("acc_"))));
    // A new group does not take its place in the same delta: whoever is still in the old one would be in the new one.
    let swapped = only("default", 8).group(GroupSpec::new("new"));
    assert!(apply(&swapped, &first).is_err());
    // The account leaves it in the same delta, but a key still names it.
    let error = apply(&only("default", 8).account(AccountSpec::new(1)), &first).expect_err("key 2 names it");
    assert!(matches!(error, SnapshotError::Invalid(what) if what.contains("key")));
    let leave = only("default", 8).account(AccountSpec::new(1)).key(KeySpec::new(2, 1));
    let second = apply(&leave, &first).expect("nobody is left");
    assert_eq!(second.group_multiplier_micro("team"), None);
    // Its place goes to another group.
    let mut with_new = only("default", 9);
    with_new = with_new.group(GroupSpec { multiplier_micro: 3, ..GroupSpec::new("new") });
    let third = apply(&with_new, &second).expect("a good delta");
    assert_eq!((third.groups.list.len(), third.group_multiplier_micro("new")), (2, Some(3)));
    assert!(
        apply(
            &SnapshotBuilder::delta(10, 9).account(AccountSpec { group: "team".into(), ..AccountSpec::new(1) }),
            &third
        )
        .is_err()
    );
}

#[test]
fn a_delta_that_names_a_key_twice_is_refused() {
    let (first, mut live) = applied(&world());
    let twice = SnapshotBuilder::delta(8, 7).key(KeySpec::new(3, 1)).key(KeySpec::new(3, 1));
    let error = Snapshot::apply(&twice.encode(), &first, &mut live).expect_err("twice");
    assert!(matches!(error, SnapshotError::Invalid(what) if what.starts_with("keys[1].digest")));
    let both = SnapshotBuilder::delta(8, 7).key(KeySpec::new(3, 1)).gone(digest(3));
    let error = Snapshot::apply(&both.encode(), &first, &mut live).expect_err("both");
    assert!(matches!(error, SnapshotError::Invalid(what) if what.starts_with("gone[0].digest")));
}
