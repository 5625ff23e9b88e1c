//! The log against the wire: what it says was sent is what arrived, whatever the answer claims.

use serde_json::{Value, json};

use super::harness::{Sim, chat, request, stream};
use crate::Config;

#[test]
fn bytes_and_content_are_those_that_arrived() {
    let models = [
        "script:bytes=333,text=wide",
        "script:bytes=333,split=3",
        "script:chunks=9,chunk_bytes=300",
        "script:eol=crlf",
        "sim-chat",
        "script:cut=700,bytes=400,chunks=8",
        "script:cut=1100,bytes=400,chunks=8,split=11",
    ];
    for model in models {
        for body in [stream(model), chat(model)] {
            let sim = Sim::with(Config { tokens_per_second: 100_000, ..Config::default() });
            let wire = sim.wire("/v1/chat/completions", &body);
            let entry = sim.entry();
            assert_eq!(entry["body_bytes_sent"], wire.body().len(), "{model}");
            if entry["ended"] == "complete" || body["stream"] == true {
                assert_eq!(entry["content_bytes"], wire.content().len(), "{model}: {}", wire.text());
            }
        }
    }
}

/// A text that stands unescaped in a plain body counts byte by byte when the body is cut.
#[test]
fn a_cut_plain_answer_counts_the_text_that_is_there() {
    let sim = Sim::start();
    let whole = sim.chat("script:bytes=300").text();
    let body = whole.split_once("\r\n\r\n").unwrap().1;
    let text_at = body.find("The clerk").unwrap();
    // The name of the model is part of the body, and so of where the text begins.
    let cut = text_at + ",cut=999".len() + 20;
    sim.chat(&format!("script:bytes=300,cut={cut}"));
    let log = sim.log("wait_ended=2");
    assert_eq!((&log[1]["body_bytes_sent"], &log[1]["content_bytes"]), (&json!(cut), &json!(20)));
}

#[test]
fn tokens_are_true_and_claims_are_kept_apart() {
    let cases: [(&str, Value); 4] =
        [("given", json!(10)), ("lying", json!(10_000)), ("zero", json!(0)), ("missing", json!(null))];
    for (usage, claimed) in cases {
        for body in [chat, stream].map(|make| make(&format!("script:bytes=40,usage={usage},cached=4"))) {
            let sim = Sim::start();
            sim.wire("/v1/chat/completions", &body);
            let entry = sim.entry();
            assert_eq!(
                entry["tokens"],
                json!({"prompt": 12, "completion": 10, "cached": 4, "reasoning": 0}),
                "{usage}"
            );
            assert_eq!(
                entry["usage_reported"].get("completion_tokens").cloned().unwrap_or_default(),
                claimed,
                "{usage}"
            );
        }
    }
}

#[test]
fn usage_that_was_cut_off_was_not_reported() {
    let sim = Sim::start();
    sim.stream("script:cut=400");
    assert_eq!(sim.entry()["usage_reported"], json!(null));
}

#[test]
fn keeps_what_the_request_was() {
    let sim = Sim::with(Config { logged_body_bytes_max: 30, ..Config::default() });
    let body = chat("script:").to_string();
    let wire = request(
        "/v1/chat/completions?a=1",
        &body,
        "Authorization: Bearer sk-made-up\r\nX-Request-Id: req_7\r\nX-Odd:  yes\r\n",
    );
    sim.client().send(&wire);
    let entry = sim.entry();
    assert_eq!((&entry["model"], &entry["path"]), (&json!("script:"), &json!("/v1/chat/completions")));
    assert_eq!((&entry["credential"], &entry["request_id"]), (&json!("sk-made-up"), &json!("req_7")));
    assert_eq!(entry["request_bytes"], wire.len());
    assert_eq!(entry["request_body"], body[..30]);
    assert_eq!(entry["request_head"], wire[..wire.len() - body.len()]);
    assert!(entry["started_ms"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn a_broken_request_is_written_down_too() {
    let sim = Sim::start();
    let mut client = sim.client();
    client.send("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n");
    assert_eq!(client.rest().status(), 400);
    let entry = sim.entry();
    assert_eq!((&entry["ended"], &entry["status"]), (&json!("error"), &json!(400)));
    assert!(entry["request_head"].as_str().unwrap().contains("Content-Length: x"));
}

#[test]
fn the_log_is_bounded_and_can_be_off() {
    let sim = Sim::with(Config { log_entries: 3, ..Config::default() });
    for n in 0..5 {
        sim.chat(&format!("script:bytes={n}"));
    }
    let models: Vec<Value> = sim.log("wait_ended=3").iter().map(|entry| entry["model"].clone()).collect();
    assert_eq!(models, ["script:bytes=2", "script:bytes=3", "script:bytes=4"]);
    let sim = Sim::with(Config { log_entries: 0, ..Config::default() });
    assert_eq!(sim.chat("script:").status(), 200);
    assert_eq!(sim.log(""), Vec::<Value>::new());
}
