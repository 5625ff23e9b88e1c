//! Every code of the contract as bytes, and upstream texts without their secrets.

use serde_json::{Value, json};
use tollway_policy::refusal::{Code, LimitKind, Limited, Scope};

use super::*;

fn written(refusal: &Refusal) -> Value {
    let mut out = Vec::new();
    body(&mut out, refusal);
    serde_json::from_slice(&out).unwrap()
}

fn answered(refusal: &Refusal, keep_alive: bool) -> String {
    let mut out = Vec::new();
    response(&mut out, refusal, b"req_1", keep_alive, b"x-a: b\r\n");
    String::from_utf8(out).unwrap()
}

fn limited(ns: u64) -> Refusal {
    let limited = Limited { scope: Scope::Key, limit: LimitKind::Requests, retry_after_ns: ns };
    Refusal { limited: Some(limited), ..Refusal::new(Code::RateLimitExceeded, "slow down") }
}

#[test]
fn the_object_has_openais_shape() {
    let refusal = Refusal::invalid("model", "say \"which\"\n");
    assert_eq!(
        written(&refusal),
        json!({"error": {"message": "say \"which\"\n", "type": "invalid_request_error", "param": "model", "code": "invalid_request"}})
    );
    assert_eq!(written(&Refusal::invalid_json("x"))["error"]["param"], Value::Null);
    let error = written(&limited(1));
    assert_eq!((&error["error"]["scope"], &error["error"]["limit"]), (&json!("key"), &json!("requests")));
}

#[test]
fn every_code_is_a_whole_answer() {
    for code in Code::all() {
        let text = answered(&Refusal::new(*code, "m"), true);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {} ", code.status())), "{code:?}");
        assert!(!head.contains("Unknown"), "{code:?} has no reason phrase");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{code:?}");
        assert!(head.contains("\r\nx-request-id: req_1\r\n") && head.contains("\r\nx-a: b"), "{code:?}");
        assert_eq!(head.contains("\r\nx-should-retry: false\r\n"), !code.should_retry(), "{code:?}");
        let read: Value = serde_json::from_str(body).unwrap();
        assert_eq!(read["error"]["code"], code.as_str());
        assert_eq!(read["error"]["type"], code.kind());
        // Our own reader finds our own answer sound.
        let parsed = crate::response::parse_response(text.as_bytes(), &mut Vec::new()).unwrap().unwrap();
        assert_eq!(
            (parsed.status, parsed.framing),
            (code.status(), crate::response::ResponseFraming::Length(body.len() as u64))
        );
    }
}

#[test]
fn waits_are_whole_seconds_and_exact_milliseconds() {
    for (ns, seconds, ms) in
        [(0, 1, 1), (1, 1, 1), (999_999_999, 1, 1000), (1_000_000_001, 2, 1001), (2_500_000_000, 3, 2500)]
    {
        let text = answered(&limited(ns), true);
        assert!(text.contains(&format!("\r\nretry-after: {seconds}\r\nretry-after-ms: {ms}\r\n")), "{ns}: {text}");
    }
    let text = answered(&Refusal { retry_after_s: Some(0), ..Refusal::new(Code::Overloaded, "m") }, true);
    assert!(text.contains("\r\nretry-after: 1\r\n") && !text.contains("retry-after-ms"));
    assert!(!answered(&Refusal::not_found(), true).contains("retry-after"));
}

#[test]
fn allow_and_close() {
    assert!(answered(&Refusal::method_not_allowed("GET, HEAD"), true).contains("\r\nallow: GET, HEAD\r\n"));
    assert!(answered(&Refusal::not_found(), false).contains("\r\nconnection: close\r\n"));
    assert!(!answered(&Refusal::not_found(), true).contains("connection:"));
}

#[test]
fn a_broken_streams_event_is_an_error_to_our_own_observer() {
    let mut out = Vec::new();
    sse_event(&mut out, &Refusal::new(Code::UpstreamError, "line\nbreak"));
    assert_eq!(crate::sse::event_end(&out, 0), Some(out.len()), "one event");
    let mut observer = crate::sse::Observer::new(tollway_policy::admission::Endpoint::Chat);
    assert_eq!(observer.observe(&out), crate::sse::Seen::Error);
}

#[test]
fn openai_errors_are_recognised() {
    assert!(is_openai_error(br#"{"error":{"message":"no","type":"t","param":null,"code":null}}"#));
    for body in [
        r#"{"error":"no"}"#,
        r#"{"error":{}}"#,
        r#"{"error":{"message":5}}"#,
        r#"{"detail":"x"}"#,
        "[]",
        "<html>",
        "",
        r#"{"error":{"message":"a"}"#,
    ] {
        assert!(!is_openai_error(body.as_bytes()), "{body}");
    }
}

#[test]
fn secrets_are_taken_out_of_upstream_texts() {
    let show = |text: &str| String::from_utf8(redact(text.as_bytes()).into_owned()).unwrap();
    assert_eq!(
        show(
            r#"{"error":{"message":"Incorrect API key provided: sk-proj-abc123***wxyz. See https://x.example/keys."}}"#
        ),
        r#"{"error":{"message":"Incorrect API key provided: [redacted] See https://x.example/keys."}}"#
    );
    assert_eq!(show("Authorization: Bearer abc.def-1234 failed"), "Authorization: Bearer [redacted] failed");
    assert_eq!(show("GET /v1?key=AIzaSyA1234567890&alt=sse"), "GET /v1?key=[redacted]&alt=sse");
    assert_eq!(show("?api_key=hunter2hunter2"), "?api_key=[redacted]");
    assert_eq!(show("key 0123456789abcdef0123456789abcdef is bad"), "key [redacted] is bad");
    assert_eq!(show("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"), "token [redacted]");
    for harmless in [
        "You must send a bearer token.",
        "max_tokens is too large: 99999",
        "The model `gpt-4o-mini-2024-07-18` does not exist",
        "task-1 asks",
        "",
    ] {
        assert!(matches!(redact(harmless.as_bytes()), Cow::Borrowed(_)), "{harmless}");
    }
}
use std::borrow::Cow;
