//! Money before work: how a node asks for it, gives it back, and what it says while it waits.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use std::time::Instant;
use support::upstream::{LAST, framed, json, stream_head};
use support::{
    Act, BALANCE_NANO, Client, Control, DONE, Gateway, HELLO, HELLO_STREAM, KEY, Setup, Upstream, basic, chunk,
    completion, finish, key,
};
use tollway_policy::testing::{KeySpec, SnapshotBuilder, id};

const PATH: &str = "/v1/chat/completions";
/// 1000 × 0.15 + 100 × 0.60 USD per million.
const PRICE_NANO: i64 = 210_000;

fn upstream() -> Upstream {
    Upstream::answering(json(200, &completion(1_000, 100)))
}

/// What a control plane sends when a wallet has changed.
fn changed(generation: u64) -> Vec<u8> {
    SnapshotBuilder::delta(generation, generation - 1).encode()
}

#[test]
fn fifty_first_requests_share_one_lease() {
    let upstream = upstream();
    let gateway = Gateway::start(&basic(upstream.address));
    gateway.control.with(|books| books.hold_leases = true);
    let mut clients: Vec<_> = (0..50).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(Client::request("POST", PATH, KEY, HELLO));
    }
    gateway.wait("all fifty wait", |status| status["in_flight"] == 50);
    // The one core thread answers this only after it has run each of them as far as it can.
    assert_eq!(gateway.call("GET", "/v1/models", KEY, "").status, 200);
    gateway.control.with(|books| books.hold_leases = false);
    for client in &mut clients {
        assert_eq!(client.response().status, 200);
    }
    assert_eq!(gateway.control.with(|books| books.leases), 1);
    assert!(gateway.finish());
    assert_eq!(
        gateway.control.balance(id(1), BALANCE_NANO),
        (BALANCE_NANO - 50 * PRICE_NANO as u64, 0, 50 * PRICE_NANO)
    );
}

#[test]
fn an_empty_wallet_is_asked_once_until_something_changes() {
    let upstream = upstream();
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"lease_retry_ms": 600_000}));
    gateway.control.empty(id(1));
    assert_eq!(gateway.chat(HELLO).code(), "insufficient_balance");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = gateway.client();
                for _ in 0..100 {
                    assert_eq!(client.call("POST", PATH, KEY, HELLO).status, 402);
                }
            });
        }
    });
    assert_eq!(gateway.control.with(|books| books.leases), 1, "four hundred refusals, one question");
    gateway.control.fund(id(1), BALANCE_NANO);
    assert_eq!(gateway.chat(HELLO).status, 402, "nobody has said so yet");
    gateway.core.apply(&changed(2)).unwrap();
    assert_eq!(gateway.chat(HELLO).status, 200);
    assert_eq!(gateway.control.with(|books| books.leases), 2);
}

#[test]
fn an_empty_wallet_is_asked_again_after_a_while_and_not_more_often() {
    let upstream = upstream();
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"lease_retry_ms": 200}));
    gateway.control.empty(id(1));
    let (begun, mut client) = (Instant::now(), gateway.client());
    while gateway.control.with(|books| books.leases) < 4 {
        assert_eq!(client.call("POST", PATH, KEY, HELLO).status, 402);
    }
    // The fourth question comes three pauses after the first; each may seem shorter by what the coarse clock is behind, 100 ms at most.
    assert!(begun.elapsed().as_millis() >= 300, "{:?}", begun.elapsed());
    gateway.control.fund(id(1), BALANCE_NANO);
    while client.call("POST", PATH, KEY, HELLO).status == 402 {}
    assert_eq!(gateway.control.rows(1)[0].charge, PRICE_NANO);
}

#[test]
fn a_request_that_cannot_be_paid_uses_up_no_limit() {
    let upstream = upstream();
    let mut snapshot = basic(upstream.address);
    snapshot.keys = vec![KeySpec { rpm: 2, ..key(1, 1) }];
    let gateway = Gateway::start(&snapshot);
    gateway.control.empty(id(1));
    for _ in 0..5 {
        let response = gateway.chat(HELLO);
        assert_eq!((response.status, response.header("x-ratelimit-remaining-requests")), (402, Some("2")));
    }
    gateway.control.fund(id(1), BALANCE_NANO);
    gateway.core.apply(&changed(2)).unwrap();
    assert_eq!([0; 3].map(|_| gateway.chat(HELLO).status), [200, 200, 429]);
}

#[test]
fn a_request_without_a_key_or_with_a_broken_body_asks_for_nothing() {
    let upstream = upstream();
    let gateway = Gateway::start(&basic(upstream.address));
    for (key, body) in [("", HELLO), ("wrong", HELLO), (KEY, "{"), (KEY, r#"{"model":"nope","messages":[]}"#)] {
        assert!(gateway.call("POST", PATH, key, body).status >= 400);
    }
    assert_eq!(gateway.control.with(|books| books.leases), 0);
}

#[test]
fn a_recalled_lease_gives_back_what_is_free_and_keeps_what_is_held() {
    let upstream = Upstream::start(|_| {
        let rest = framed(&finish()) + &framed(DONE) + LAST;
        vec![Act::Send(stream_head() + &framed(&chunk("twelve bytes"))), Act::Await, Act::Send(rest)]
    });
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(Client::request("POST", PATH, KEY, HELLO_STREAM));
    client.read_until("twelve");
    let account = id(1).0;
    gateway.control.wait("the hold is known", |books| books.held.get(account.as_slice()).is_some_and(|held| *held > 0));
    gateway.control.with(|books| books.recall.entry(1).or_default().push(account));
    gateway.control.wait("what is free came back", |books| books.returned > 0);
    let held = gateway.control.with(|books| books.held[account.as_slice()]);
    assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - held as u64, held, 0));
    upstream.go();
    assert!(client.response().whole, "the stream is not touched");
    let charge = gateway.control.rows(1)[0].charge;
    assert!(gateway.finish());
    assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - charge as u64, 0, charge));
    assert_eq!(gateway.control.with(|books| books.finals.clone()), [1]);
}

#[test]
fn money_moves_between_two_nodes_while_requests_wait_and_nobody_is_told_402() {
    let upstream = upstream();
    let control = Control::start();
    control.fund(id(1), BALANCE_NANO);
    control.with(|books| books.recalls = true);
    let node = |epoch| {
        let settings = serde_json::json!({"lease_wait_ms": 20_000});
        Gateway::launch(
            &basic(upstream.address),
            Setup { settings, epoch, books: Some(control.clone()), ..Setup::default() },
        )
    };
    let nodes = [node(1), node(2)];
    for _ in 0..2 {
        for gateway in &nodes {
            let response = gateway.chat(HELLO);
            assert_eq!(response.status, 200, "{}", response.text());
            control.balance(id(1), BALANCE_NANO);
        }
    }
    assert!(control.with(|books| books.returned) > 0);
    assert!(nodes.iter().all(Gateway::finish));
    assert_eq!(control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - 4 * PRICE_NANO as u64, 0, 4 * PRICE_NANO));
}

#[test]
fn money_that_is_elsewhere_and_never_comes_is_503_and_not_402() {
    let upstream = upstream();
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"lease_wait_ms": 400}));
    gateway.control.empty(id(1));
    gateway.control.with(|books| books.elsewhere = 5);
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.code().as_str()), (503, "wallet_unavailable"));
    assert!(response.header("retry-after").is_some());
    assert_eq!(response.header("x-should-retry"), None);
    let asked = gateway.control.with(|books| books.leases);
    assert!((2..=10).contains(&asked), "{asked} questions in 400 ms");
    assert!(upstream.requests().is_empty());
    gateway.control.fund(id(1), BALANCE_NANO);
    assert_eq!(gateway.chat(HELLO).status, 200, "it was not remembered as empty");
}

#[test]
fn a_client_that_leaves_while_it_waits_for_a_lease_leaves_nothing_behind() {
    let upstream = upstream();
    let gateway = Gateway::start(&basic(upstream.address));
    gateway.control.with(|books| books.hold_leases = true);
    let mut client = gateway.client();
    client.send(Client::request("POST", PATH, KEY, HELLO));
    gateway.wait("it waits", |status| status["in_flight"] == 1);
    drop(client);
    gateway.wait_idle();
    gateway.control.with(|books| books.hold_leases = false);
    assert_eq!(gateway.chat(HELLO).status, 200);
    assert!(gateway.finish());
    assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - PRICE_NANO as u64, 0, PRICE_NANO));
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn the_holds_of_requests_that_came_to_nothing_are_free_again() {
    let upstream = Upstream::start(|request| match request.number {
        0 => vec![Act::Send(json(400, "{}"))],
        1 => vec![Act::Send(json(500, "{}"))],
        2 => vec![Act::Send(json(200, "no json"))],
        _ => vec![Act::Hangup],
    });
    let gateway = Gateway::start(&basic(upstream.address));
    for status in [400, 502, 502] {
        assert_eq!(gateway.chat(HELLO).status, status);
    }
    let mut client = gateway.client();
    client.send(Client::request("POST", PATH, KEY, HELLO));
    (0..4).for_each(|_| upstream.wait_for_request());
    drop(client);
    assert!(gateway.control.rows(4).iter().all(|row| (row.charge, row.outcome) == (0, 1) && row.hold > 0));
    assert!(gateway.finish());
    assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO, 0, 0));
}

#[test]
fn a_lease_whose_answer_is_lost_is_asked_for_under_the_same_number() {
    // One loss is mended within the request, two are told as 503; either way no nano may be lent twice or forgotten.
    for lost in [1, 2, 3] {
        let upstream = upstream();
        let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"report_ms": 60_000}));
        gateway.control.with(|books| books.answers_to_lose = lost);
        let first = gateway.chat(HELLO);
        assert_eq!(first.status, if lost == 1 { 200 } else { 503 }, "{}", first.text());
        assert_eq!(gateway.chat(HELLO).status, 200, "the money that was lent is found");
        assert!(gateway.finish());
        let charged = if lost == 1 { 2 } else { 1 } * PRICE_NANO;
        assert_eq!(gateway.control.balance(id(1), BALANCE_NANO), (BALANCE_NANO - charged as u64, 0, charged));
    }
}
