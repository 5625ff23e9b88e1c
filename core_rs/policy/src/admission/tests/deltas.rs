//! Deltas as callers see them: what a request may do changes with the snapshot, what it has used up goes on.

use crate::admission::authenticate;
use crate::ids::Digest;
use crate::snapshot::{Live, Snapshot};
use crate::testing::{AccountSpec, GroupSpec, KeySpec, ModelSpec, SnapshotBuilder, UpstreamSpec, digest, id};

/// Generation 7: a model, an account in two groups, a key that is limited and one that is narrowed to models of the second group.
fn world() -> (Snapshot, Live) {
    let builder = SnapshotBuilder::whole(7)
        .group(GroupSpec::new("team"))
        .upstream(UpstreamSpec::new("up", "http://h/v1"))
        .model(ModelSpec::chat("m", &["up"]))
        .account(AccountSpec { extra_groups: vec!["team".into()], ..AccountSpec::new(1) })
        .key(KeySpec { rpm: 60, ..KeySpec::new(1, 1) })
        .key(KeySpec { group: Some("team".into()), models: Some(vec!["m*".into()]), ..KeySpec::new(2, 1) });
    let mut live = Live::new(1);
    let (snapshot, _) = Snapshot::apply(&builder.encode(), &Snapshot::empty(), &mut live).expect("a good snapshot");
    (snapshot, live)
}

fn line_of(snapshot: &Snapshot, digest: &Digest) -> u32 {
    snapshot.key(digest).expect("the key").0.line
}

#[test]
fn a_limit_goes_on_through_a_rotation_in_a_delta() {
    let (first, mut live) = world();
    let key = authenticate(&first, &digest(1), 0).expect("a good key");
    assert!((0..60).all(|_| key.take_limits(5).is_ok()));
    let rotated = KeySpec { digest: digest(50), rpm: 60, ..KeySpec::new(1, 1) };
    let delta = SnapshotBuilder::delta(8, 7).key(rotated).gone(digest(1));
    let (second, _) = Snapshot::apply(&delta.encode(), &first, &mut live).expect("a good delta");
    assert!(authenticate(&second, &digest(1), 0).is_err());
    assert!(
        authenticate(&second, &digest(50), 0).expect("a good key").take_limits(5).is_err(),
        "its bucket was refilled"
    );
    // A place that is free again is full for the next key.
    let delta = SnapshotBuilder::delta(9, 8).gone(digest(50));
    let (third, _) = Snapshot::apply(&delta.encode(), &second, &mut live).expect("a good delta");
    let delta = SnapshotBuilder::delta(10, 9).key(KeySpec { rpm: 1, ..KeySpec::new(60, 1) });
    let (fourth, _) = Snapshot::apply(&delta.encode(), &third, &mut live).expect("a good delta");
    assert_eq!(line_of(&fourth, &digest(60)), line_of(&second, &digest(50)));
    assert!(authenticate(&fourth, &digest(60), 0).expect("a good key").take_limits(5).is_ok());
}

#[test]
fn models_and_groups_of_a_delta_reach_one_another() {
    let (first, mut live) = world();
    // New models reach the groups that did not come.
    let models = vec![ModelSpec::chat("other", &["up"]), ModelSpec::chat("m", &["up"])];
    let models = SnapshotBuilder { models: Some(models), ..SnapshotBuilder::delta(8, 7) };
    let (second, _) = Snapshot::apply(&models.encode(), &first, &mut live).expect("a good delta");
    let names = |snapshot: &Snapshot, key| -> Vec<String> {
        let caller = authenticate(snapshot, &digest(key), 0).expect("a good key");
        caller.models().map(|model| model.name.to_string()).collect()
    };
    assert_eq!(names(&second, 1), ["other", "m"]);
    assert_eq!(names(&second, 2), ["m"]);
    // Groups that change reach the models that did not come, and keep their places.
    let groups = vec![GroupSpec::new("team"), GroupSpec { models: vec!["oth*".into()], ..GroupSpec::new("default") }];
    let groups = SnapshotBuilder { groups: Some(groups), ..SnapshotBuilder::delta(9, 8) };
    let (third, _) = Snapshot::apply(&groups.encode(), &second, &mut live).expect("a good delta");
    assert_eq!(names(&third, 1), ["other"]);
    assert_eq!(names(&third, 2), ["m"]);
}

#[test]
fn accounts_change_in_place() {
    let (first, mut live) = world();
    let delta = SnapshotBuilder::delta(8, 7)
        .account(AccountSpec { enabled: false, ..AccountSpec::new(1) })
        .account(AccountSpec::new(2))
        .key(KeySpec::new(3, 2));
    let (second, _) = Snapshot::apply(&delta.encode(), &first, &mut live).expect("a good delta");
    assert!(authenticate(&first, &digest(1), 0).is_ok());
    assert!(authenticate(&second, &digest(1), 0).is_err());
    assert_eq!(authenticate(&second, &digest(3), 0).expect("a good key").account_id(), id(2));
}
