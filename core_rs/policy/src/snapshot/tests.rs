//! Snapshots: what is accepted, what is refused and how, and what outlives a swap. Deltas against a model are in `tests/deltas.rs`.

use super::{Live, Snapshot, SnapshotError};
use crate::ids::Digest;
use crate::testing::{
    AccountSpec, GroupSpec, KeySpec, ModelSpec, RouteSpec, SnapshotBuilder, UpstreamSpec, digest, id,
};
use proptest::prelude::*;
use std::sync::Arc;

mod deltas;
mod speed;

/// One of everything.
fn world() -> SnapshotBuilder {
    SnapshotBuilder::whole(7)
        .group(GroupSpec { multiplier_micro: 1_250_000, ..GroupSpec::new("team") })
        .upstream(UpstreamSpec {
            timeouts_ms: [1, 2, 3, 4, 5, 6],
            headers: vec![("X-Extra".into(), "yes".into())],
            ..UpstreamSpec::new("up", "https://api.example.com:8443/v1/")
        })
        .model(ModelSpec::chat("m", &["up"]))
        .account(AccountSpec { extra_groups: vec!["team".into()], ..AccountSpec::new(1) })
        .key(KeySpec { rpm: 60, ..KeySpec::new(1, 1) })
        .key(KeySpec {
            group: Some("team".into()),
            models: Some(vec!["m*".into()]),
            networks: Some(vec!["10.0.0.0/8".into()]),
            endpoints: 3,
            tpm: 9,
            ..KeySpec::new(2, 1)
        })
}

fn applied(builder: &SnapshotBuilder) -> (Snapshot, Live) {
    let mut live = Live::new(1);
    let (snapshot, _) = Snapshot::apply(&builder.encode(), &Snapshot::empty(), &mut live).expect("a good snapshot");
    (snapshot, live)
}

fn refused(builder: &SnapshotBuilder) -> SnapshotError {
    Snapshot::apply(&builder.encode(), &Snapshot::empty(), &mut Live::new(1)).expect_err("a bad snapshot")
}

fn line_of(snapshot: &Snapshot, digest: &Digest) -> u32 {
    snapshot.key(digest).expect("the key").0.line
}

#[test]
fn every_field_arrives() {
    let (snapshot, live) = applied(&world());
    assert_eq!((snapshot.generation(), snapshot.key_count()), (7, 2));
    let model = snapshot.model(b"m").expect("the model");
    assert_eq!(
        (&*model.owned_by, model.created_s, model.context, model.bytes_per_token_milli),
        ("somebody", 1_700_000_000, 128_000, 4_000)
    );
    assert_eq!(model.price.as_ref().map(|price| price.token_pico[0]), Some(150_000));
    let upstream = &model.channels[0].upstream;
    assert_eq!(
        (upstream.tls, &*upstream.host, upstream.port, &*upstream.base_path),
        (true, "api.example.com", 8_443, "/v1")
    );
    assert_eq!(
        (&*upstream.authority, upstream.timeouts.connect_ms, upstream.timeouts.total_ms),
        ("api.example.com:8443", 1, 6)
    );
    assert_eq!(upstream.headers.as_ref(), [("x-extra".into(), "yes".into())]);
    assert_eq!(snapshot.group_multiplier_micro("team"), Some(1_250_000));
    let (key, rare) = snapshot.key(&digest(2)).expect("the key");
    assert_eq!((key.id, rare.expect("it has lists").endpoints), (id(1_000_002), 3));
    assert_eq!(snapshot.status_models().count(), 1);
    assert!(live.account(&id(1)).is_some());
    assert!(snapshot.key(&digest(3)).is_none());
}

#[test]
fn secrets_are_not_printed() {
    let (snapshot, live) = applied(&world());
    let printed = format!("{snapshot:?} {live:?}");
    assert!(printed.contains("api.example.com") && !printed.contains("upstream-secret"));
    // A decoder's error quotes what it found: a secret where a number should be must not come back in it.
    let mut bytes = world().encode();
    let at = bytes.windows(15).position(|window| window == b"upstream-secret").expect("it is in the bytes");
    bytes.splice(at - 1 - 18..at - 1, []); // the credential's id goes; its secret is read in the id's place
    let error = Snapshot::apply(&bytes, &Snapshot::empty(), &mut Live::new(1)).expect_err("a bad row");
    assert!(matches!(&error, SnapshotError::Malformed(what) if what.contains("upstreams[0]")), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

type Change = fn(&mut SnapshotBuilder);

#[test]
fn contradictions_are_refused_by_row_and_field() {
    fn first<T>(table: &mut Option<Vec<T>>) -> &mut T {
        &mut table.as_mut().expect("a table")[0]
    }
    let cases: &[(&str, Change)] = &[
        ("keys[2].digest", |b| b.keys.push(KeySpec { id: id(5), ..KeySpec::new(1, 1) })),
        ("keys[1].account", |b| b.keys[1].account = id(99)),
        ("keys[0].group", |b| b.keys[0].group = Some("nobody".into())),
        ("keys[1].models", |b| b.keys[1].models = Some(vec![String::new()])),
        ("keys[1].allow_ips", |b| b.keys[1].networks = Some(vec!["10.0.0.0/33".into()])),
        ("keys[1].allow_ips", |b| b.keys[1].networks = Some(vec!["localhost".into()])),
        ("accounts[0].group", |b| b.accounts[0].group = "nobody".into()),
        ("accounts[0].extra_groups", |b| b.accounts[0].extra_groups = vec!["nobody".into()]),
        ("accounts[1].id", |b| b.accounts.push(AccountSpec::new(1))),
        ("groups[0].name", |b| first(&mut b.groups).name.clear()),
        ("groups[2].name", |b| b.groups.as_mut().expect("a table").push(GroupSpec::new("team"))),
        ("groups[0].models", |b| first(&mut b.groups).models = vec![String::new()]),
        ("models[0].name", |b| first(&mut b.models).name.clear()),
        ("models[1].name", |b| b.models.as_mut().expect("a table").push(ModelSpec::chat("m", &[]))),
        ("models[0].kind", |b| first(&mut b.models).kind = 7),
        ("models[0].routes[1].upstream", |b| first(&mut b.models).routes.push(RouteSpec::new("nobody", "m"))),
        ("models[0].routes[0].upstream_model", |b| first(&mut b.models).routes[0].upstream_model.clear()),
        ("upstreams[0].name", |b| first(&mut b.upstreams).name.clear()),
        ("upstreams[1].name", |b| b.upstreams.as_mut().expect("a table").push(UpstreamSpec::new("up", "http://h"))),
        ("upstreams[0].provider", |b| first(&mut b.upstreams).provider = 5),
        ("upstreams[0].base_url", |b| first(&mut b.upstreams).base_url = "file:///etc/passwd".into()),
        ("upstreams[0].credentials", |b| first(&mut b.upstreams).credentials[0].1 = "line\nbreak".into()),
        ("upstreams[0].headers", |b| first(&mut b.upstreams).headers[0].0 = "Content-Length".into()),
        ("upstreams[0].headers", |b| first(&mut b.upstreams).headers[0].1 = "a\r\nb: c".into()),
        ("groups: the table is missing", |b| b.groups = None),
        ("models: the table is missing", |b| b.models = None),
        ("upstreams: the table is missing", |b| b.upstreams = None),
        ("gone[0].digest", |b| b.gone.push(digest(1))),
    ];
    for (named, change) in cases {
        let mut builder = world();
        change(&mut builder);
        let error = refused(&builder);
        assert!(matches!(&error, SnapshotError::Invalid(what) if what.starts_with(named)), "{named}: {error}");
    }
}

#[test]
fn bytes_that_are_no_snapshot() {
    let good = world().encode();
    let apply = |bytes: &[u8]| {
        Snapshot::apply(bytes, &Snapshot::empty(), &mut Live::new(1)).map(|(snapshot, _)| snapshot.generation())
    };
    assert_eq!(apply(&good), Ok(7));
    for length in 0..good.len() {
        assert!(matches!(apply(&good[..length]), Err(SnapshotError::Malformed(_))), "cut at {length}");
    }
    let with = |change: fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        apply(&bytes)
    };
    for (case, change) in [
        ("one byte more", (|b| b.push(0xc0)) as fn(&mut Vec<u8>)),
        ("another version", |b| b[1] = 2),
        ("an element more", |b| {
            b[0] = 0x9a;
            b.push(0x90);
        }),
        ("a map", |b| b[0] = 0x89),
        ("a number", |b| b[0] = 1),
        ("2^32 - 1 elements", |b| drop(b.splice(0..1, [0xdd, 0xff, 0xff, 0xff, 0xff]))),
    ] {
        assert!(matches!(with(change), Err(SnapshotError::Malformed(_))), "{case}: {:?}", with(change));
    }
    // A count of four thousand million keys in a few bytes must not make room for them.
    let mut bytes = SnapshotBuilder::whole(1).encode();
    bytes.truncate(bytes.len() - 2);
    bytes.extend([0xdd, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(apply(&bytes), Err(SnapshotError::Malformed(_))));
}

#[test]
fn generations_only_go_forward() {
    let (at_7, mut live) = applied(&world());
    let mut apply = |builder: SnapshotBuilder| {
        Snapshot::apply(&builder.encode(), &at_7, &mut live).map(|(_, applied)| applied.generation)
    };
    assert_eq!(apply(SnapshotBuilder::whole(6)), Err(SnapshotError::Stale { have: 7, given: 6 }));
    assert_eq!(apply(SnapshotBuilder::delta(9, 8)), Err(SnapshotError::Gap { have: 7, base: 8 }));
    assert_eq!(apply(SnapshotBuilder::delta(9, 6)), Err(SnapshotError::Gap { have: 7, base: 6 }));
    assert_eq!(apply(SnapshotBuilder::delta(7, 6)), Err(SnapshotError::Stale { have: 7, given: 7 }));
    assert_eq!(apply(SnapshotBuilder::delta(8, 7)), Ok(8));
    assert_eq!(apply(SnapshotBuilder::whole(7)), Ok(7), "the same again is the answer to a gap");
    assert_eq!(apply(SnapshotBuilder::whole(9)), Ok(9));
}

#[test]
fn a_refusal_changes_nothing_that_matters() {
    let (snapshot, mut live) = applied(&world());
    let before = format!("{live:?}");
    let bad = world()
        .account(AccountSpec::new(5))
        .model(ModelSpec::chat("new", &["up"]))
        .key(KeySpec { rpm: 1, ..KeySpec::new(9, 404) });
    assert!(Snapshot::apply(&bad.encode(), &snapshot, &mut live).is_err());
    assert_eq!(format!("{live:?}"), before);
}

#[test]
fn what_is_live_outlives_a_whole_snapshot() {
    let (first, mut live) = applied(&world());
    let account = Arc::clone(live.account(&id(1)).expect("the account"));
    account.grant(500);
    let model_live = Arc::clone(&first.model(b"m").expect("the model").live);
    let line = line_of(&first, &digest(1));
    let next = SnapshotBuilder { generation: 8, ..world() };
    // The key is rotated: another digest, the same id. Its limit goes on.
    let rotated = KeySpec { digest: digest(77), rpm: 30, ..KeySpec::new(1, 1) };
    let next = SnapshotBuilder { keys: vec![rotated], ..next };
    let (second, _) = Snapshot::apply(&next.encode(), &first, &mut live).expect("a good snapshot");
    assert_eq!(line_of(&second, &digest(77)), line);
    assert!(Arc::ptr_eq(&account, &second.account(0).expect("the account").live));
    assert!(Arc::ptr_eq(&model_live, &second.model(b"m").expect("the model").live));
    // An account that is gone is kept while it has money here, then forgotten.
    let empty = |generation| SnapshotBuilder::whole(generation).encode();
    drop(account);
    let (third, _) = Snapshot::apply(&empty(9), &second, &mut live).expect("a good snapshot");
    assert_eq!(live.account(&id(1)).expect("it has money").take_free(i64::MAX), 500);
    drop((first, second));
    Snapshot::apply(&empty(10), &third, &mut live).expect("a good snapshot");
    assert!(live.account(&id(1)).is_none());
}

#[test]
fn a_key_record_is_small() {
    assert_eq!(size_of::<super::keys::KeyRecord>(), 72);
    assert_eq!(size_of::<super::live::KeyLive>(), 64);
}

#[test]
fn limit_states_have_cache_lines_of_their_own() {
    assert_eq!(align_of::<super::live::KeyLive>(), 64);
    assert_eq!(align_of::<crate::lease::AccountLive>(), 64);
    assert_eq!(align_of::<crate::health::ModelLive>(), 64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Total: no bytes make it panic, neither noise nor a good snapshot that was tampered with.
    #[test]
    fn no_bytes_make_it_panic(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Snapshot::apply(&noise, &Snapshot::empty(), &mut Live::new(1));
    }

    #[test]
    fn tampered_bytes_are_refused_or_read(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), is_delta in any::<bool>()) {
        let (snapshot, mut live) = applied(&world());
        let mut next = SnapshotBuilder { generation: 8, ..world() };
        if is_delta {
            next = SnapshotBuilder { base: 7, gone: vec![digest(5)], ..next };
        }
        let mut bytes = next.encode();
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let before = format!("{live:?}");
        if Snapshot::apply(&bytes, &snapshot, &mut live).is_err() {
            prop_assert_eq!(format!("{live:?}"), before);
        }
    }
}
