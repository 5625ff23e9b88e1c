//! Answers that are not streams: forwarded, rewritten, charged once.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::upstream::json;
use support::{Act, BALANCE_NANO, Gateway, HELLO, KEY, Upstream, basic, completion};
use tollway_policy::testing::{ModelSpec, UpstreamSpec, id};

#[test]
fn an_answer_is_forwarded_byte_for_byte_and_charged_to_the_nano() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.text()), (200, completion(1_000, 100).as_str()));
    // 1000 × 0.15 USD/M + 100 × 0.60 USD/M
    assert_eq!(response.header("x-tollway-cost"), Some("0.00021"));
    assert_eq!(response.header("x-tollway-model"), Some("chat"));
    assert_eq!(response.header("x-tollway-provider"), Some("one"));
    assert_eq!(response.header("x-tollway-attempts"), Some("1"));
    assert!(response.header("x-request-id").unwrap().starts_with("req_"));
    let sent = &upstream.requests()[0];
    assert_eq!(sent.body, HELLO.replace("\"chat\"", "\"up-chat\""));
    assert!(sent.head.contains("authorization: Bearer upstream-secret\r\n"), "{}", sent.head);
    assert!(!sent.head.contains(KEY));
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.charge, row.status, row.outcome, row.attempts), (210_000, 200, 0, 1));
    assert_eq!((row.tokens[0], row.tokens[4], row.estimated), (1_000, 100, false));
    assert_eq!((row.model.as_str(), row.upstream.as_str()), ("chat", "one"));
}

#[test]
fn the_books_balance_when_the_core_stops() {
    let upstream = Upstream::answering(json(200, &completion(1_000, 100)));
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    for _ in 0..20 {
        assert_eq!(client.call("POST", "/v1/chat/completions", KEY, HELLO).status, 200);
    }
    assert_eq!(upstream.requests().len(), 20);
    assert!(gateway.core.drain(5_000));
    gateway.core.stop();
    gateway.control.wait("final", |books| books.finals == [1]);
    let rows = gateway.control.rows(20);
    assert_eq!(rows.len(), 20, "exactly one row each");
    assert_eq!(rows.iter().map(|r| r.charge).sum::<i64>(), 20 * 210_000);
    let returned = gateway.control.with(|books| books.returned);
    assert!(returned <= BALANCE_NANO - 20 * 210_000);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::start(|request| vec![Act::Send(json(200, &completion(request.number as u64 + 1, 1)))]);
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO).repeat(3));
    for n in 1..=3 {
        assert_eq!(client.response().json()["usage"]["prompt_tokens"], n);
    }
}

/// A connection that has sent a large body reads its next request in one go: what follows, small or larger, comes to the same.
#[test]
fn requests_of_all_sizes_follow_each_other_on_one_connection() {
    let upstream = Upstream::start(|request| vec![Act::Send(json(200, &completion(request.body.len() as u64, 1)))]);
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    let body = |bytes: usize| HELLO.replacen("\"content\":\"", &format!("\"content\":\"{}", "a".repeat(bytes)), 1);
    let request = |bytes: usize| support::Client::request("POST", "/v1/chat/completions", KEY, &body(bytes));
    let sizes = [40_000, 90_000, 10, 16_200, 16_400, 40_000, 300_000, 261_000, 262_000, 90_000, 0];
    for bytes in sizes {
        client.send(request(bytes));
        assert_eq!(client.response().status, 200, "{bytes}");
    }
    // Behind a large one others may lie in the same read, whole and cut.
    let pipelined = [40_000, 50, 20_000, 5, 100_000, 1];
    client.send(pipelined.map(request).concat());
    for bytes in pipelined {
        assert_eq!(client.response().status, 200, "{bytes}, pipelined");
    }
    let sent: Vec<String> = upstream.requests().into_iter().map(|request| request.body).collect();
    let expected = sizes.iter().chain(&pipelined).map(|bytes| body(*bytes).replace("\"chat\"", "\"up-chat\""));
    assert!(sent.into_iter().eq(expected), "each arrived as it was sent");
}

#[test]
fn an_empty_wallet_is_402_before_the_upstream_is_called() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    gateway.control.empty(id(1));
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.code().as_str()), (402, "insufficient_balance"));
    assert_eq!(response.header("x-should-retry"), Some("false"));
    assert!(upstream.requests().is_empty());
    gateway.control.fund(id(1), BALANCE_NANO);
    gateway.core.apply(&support::basic(upstream.address).encode()).unwrap(); // "the wallet changed"
    assert_eq!(gateway.chat(HELLO).status, 200);
}

#[test]
fn without_a_control_plane_an_unleased_wallet_is_503_and_a_leased_one_goes_on() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    gateway.control.with(|books| books.away = true);
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.code().as_str()), (503, "wallet_unavailable"));
    gateway.control.with(|books| books.away = false);
    assert_eq!(gateway.chat(HELLO).status, 200);
    gateway.control.with(|books| books.away = true);
    for _ in 0..5 {
        assert_eq!(gateway.chat(HELLO).status, 200);
    }
    gateway.control.with(|books| books.away = false);
    gateway.control.rows(6);
}

#[test]
fn a_small_wallet_shortens_what_the_model_may_write() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    gateway.control.empty(id(1));
    gateway.control.fund(id(1), 1_000_000); // 0.001 USD: about 1,600 tokens of output
    assert_eq!(gateway.chat(HELLO).status, 200);
    let sent: serde_json::Value = serde_json::from_str(&upstream.requests()[0].body).unwrap();
    let cap = sent["max_tokens"].as_u64().unwrap();
    assert!((1_000..1_667).contains(&cap), "{cap}");
}

#[test]
fn another_route_is_tried_before_the_first_byte_and_costs_nothing() {
    for failure in [json(503, "{}"), json(502, "{}"), "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".into()] {
        let bad = Upstream::start(move |_| vec![Act::Send(failure.clone()), Act::Close]);
        let good = Upstream::answering(json(200, &completion(10, 10)));
        let mut snapshot =
            basic(bad.address).upstream(UpstreamSpec::new("two", &format!("http://{}/v1", good.address)));
        let mut model = ModelSpec::chat("chat", &["one", "two"]);
        model.routes[1].priority = 1;
        snapshot.models = Some(vec![model]);
        let gateway = Gateway::start(&snapshot);
        let response = gateway.chat(HELLO);
        assert_eq!((response.status, response.header("x-tollway-attempts")), (200, Some("2")));
        assert_eq!(response.header("x-tollway-provider"), Some("two"));
        let row = &gateway.control.rows(1)[0];
        assert_eq!((row.upstream.as_str(), row.attempts, row.charge), ("two", 2, 7_500));
    }
}

#[test]
fn failures_of_the_only_upstream_are_told_and_cost_nothing() {
    let error = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"x"}}"#;
    let cases = [
        (json(500, "{}"), 502, "upstream_error"),
        (json(401, "{}"), 502, "upstream_error"),
        (json(404, "{}"), 502, "upstream_error"),
        (json(200, "not json"), 502, "upstream_error"),
        (json(200, r#"{"error":{"message":"overloaded"}}"#), 502, "upstream_error"),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi".into(), 502, "upstream_error"),
        ("garbage\r\n\r\n".into(), 502, "upstream_error"),
        (json(429, "{}"), 429, "upstream_rate_limited"),
        (json(400, error), 400, "x"),
        (json(422, "{}"), 422, "invalid_request"),
    ];
    for (answer, status, code) in cases {
        let upstream = Upstream::start({
            let answer = answer.clone();
            move |_| vec![Act::Send(answer.clone()), Act::Close]
        });
        let gateway = Gateway::start(&basic(upstream.address));
        let response = gateway.chat(HELLO);
        assert_eq!((response.status, response.code().as_str()), (status, code), "{answer}");
        let row = &gateway.control.rows(1)[0];
        assert_eq!((row.charge, row.outcome), (0, 1), "{answer}");
        gateway.wait_idle();
    }
}

#[test]
fn a_connection_that_the_upstream_closed_while_idle_is_replaced() {
    let upstream = Upstream::start(|_| vec![Act::Send(json(200, &completion(1, 1))), Act::Close]);
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    for _ in 0..5 {
        assert_eq!(client.call("POST", "/v1/chat/completions", KEY, HELLO).status, 200);
    }
    let kept = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(kept.address));
    for _ in 0..5 {
        assert_eq!(gateway.chat(HELLO).status, 200);
    }
    let counters = &gateway.status()["counters"];
    assert_eq!(
        (counters["upstream_connects_total"].as_u64(), counters["upstream_reuses_total"].as_u64()),
        (Some(1), Some(4))
    );
}

#[test]
fn an_answer_too_large_to_hold_is_forwarded_and_its_usage_found() {
    let padding = "x".repeat(400 << 10);
    let body =
        format!(r#"{{"object":"list","pad":"{padding}","usage":{{"prompt_tokens":1000,"completion_tokens":5}}}}"#);
    let chunked = {
        let mut text =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_string();
        for part in body.as_bytes().chunks(9_000) {
            text += &support::upstream::framed(std::str::from_utf8(part).unwrap());
        }
        text + support::upstream::LAST
    };
    for answer in [json(200, &body), chunked] {
        let upstream = Upstream::answering(answer);
        let gateway = Gateway::start(&basic(upstream.address));
        let mut client = gateway.client();
        for _ in 0..2 {
            let response = client.call("POST", "/v1/chat/completions", KEY, HELLO);
            assert!(response.whole && response.body == body.as_bytes());
        }
        let row = &gateway.control.rows(2)[0];
        assert_eq!((row.tokens[0], row.tokens[4], row.charge), (1_000, 5, 153_000));
    }
}

#[test]
fn a_large_answer_that_breaks_off_is_aborted_and_never_looks_whole() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 600000\r\n\r\n";
    let upstream =
        Upstream::start(move |_| vec![Act::Send(format!("{head}{{\"a\":\"{}", "x".repeat(300_000))), Act::Close]);
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(HELLO);
    assert!(!response.whole);
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.code.as_str(), row.estimated), ("upstream_error", true));
    assert!(row.tokens[4] >= 300_000 / 4, "what was delivered is charged: {:?}", row.tokens);
}

#[test]
fn a_panic_ends_one_request_and_voids_its_hold() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    let mut neighbour = gateway.client();
    assert_eq!(neighbour.call("POST", "/v1/chat/completions", KEY, HELLO).status, 200);
    let mut client = gateway.client();
    client.send(
        support::Client::request("POST", "/v1/chat/completions", KEY, HELLO)
            .replace("Host:", "x-tollway-test: panic\r\nHost:"),
    );
    let response = client.response();
    assert_eq!((response.status, response.code().as_str()), (500, "internal_error"));
    assert_eq!(neighbour.call("POST", "/v1/chat/completions", KEY, HELLO).status, 200);
    gateway.wait_idle();
}
