//! HTTPS upstreams: verified always, used again like plain ones, and never spoken to in the clear.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use std::sync::Arc;
use support::tls::{Authority, TlsUpstream, trusting};
use support::upstream::{LAST, framed, json, stream_head};
use support::{DONE, Gateway, HELLO, HELLO_STREAM, KEY, basic, chunk, completion, finish, usage_event};
use tollway_policy::testing::{SnapshotBuilder, UpstreamSpec};

/// The usual snapshot with its upstream at this base URL.
fn at(base_url: &str) -> SnapshotBuilder {
    let mut snapshot = basic("127.0.0.1:1".parse().unwrap());
    snapshot.upstreams = Some(vec![UpstreamSpec::new("one", base_url)]);
    snapshot
}

fn plain_answer() -> Vec<String> {
    vec![json(200, &completion(1_000, 100))]
}

#[test]
fn an_upstream_of_the_operators_own_authority_serves_plain_answers_on_one_connection() {
    let authority = Authority::new();
    for name in ["localhost", "127.0.0.1"] {
        let upstream = TlsUpstream::answering(authority.server(&[name], false), plain_answer());
        let gateway =
            Gateway::with(&at(&format!("https://{name}:{}/v1", upstream.address.port())), trusting(&authority.file()));
        for _ in 0..5 {
            let response = gateway.chat(HELLO);
            assert_eq!((response.status, response.text()), (200, completion(1_000, 100).as_str()), "{name}");
        }
        let seen = upstream.seen();
        assert_eq!((seen.connections, seen.plaintext, seen.requests.len()), (1, 0, 5), "{name}");
        let (head, body) = &seen.requests[0];
        assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("host: {name}:{}\r\n", upstream.address.port())), "{head}");
        assert_eq!(std::str::from_utf8(body).unwrap(), HELLO.replace("\"chat\"", "\"up-chat\""));
        let counters = &gateway.status()["counters"];
        assert_eq!((&counters["upstream_connects_total"], &counters["upstream_reuses_total"]), (&1.into(), &4.into()));
        assert_eq!(gateway.control.rows(5).iter().map(|row| row.charge).sum::<i64>(), 5 * 210_000);
    }
}

#[test]
fn streams_come_through_tls_event_by_event_and_the_connection_is_used_again() {
    let authority = Authority::new();
    let pieces = vec![
        stream_head() + &framed(&chunk("Hel")),
        framed(&chunk("lo")),
        framed(&finish()) + &framed(&usage_event(10, 10)),
        framed(DONE),
        LAST.to_string(),
    ];
    let upstream = TlsUpstream::answering(authority.server(&["localhost"], false), pieces);
    let gateway =
        Gateway::with(&at(&format!("https://localhost:{}/v1", upstream.address.port())), trusting(&authority.file()));
    let mut client = gateway.client();
    for n in 1..=3 {
        let response = client.call("POST", "/v1/chat/completions", KEY, HELLO_STREAM);
        assert!(response.whole);
        assert_eq!(response.text(), chunk("Hel") + &chunk("lo") + &finish() + DONE);
        // The end of the body is read beside the next request; the books show that this one is over.
        assert_eq!(gateway.control.rows(n)[n - 1].charge, 7_500);
    }
    let seen = upstream.seen();
    assert!(seen.connections < 3, "{} connections for 3 streams", seen.connections);
    assert_eq!(seen.plaintext, 0);
}

#[test]
fn a_large_body_and_a_large_answer_cross_tls_whole() {
    let authority = Authority::new();
    let pad = "x".repeat(700 << 10);
    let answer = format!(r#"{{"pad":"{pad}","usage":{{"prompt_tokens":10,"completion_tokens":10}}}}"#);
    let upstream = TlsUpstream::answering(authority.server(&["localhost"], false), vec![json(200, &answer)]);
    let gateway =
        Gateway::with(&at(&format!("https://localhost:{}/v1", upstream.address.port())), trusting(&authority.file()));
    let body =
        HELLO.replace("Hello there", &"y".repeat(3 << 20)).replace("\"messages\"", "\"max_tokens\":5,\"messages\"");
    let response = gateway.chat(&body);
    assert!(response.status == 200 && response.whole && response.body == answer.as_bytes());
    assert!(upstream.seen().requests[0].1 == body.replace("\"chat\"", "\"up-chat\"").as_bytes());
}

#[test]
fn what_cannot_be_verified_is_502_and_is_told_nothing() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let cases = [
        ("no authority of the operator's", None, trusted.server(&["localhost"], false)),
        ("signed by somebody else", Some(&trusted), stranger.server(&["localhost"], false)),
        ("for another host", Some(&trusted), trusted.server(&["other.test"], false)),
        ("for an address, asked by name", Some(&trusted), trusted.server(&["127.0.0.1"], false)),
        ("expired", Some(&trusted), trusted.server(&["localhost"], true)),
    ];
    for (what, authority, config) in cases {
        let upstream = TlsUpstream::answering(Arc::clone(&config), plain_answer());
        let settings = authority.map_or_else(|| serde_json::json!({}), |a| trusting(&a.file()));
        let gateway = Gateway::with(&at(&format!("https://localhost:{}/v1", upstream.address.port())), settings);
        for body in [HELLO, HELLO_STREAM] {
            let response = gateway.chat(body);
            assert_eq!((response.status, response.code().as_str()), (502, "upstream_error"), "{what}");
        }
        let seen = upstream.seen();
        assert!(seen.connections >= 1, "{what}: the certificate was looked at");
        assert_eq!((seen.plaintext, seen.requests.len()), (0, 0), "{what}");
        assert!(gateway.control.rows(2).iter().all(|row| (row.charge, row.outcome) == (0, 1)), "{what}");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_502_within_the_tls_time() {
    let plain = support::Upstream::start(|_| vec![support::Act::Send(plain_answer()[0].clone())]);
    // The stand-in takes a handshake for a head that never ends, so it is the TLS time that runs out.
    let gateway = Gateway::with(
        &at(&format!("https://127.0.0.1:{}/v1", plain.address.port())),
        serde_json::json!({"tls_ms": 200}),
    );
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.code().as_str()), (502, "upstream_error"));
    assert!(plain.requests().is_empty());
}

#[test]
fn a_ca_file_that_cannot_be_read_stops_the_start() {
    let missing = support::scratch_folder().join("none.pem");
    let config = serde_json::json!({
        "node": "node_01J00000000000000000000000", "epoch": 1, "journal_dir": "unused", "version": "0.1.0", "listen_fds": [3],
        "pepper": "00".repeat(32), "node_api": "127.0.0.1:1", "node_token": "t", "control": null,
        "settings": trusting(&missing),
    });
    let error = tollway_relay::Core::new(config.to_string().as_bytes()).err().unwrap();
    assert!(error.contains("ca_file"), "{error}");
}
