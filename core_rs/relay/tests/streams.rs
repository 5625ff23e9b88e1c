//! Streams: forwarded as read, metered on the way, and never ended cleanly when they did not end well.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::upstream::{LAST, framed, json, stream_head};
use support::{Act, DONE, Gateway, HELLO, HELLO_STREAM, KEY, Upstream, basic, chunk, completion, finish, usage_event};
use tollway_policy::testing::{ModelSpec, UpstreamSpec};

/// A good stream: head, two words, finish, usage, DONE, end.
fn good() -> String {
    stream_head()
        + &framed(&chunk("Hel"))
        + &framed(&chunk("lo"))
        + &framed(&finish())
        + &framed(&usage_event(1_000, 100))
        + &framed(DONE)
        + LAST
}

const USAGE_STREAM: &str = r#"{"model":"chat","stream":true,"stream_options":{"x":1,"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}"#;

#[test]
fn usage_is_asked_for_and_withheld_from_a_client_that_did_not_ask() {
    let upstream = Upstream::answering(good());
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(HELLO_STREAM);
    assert!(response.whole);
    assert_eq!(response.text(), chunk("Hel") + &chunk("lo") + &finish() + DONE);
    assert_eq!(response.header("content-type"), Some("text/event-stream"));
    let sent: serde_json::Value = serde_json::from_str(&upstream.requests()[0].body).unwrap();
    assert_eq!(sent["stream_options"]["include_usage"], true);
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.charge, row.stream, row.estimated, row.status), (210_000, true, false, 200));
}

#[test]
fn a_client_that_asked_gets_the_usage_event() {
    let upstream = Upstream::answering(good());
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(USAGE_STREAM);
    assert_eq!(response.text(), chunk("Hel") + &chunk("lo") + &finish() + &usage_event(1_000, 100) + DONE);
    assert_eq!(upstream.requests()[0].body, USAGE_STREAM.replace("\"chat\"", "\"up-chat\""));
}

#[test]
fn however_the_bytes_are_split_the_client_gets_the_same_events() {
    let events = chunk("Hel") + &chunk("lo") + &finish() + &usage_event(10, 10) + DONE;
    for size in [1, 2, 3, 7, 64, 333] {
        let mut text = stream_head();
        for piece in events.as_bytes().chunks(size) {
            text += &framed(std::str::from_utf8(piece).unwrap());
        }
        text += LAST;
        // Each byte in a write of its own reaches every split of head, chunk size and event.
        let upstream = Upstream::start(move |_| {
            let step = if size == 1 { 1 } else { 50 };
            text.as_bytes().chunks(step).map(|piece| Act::Bytes(piece.to_vec())).collect()
        });
        let gateway = Gateway::start(&basic(upstream.address));
        let response = gateway.chat(HELLO_STREAM);
        assert!(response.whole);
        assert_eq!(response.text(), chunk("Hel") + &chunk("lo") + &finish() + DONE, "size {size}");
        assert_eq!(gateway.control.rows(1)[0].charge, 7_500);
    }
}

#[test]
fn an_event_reaches_the_client_before_the_next_is_made() {
    let upstream = Upstream::start(|_| {
        let rest = framed(&chunk("two")) + &framed(&finish()) + &framed(DONE) + LAST;
        vec![Act::Send(stream_head() + &framed(&chunk("one"))), Act::Await, Act::Send(rest)]
    });
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    client.read_until("one"); // the upstream waits for the word: this cannot come from a buffer's end
    upstream.go();
    assert!(client.response().whole);
}

#[test]
fn a_stream_that_breaks_ends_with_an_error_event_and_an_aborted_connection() {
    let begin = || stream_head() + &framed(&chunk("Hello")) + &framed(&chunk(" you"));
    let error = "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n";
    let cases: Vec<(&str, Vec<Act>)> = vec![
        ("closed", vec![Act::Send(begin()), Act::Close]),
        ("reset", vec![Act::Send(begin()), Act::Reset]),
        ("clean end without a finish", vec![Act::Send(begin() + LAST)]),
        ("an error inside", vec![Act::Send(begin() + &framed(error) + LAST)]),
        ("cut in the middle of an event", vec![Act::Send(begin() + &framed("data: {\"choices\":[{\"ind")), Act::Close]),
    ];
    for (what, acts) in cases {
        let upstream = Upstream::start(move |_| acts.clone());
        let gateway = Gateway::start(&basic(upstream.address));
        let mut client = gateway.client();
        let response = client.call("POST", "/v1/chat/completions", KEY, HELLO_STREAM);
        assert!(!response.whole, "{what}: the end must not look clean");
        let text = response.text();
        if what != "reset" {
            assert!(text.starts_with(&(chunk("Hello") + &chunk(" you"))), "{what}: {text}");
        }
        let last = text.trim_end().rsplit("data: ").next().unwrap();
        let event: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{what}: {e}: {text}"));
        assert_eq!(event["error"]["code"], "upstream_error", "{what}");
        assert!(!text.contains("[DONE]") && !text.contains("boom"), "{what}");
        assert!(client.is_closed(), "{what}");
        let row = &gateway.control.rows(1)[0];
        assert_eq!((row.code.as_str(), row.estimated), ("upstream_error", true), "{what}");
        assert!(row.charge > 0, "{what}: what was delivered is charged");
    }
}

#[test]
fn garbage_in_the_framing_breaks_the_stream() {
    let upstream = Upstream::start(|_| {
        vec![Act::Send(stream_head() + &framed(&chunk("Hello"))), Act::Await, Act::Send("zz\r\n".into())]
    });
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    client.read_until("Hello");
    upstream.go();
    let response = client.response();
    assert!(!response.whole && response.text().contains("upstream_error"));
}

#[test]
fn a_missing_done_is_added_after_a_good_end() {
    let upstream = Upstream::answering(stream_head() + &framed(&chunk("Hi")) + &framed(&finish()) + LAST);
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(HELLO_STREAM);
    assert!(response.whole);
    assert_eq!(response.text(), chunk("Hi") + &finish() + DONE);
}

#[test]
fn an_error_as_the_first_event_is_a_failed_attempt() {
    let error = "data: {\"error\":{\"message\":\"boom\"}}\n\n";
    let bad = Upstream::answering(stream_head() + &framed(error) + LAST);
    let good = Upstream::answering(good());
    let mut snapshot = basic(bad.address).upstream(UpstreamSpec::new("two", &format!("http://{}/v1", good.address)));
    let mut model = ModelSpec::chat("chat", &["one", "two"]);
    model.routes[1].priority = 1;
    snapshot.models = Some(vec![model]);
    let gateway = Gateway::start(&snapshot);
    let response = gateway.chat(HELLO_STREAM);
    assert_eq!((response.status, response.header("x-tollway-attempts")), (200, Some("2")));
    let alone = Gateway::start(&basic(bad.address));
    let response = alone.chat(HELLO_STREAM);
    assert_eq!((response.status, response.code().as_str()), (502, "upstream_error"));
}

#[test]
fn missing_usage_is_counted_by_the_rule() {
    // "Hello there" is 11 bytes: 3 tokens in. 12 bytes out: 3 tokens.
    let upstream = Upstream::answering(
        stream_head() + &framed(&chunk("twelve bytes")) + &framed(&finish()) + &framed(DONE) + LAST,
    );
    let gateway = Gateway::start(&basic(upstream.address));
    assert!(gateway.chat(HELLO_STREAM).whole);
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.tokens[0], row.tokens[4], row.estimated), (3, 3, true));
    assert_eq!(row.charge, 3 * 150 + 3 * 600);
}

#[test]
fn a_client_that_hangs_up_closes_the_upstream_and_pays_for_what_it_got() {
    let upstream = Upstream::start(|_| vec![Act::Send(stream_head() + &framed(&chunk("Hello"))), Act::Hangup]);
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    client.read_until("Hello");
    let left = std::time::Instant::now();
    drop(client);
    upstream.wait_for_hangup();
    assert!(left.elapsed() < std::time::Duration::from_secs(1), "{:?}", left.elapsed());
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.status, row.code.as_str(), row.estimated), (499, "client_gone", true));
    assert!(row.charge > 0);
}

#[test]
fn a_client_that_hangs_up_before_the_answer_pays_nothing() {
    let upstream = Upstream::start(|_| vec![Act::Hangup]);
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    upstream.wait_for_request();
    drop(client);
    upstream.wait_for_hangup();
    let row = &gateway.control.rows(1)[0];
    assert_eq!((row.status, row.charge, row.outcome), (499, 0, 1));
}

#[test]
fn a_silent_upstream_is_given_up_in_each_phase() {
    let cases: Vec<(Vec<Act>, u16)> =
        vec![(vec![Act::Hangup], 504), (vec![Act::Send("HTTP/1.1 200 OK\r\n".into()), Act::Hangup], 504)];
    for (acts, status) in cases {
        let upstream = Upstream::start(move |_| acts.clone());
        let gateway =
            Gateway::with(&basic(upstream.address), serde_json::json!({"first_byte_ms": 300, "idle_ms": 300}));
        let response = gateway.chat(HELLO_STREAM);
        assert_eq!((response.status, response.code().as_str()), (status, "upstream_timeout"));
        upstream.wait_for_hangup();
    }
    let upstream = Upstream::start(|_| vec![Act::Send(stream_head() + &framed(&chunk("Hello"))), Act::Hangup]);
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"idle_ms": 600, "heartbeat_ms": 200}));
    let response = gateway.chat(HELLO_STREAM);
    assert!(!response.whole && response.text().contains(": keep-alive\n\n"), "{}", response.text());
    assert!(response.text().contains("upstream_timeout"));
    upstream.wait_for_hangup();
}

#[test]
fn a_silent_upstream_is_bridged_by_comments_and_then_goes_on() {
    let upstream = Upstream::start(|_| {
        let rest = framed(&chunk("late")) + &framed(&finish()) + &framed(DONE) + LAST;
        vec![Act::Send(stream_head()), Act::Await, Act::Send(rest)]
    });
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"heartbeat_ms": 100}));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    client.read_until(": keep-alive");
    upstream.go();
    let response = client.response();
    assert!(response.whole && response.text().ends_with(&(chunk("late") + &finish() + DONE)));
}

#[test]
fn a_gigantic_line_is_refused_at_the_bound() {
    for (over, whole) in [(false, true), (true, false)] {
        let empty = chunk("");
        let fill = (1 << 20) - (empty.len() - 2) + usize::from(over); // the line is the event less its two line ends
        let event = chunk(&"x".repeat(fill));
        let text = stream_head() + &framed(&chunk("a")) + &framed(&event) + &framed(&finish()) + &framed(DONE) + LAST;
        let upstream = Upstream::start(move |_| vec![Act::Send(text.clone())]);
        let gateway = Gateway::start(&basic(upstream.address));
        let response = gateway.chat(HELLO_STREAM);
        assert_eq!(response.whole, whole, "over: {over}");
    }
}

#[test]
fn a_plain_answer_to_a_stream_is_not_passed_off_as_one() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    assert_eq!(gateway.chat(HELLO_STREAM).status, 502);
}

#[test]
fn upstream_connections_are_used_again_after_streams() {
    let upstream = Upstream::answering(good());
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    for _ in 0..4 {
        assert!(client.call("POST", "/v1/chat/completions", KEY, HELLO_STREAM).whole);
    }
    assert_eq!(gateway.status()["counters"]["upstream_connects_total"], 1);
}

#[test]
fn a_drain_answers_who_comes_on_a_kept_connection_once_more() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    let (mut busy, mut idle) = (gateway.client(), gateway.client());
    for client in [&mut busy, &mut idle] {
        assert_eq!(client.call("POST", "/v1/chat/completions", KEY, HELLO).status, 200);
    }
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| gateway.core.drain(20_000));
        gateway.wait("the drain", |status| status["draining"] == true);
        let response = busy.call("POST", "/v1/chat/completions", KEY, HELLO);
        assert_eq!((response.status, response.header("connection")), (200, Some("close")));
        assert!(busy.is_closed());
        assert!(idle.is_closed(), "nobody came, and the drain goes on");
        assert!(drained.join().unwrap());
    });
}

#[test]
fn a_drain_lets_streams_end_and_cuts_what_does_not() {
    let upstream = Upstream::start(|_| {
        let rest = framed(&finish()) + &framed(DONE) + LAST;
        vec![Act::Send(stream_head() + &framed(&chunk("Hello"))), Act::Await, Act::Send(rest)]
    });
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    client.read_until("Hello");
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| gateway.core.drain(20_000));
        upstream.go();
        assert!(client.response().whole);
        assert!(client.is_closed(), "a drained connection is not kept");
        assert!(drained.join().unwrap());
    });

    let stuck = Upstream::start(|_| vec![Act::Send(stream_head() + &framed(&chunk("Hello"))), Act::Hangup]);
    let gateway = Gateway::start(&basic(stuck.address));
    let mut client = gateway.client();
    client.send(support::Client::request("POST", "/v1/chat/completions", KEY, HELLO_STREAM));
    client.read_until("Hello");
    assert!(!gateway.core.drain(100));
    let response = client.response();
    assert!(!response.whole && response.text().contains("overloaded"), "{}", response.text());
    assert!(gateway.control.rows(1)[0].charge > 0);
}
