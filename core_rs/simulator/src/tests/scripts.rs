//! Each field of a script that shapes an answer, proven by what arrives.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::{End, Sim, Wire, chat, request, stream};

/// A row: the model's name, whether it streams, and what must be true of the wire.
type Row = (&'static str, bool, fn(&Wire) -> bool);

fn check(rows: &[Row]) {
    let sim = Sim::start();
    for (model, streamed, law) in rows {
        let wire = if *streamed { sim.stream(model) } else { sim.chat(model) };
        assert!(law(&wire), "{model}: {}", wire.text());
    }
}

fn usage(wire: &Wire) -> Value {
    let events = wire.events();
    events[events.len() - 2]["usage"].clone()
}

#[test]
fn sizes() {
    check(&[
        ("script:bytes=1000", false, |wire| wire.content().len() == 1000),
        ("script:bytes=1000,chunks=7", true, |wire| wire.content().len() == 1000 && wire.events().len() == 11),
        ("script:bytes=0", false, |wire| wire.content().is_empty()),
        ("json-1k", false, |wire| wire.body().len() == 1024),
        ("json-600", false, |wire| wire.body().len() == 600),
        ("json-100k", false, |wire| wire.body().len() == 102_400),
        ("script:body_bytes=999,text=wide", false, |wire| wire.body().len() == 999),
        ("sse-8-0-250", true, |wire| wire.chunks().0.iter().filter(|chunk| chunk.len() == 250).count() == 8),
        ("script:chunks=3,chunk_bytes=2000,eol=crlf", true, |wire| {
            wire.chunks().0.iter().filter(|chunk| chunk.len() == 2000).count() == 3
        }),
        ("script:line_bytes=100000", true, |wire| {
            String::from_utf8(wire.body()).unwrap().lines().any(|line| line.len() == 100_000)
        }),
        ("script:bytes=200,text=wide", true, |wire| wire.content().len() == 200 && !wire.content().is_ascii()),
        ("script:choices=3,chunks=2", true, |wire| {
            let finished = |index| {
                wire.events().iter().any(|event| {
                    event["choices"][0]["index"] == index && event["choices"][0]["finish_reason"] == "stop"
                })
            };
            finished(0) && finished(1) && finished(2)
        }),
    ]);
}

#[test]
fn usage_as_claimed() {
    check(&[
        ("script:prompt=9,completion=5,cached=3,reasoning=2", false, |wire| {
            wire.json()["usage"]
                == json!({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "prompt_tokens_details": {"cached_tokens": 3},
                    "completion_tokens_details": {"reasoning_tokens": 2}})
        }),
        ("script:bytes=41", false, |wire| wire.json()["usage"]["completion_tokens"] == 11),
        ("script:usage=missing", false, |wire| wire.json().get("usage").is_none()),
        ("script:usage=null", false, |wire| wire.json()["usage"].is_null() && wire.json().get("usage").is_some()),
        ("script:usage=zero", false, |wire| wire.json()["usage"]["completion_tokens"] == 0),
        ("script:usage=lying,prompt=9", false, |wire| wire.json()["usage"]["prompt_tokens"] == 9_000),
        ("script:bytes=40", true, |wire| usage(wire)["completion_tokens"] == 10 && wire.events()[1]["usage"].is_null()),
        ("script:usage=missing", true, |wire| usage(wire).is_null()),
        ("script:usage=null", true, |wire| usage(wire).is_null()),
        ("script:usage=zero", true, |wire| usage(wire)["completion_tokens"] == 0 && usage(wire)["prompt_tokens"] == 12),
        ("script:usage=lying,bytes=40", true, |wire| usage(wire)["completion_tokens"] == 10_000),
        ("script:usage_in=finish", true, |wire| {
            usage(wire)["prompt_tokens"] == 12
                && wire.events().iter().rev().nth(1).unwrap()["choices"][0]["finish_reason"] == "stop"
        }),
        ("script:usage_in=every,bytes=40,chunks=2", true, |wire| {
            wire.events()[1]["usage"]["completion_tokens"] == 5 && wire.events()[2]["usage"]["completion_tokens"] == 10
        }),
    ]);
}

#[test]
fn members_that_bear_the_text() {
    check(&[
        ("script:say=reasoning,bytes=9", false, |wire| {
            wire.json()["choices"][0]["message"]["reasoning_content"].as_str().unwrap().len() == 9
        }),
        ("script:say=reasoning", true, |wire| wire.events()[1]["choices"][0]["delta"]["reasoning_content"].is_string()),
        ("script:say=tool", false, |wire| wire.json()["choices"][0]["finish_reason"] == "tool_calls"),
        ("script:say=tool", true, |wire| {
            let first = &wire.events()[0]["choices"][0]["delta"]["tool_calls"][0];
            first["function"]["name"] == "scripted"
                && wire.events()[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].is_string()
        }),
    ]);
}

#[test]
fn forms() {
    check(&[
        ("script:status=503,retry_after=7", true, |wire| {
            wire.status() == 503
                && wire.header("retry-after").as_deref() == Some("7")
                && wire.json()["error"]["type"] == "server_error"
        }),
        ("script:status=429", false, |wire| wire.status() == 429 && wire.header("retry-after").is_none()),
        ("script:empty", false, |wire| wire.status() == 200 && wire.body().is_empty()),
        ("script:error_in_200", false, |wire| wire.status() == 200 && wire.json()["error"]["message"].is_string()),
        ("script:error_in_200", true, |wire| wire.header("content-type").as_deref() == Some("application/json")),
        ("script:content_type=text/html", false, |wire| wire.header("content-type").as_deref() == Some("text/html")),
        ("script:length=chunked", false, |wire| wire.chunks().1 && wire.header("transfer-encoding").is_some()),
        ("script:length=close", false, |wire| {
            wire.header("content-length").is_none() && wire.json()["choices"].is_array()
        }),
        ("script:length=content", true, |wire| wire.chunks().1 && wire.header("content-length").is_some()),
        ("script:http10", true, |wire| {
            wire.head().starts_with("HTTP/1.0 200")
                && wire.header("transfer-encoding").is_none()
                && wire.events().last().unwrap() == "[DONE]"
        }),
        ("script:interim=100", false, |wire| {
            wire.text().starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
        }),
        ("script:interim=103", true, |wire| {
            wire.text().starts_with("HTTP/1.1 103 Early Hints\r\nlink:")
                && wire.text().contains("\r\n\r\nHTTP/1.1 200 OK\r\n")
        }),
        ("script:eol=crlf", true, |wire| {
            let body = String::from_utf8(wire.body()).unwrap();
            body.matches("\r\n\r\n").count() == wire.events().len() && !body.replace("\r\n", "").contains('\n')
        }),
        ("script:eol=cr", true, |wire| {
            let body = String::from_utf8(wire.body()).unwrap();
            body.matches("\r\r").count() == wire.events().len() && !body.contains('\n')
        }),
        ("script:split=7", true, |wire| {
            wire.chunks().0.iter().all(|chunk| chunk.len() <= 7)
                && wire.events().last().unwrap() == "[DONE]"
                && wire.content().len() == 64
        }),
    ]);
}

#[test]
fn padding_of_the_head_is_exact() {
    let sim = Sim::start();
    let head = |model: &str| sim.chat(model).head().len();
    let bare = head("script:");
    for size in [10, 500, 5_000] {
        assert_eq!(head(&format!("script:extra_head={size}")), bare + size);
    }
}

#[test]
fn close_closes_although_the_client_would_stay() {
    let sim = Sim::start();
    for model in ["script:close", "script:http10", "script:length=close"] {
        let mut client = sim.client();
        client.send(&request("/v1/chat/completions", &chat(model).to_string(), ""));
        let wire = client.rest();
        assert_eq!((wire.end, wire.status()), (End::Closed, 200), "{model}");
        assert!(wire.head().contains("connection: close") || model == "script:http10");
    }
}

#[test]
fn what_only_a_plan_can_hold() {
    let sim = Sim::start();
    sim.plan(&json!([
        {"body": "{\"odd\": true}", "headers": {"x-odd": "1, 2"}},
        {"raw": "HTTP/1.1 299 Odd\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx"},
    ]));
    let wire = sim.chat("m");
    assert_eq!((wire.json(), wire.header("x-odd").unwrap()), (json!({"odd": true}), "1, 2".to_owned()));
    assert_eq!(sim.chat("m").text(), "HTTP/1.1 299 Odd\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx");
}

/// Splitting changes where the writes end and nothing else.
#[test]
fn a_split_wire_bears_the_same_bytes() {
    let sim = Sim::start();
    sim.plan(&json!([{}, {"wire_split": 1}, {"wire_split": 13, "split": 5}]));
    let whole = sim.stream("m");
    assert_eq!(sim.stream("m").bytes, whole.bytes);
    assert_eq!(sim.stream("m").body(), whole.body());
    let pieces = sim.stats()["pieces"].as_u64().unwrap();
    assert!(pieces > whole.bytes.len() as u64, "one write per byte");
}

#[test]
fn times() {
    let sim = Sim::start();
    let timed = |body: &Value| {
        let began = Instant::now();
        let wire = sim.wire("/v1/chat/completions", body);
        assert_eq!(wire.status(), 200);
        began.elapsed()
    };
    assert!(timed(&chat("script:delay_ms=60")) >= Duration::from_millis(60));
    assert!(timed(&stream("script:chunks=3,gap_us=20000")) >= Duration::from_millis(60));
    assert!(timed(&stream("script:chunks=300,gap_us=100")) >= Duration::from_millis(30), "short gaps keep the average");
}
