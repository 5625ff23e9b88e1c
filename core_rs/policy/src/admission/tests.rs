//! The order and the words of admission, on snapshots as the contract has them. Money is in `hold/tests.rs`, deltas in `tests/deltas.rs`.

use super::{Caller, Endpoint, authenticate};
use crate::refusal::{Code, LimitKind, Refusal, Scope};
use crate::snapshot::{Live, ModelKind, Snapshot};
use crate::testing::{AccountSpec, GroupSpec, KeySpec, ModelSpec, SnapshotBuilder, UpstreamSpec, digest};

mod deltas;

const NOW_S: u32 = 1_800_000_000;
const NOW_NS: u64 = 9_000_000_000;

fn snapshot(builder: SnapshotBuilder) -> Snapshot {
    let empty = Snapshot::empty();
    Snapshot::apply(&builder.encode(), &empty, &mut Live::new(1)).expect("a good snapshot").0
}

/// Models `chat`, `claude-1`, `off`, `unpriced`, `free`, `embed`; account 1 in `default`, account 2 in `narrow` (only `claude-*`).
fn world() -> SnapshotBuilder {
    let chat = |name| ModelSpec::chat(name, &["up"]);
    SnapshotBuilder::whole(1)
        .group(GroupSpec { models: vec!["claude-*".into()], multiplier_micro: 1_500_000, ..GroupSpec::new("narrow") })
        .upstream(UpstreamSpec::new("up", "http://127.0.0.1:1/v1"))
        .model(chat("chat"))
        .model(chat("claude-1"))
        .model(ModelSpec { enabled: false, ..chat("off") })
        .model(ModelSpec { price: None, ..chat("unpriced") })
        .model(ModelSpec { price: None, free: true, ..chat("free") })
        .model(ModelSpec { kind: 2, ..chat("embed") })
        .account(AccountSpec { extra_groups: vec!["narrow".into()], ..AccountSpec::new(1) })
        .account(AccountSpec { group: "narrow".into(), ..AccountSpec::new(2) })
        .account(AccountSpec { enabled: false, ..AccountSpec::new(3) })
}

fn caller(snapshot: &Snapshot, key: u64) -> Caller<'_> {
    authenticate(snapshot, &digest(key), NOW_S).expect("a good key")
}

fn names(caller: &Caller<'_>) -> Vec<String> {
    caller.models().map(|model| model.name.to_string()).collect()
}

#[test]
fn keys_that_are_let_in_and_keys_that_are_not() {
    let expires = |expires_s: u64| KeySpec { expires_s, ..KeySpec::new(4, 1) };
    let now_s = u64::from(NOW_S);
    for (key, code) in [
        (KeySpec::new(4, 1), None),
        (KeySpec::new(5, 1), Some(Code::InvalidApiKey)), // 4 is what is shown
        (KeySpec { enabled: false, ..KeySpec::new(4, 1) }, Some(Code::KeyDisabled)),
        (KeySpec { enabled: false, ..expires(1) }, Some(Code::KeyDisabled)),
        (expires(now_s + 1), None),
        (expires(now_s), Some(Code::KeyExpired)),
        (expires(u64::MAX), None),
        (KeySpec::new(4, 3), Some(Code::AccountDisabled)),
    ] {
        let snapshot = snapshot(world().key(key.clone()));
        let refused = authenticate(&snapshot, &digest(4), NOW_S).err().map(|refusal| refusal.code);
        assert_eq!(refused, code, "{key:?}");
    }
}

#[test]
fn an_address_must_be_in_the_list_if_there_is_one() {
    let networks = |list: &[&str]| Some(list.iter().map(ToString::to_string).collect());
    for (list, address, allowed) in [
        (None, "203.0.113.7", true),
        (networks(&["203.0.113.0/24", "2001:db8::/32"]), "203.0.113.7", true),
        (networks(&["203.0.113.0/24", "2001:db8::/32"]), "::ffff:203.0.113.7", true),
        (networks(&["203.0.113.0/24", "2001:db8::/32"]), "2001:db8::1", true),
        (networks(&["203.0.113.0/24", "2001:db8::/32"]), "203.0.114.7", false),
        (networks(&["203.0.113.7"]), "203.0.113.7", true),
        (networks(&["203.0.113.7"]), "203.0.113.8", false),
        (networks(&["::ffff:203.0.113.0/120"]), "203.0.113.9", true),
        (networks(&["::/0"]), "203.0.113.9", false),
        (networks(&[]), "203.0.113.7", false),
    ] {
        let snapshot = snapshot(world().key(KeySpec { networks: list.clone(), ..KeySpec::new(4, 1) }));
        let answer = caller(&snapshot, 4).check_address(|| address.parse().expect("an address"));
        assert_eq!(
            answer.map_err(|refusal| refusal.code),
            if allowed { Ok(()) } else { Err(Code::IpNotAllowed) },
            "{list:?} {address}"
        );
    }
}

#[test]
fn endpoints_are_narrowed_by_bits() {
    let snapshot = snapshot(world().key(KeySpec { endpoints: 0b101, ..KeySpec::new(4, 1) }).key(KeySpec::new(5, 1)));
    for endpoint in Endpoint::ALL {
        assert_eq!(caller(&snapshot, 5).may_use(endpoint), Ok(()));
        let allowed = matches!(endpoint, Endpoint::Chat | Endpoint::Embeddings);
        assert_eq!(caller(&snapshot, 4).may_use(endpoint).is_ok(), allowed, "{endpoint:?}");
    }
    let refusal = caller(&snapshot, 4).may_use(Endpoint::Rerank).expect_err("not in its list");
    assert_eq!(refusal.code, Code::EndpointNotAllowed);
}

#[test]
fn every_kind_has_an_endpoint() {
    use ModelKind::{Audio, Chat, Completion, Embedding, Image, Moderation, Rerank};
    for (kind, endpoints) in [
        (Chat, &[Endpoint::Chat, Endpoint::Completions][..]),
        (Completion, &[Endpoint::Completions]),
        (Embedding, &[Endpoint::Embeddings]),
        (Image, &[Endpoint::Images]),
        (Audio, &[Endpoint::Audio]),
        (Rerank, &[Endpoint::Rerank]),
        (Moderation, &[Endpoint::Moderations]),
    ] {
        let serving: Vec<_> = Endpoint::ALL.into_iter().filter(|endpoint| endpoint.serves(kind)).collect();
        assert_eq!(serving, endpoints, "{kind:?}");
    }
}

#[test]
fn models_within_reach_and_out_of_it() {
    let narrowed = KeySpec { models: Some(vec!["ch*".into(), "free".into()]), ..KeySpec::new(5, 1) };
    let in_extra_group = KeySpec { group: Some("narrow".into()), ..KeySpec::new(6, 1) };
    let snapshot = snapshot(
        world().key(KeySpec::new(4, 1)).key(narrowed).key(in_extra_group).key(KeySpec::new(7, 2)).key(KeySpec {
            group: Some("default".into()),
            ..KeySpec::new(8, 2) // a group that its account is not in
        }),
    );
    for (key, model, code) in [
        (4, "chat", None),
        (4, "free", None),
        (4, "nothing", Some(Code::ModelNotFound)),
        (4, "off", Some(Code::ModelNotFound)),
        (4, "unpriced", Some(Code::ModelPriceMissing)),
        (4, "embed", Some(Code::InvalidRequest)),
        (5, "chat", None),
        (5, "claude-1", Some(Code::ModelNotFound)),
        (6, "claude-1", None),
        (6, "chat", Some(Code::ModelNotFound)),
        (7, "claude-1", None),
        (7, "chat", Some(Code::ModelNotFound)),
        (8, "chat", Some(Code::ModelNotFound)),
        (8, "claude-1", Some(Code::ModelNotFound)),
    ] {
        let answer = caller(&snapshot, key).model(model.as_bytes(), Endpoint::Chat);
        assert_eq!(
            answer.err().map(|refusal| (refusal.code, refusal.param)),
            code.map(|code| (code, Some("model"))),
            "{key} {model}"
        );
    }
    assert_eq!(names(&caller(&snapshot, 4)), ["chat", "claude-1", "free", "embed"]);
    assert_eq!(names(&caller(&snapshot, 5)), ["chat", "free"]);
    assert_eq!(names(&caller(&snapshot, 7)), ["claude-1"]);
    assert!(names(&caller(&snapshot, 8)).is_empty());
    assert_eq!(caller(&snapshot, 6).multiplier_micro(), 1_500_000);
    assert_eq!(caller(&snapshot, 4).multiplier_micro(), 1_000_000);
}

#[test]
fn what_is_out_of_reach_looks_like_what_does_not_exist() {
    let snapshot = snapshot(world().key(KeySpec::new(7, 2)));
    let answer = |name: &str| caller(&snapshot, 7).model(name.as_bytes(), Endpoint::Chat).expect_err("out of reach");
    let other = |name: &str| Refusal { message: answer(name).message.replace(name, "?").into(), ..answer(name) };
    assert_eq!(other("chat"), other("no-such-model"));
    assert_eq!(other("off"), other("no-such-model"));
    let long = "x".repeat(10_000);
    assert!(answer(&long).message.len() < 300, "a message does not repeat everything");
    assert!(caller(&snapshot, 7).model(b"\xff\xfe", Endpoint::Chat).is_err());
}

#[test]
fn limits_are_taken_all_or_none() {
    let world = SnapshotBuilder {
        groups: Some(vec![GroupSpec { rpm: 2, ..GroupSpec::new("default") }]),
        ..SnapshotBuilder::whole(1)
    };
    let snapshot = snapshot(
        world
            .upstream(UpstreamSpec::new("up", "http://h"))
            .model(ModelSpec { rpm: 1, ..ModelSpec::chat("scarce", &["up"]) })
            .account(AccountSpec { rpm: 10, ..AccountSpec::new(1) })
            .account(AccountSpec::new(2))
            .key(KeySpec { rpm: 5, ..KeySpec::new(1, 1) })
            .key(KeySpec { rpm: 5, ..KeySpec::new(2, 1) })
            .key(KeySpec { rpm: 5, ..KeySpec::new(3, 2) }),
    );
    let remaining_of_key = |key| {
        let caller = caller(&snapshot, key);
        let line = caller.snapshot.line(caller.key.line).expect("it has a limit");
        line.requests.view(crate::limits::LimitSpec::per_minute(5).expect("not 0"), NOW_NS).remaining
    };
    assert_eq!(caller(&snapshot, 1).take_limits(NOW_NS), Ok(()));
    let scarce = snapshot.model(b"scarce").expect("it is there");
    assert_eq!(caller(&snapshot, 1).take_limits_for(scarce, NOW_NS), Ok(()));
    // The group's two are used by this account, whichever key asks; the key that is refused loses nothing.
    let refusal = caller(&snapshot, 2).take_limits(NOW_NS).expect_err("the group's limit");
    let limited = refusal.limited.expect("it says which");
    assert_eq!(
        (refusal.code, limited.scope, limited.limit),
        (Code::RateLimitExceeded, Scope::Group, LimitKind::Requests)
    );
    assert_eq!((limited.retry_after_ns, refusal.retry_after_s), (30_000_000_000, Some(30)));
    assert_eq!((remaining_of_key(1), remaining_of_key(2)), (3, 5));
    // Another account has the group's limit for itself, but the model's is shared by all.
    let refusal = caller(&snapshot, 3).take_limits_for(scarce, NOW_NS).expect_err("the model's limit");
    assert_eq!(refusal.limited.map(|limited| limited.scope), Some(Scope::Model));
    assert_eq!(remaining_of_key(3), 5);
    assert_eq!(caller(&snapshot, 3).take_limits(NOW_NS), Ok(()));
    let view = caller(&snapshot, 1).limit_view(NOW_NS).expect("it has limits");
    assert_eq!((view.limit, view.remaining), (2, 0), "the tightest is the group's");
}

#[test]
fn no_limit_is_no_limit() {
    let snapshot = snapshot(world().key(KeySpec::new(1, 1)));
    let caller = caller(&snapshot, 1);
    assert!((0..10_000).all(|_| caller.take_limits(NOW_NS).is_ok()));
    assert_eq!(caller.limit_view(NOW_NS), None);
}
