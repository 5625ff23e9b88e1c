//! Connections, framing and the life of the process's threads.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{End, Sim, Wire, chat, request};
use crate::{Config, Simulator};

#[test]
fn pipelined_requests_are_answered_apart_and_in_order() {
    let sim = Sim::start();
    let mut all = String::new();
    for n in 0..5 {
        all += &request("/v1/chat/completions", &chat(&format!("script:bytes={n}")).to_string(), "");
    }
    let chunked = chat("script:bytes=5").to_string();
    let (a, b) = chunked.split_at(9);
    all += &format!(
        "POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n",
        a.len(),
        b.len()
    );
    all += "GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n";
    let mut client = sim.client();
    client.send(&all);
    let text = client.rest().text();
    let answers: Vec<&str> = text.split("HTTP/1.1 200 OK\r\n").skip(1).collect();
    assert_eq!(answers.len(), 7);
    for (n, answer) in answers[..6].iter().enumerate() {
        assert!(answer.contains(&format!("\"script:bytes={n}\"")), "{answer}");
    }
    let log = sim.log("wait_ended=7");
    assert!(log.iter().all(|entry| entry["connection"] == log[0]["connection"]));
}

#[test]
fn a_request_sent_ahead_during_a_stream_is_no_hang_up() {
    let sim = Sim::start();
    let mut client = sim.client();
    let mut body = chat("script:gap_us=20000,chunks=3");
    body["stream"] = true.into();
    client.send(&request("/v1/chat/completions", &body.to_string(), ""));
    client.until("\n\n");
    client.send(&request("/v1/chat/completions", &chat("script:").to_string(), "Connection: close\r\n"));
    let rest = client.rest().text();
    assert!(rest.contains("[DONE]") && rest.contains("chat.completion\""), "{rest}");
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let sim = Sim::start();
    let mut client = sim.client();
    for byte in request("/v1/chat/completions", &chat("script:").to_string(), "Connection: close\r\n").chars() {
        client.send(&byte.to_string());
    }
    assert_eq!(client.rest().status(), 200);
}

#[test]
fn large_bodies_pass_up_to_the_limit() {
    let sim = Sim::with(Config { body_bytes_max: 21 << 20, ..Config::default() });
    let mut body = chat("json-1k");
    body["padding"] = Value::from("x".repeat(20 << 20));
    assert_eq!(sim.wire("/v1/chat/completions", &body).body().len(), 1024);
    assert!(sim.entry()["request_bytes"].as_u64().unwrap() > 20 << 20);
    let mut client = sim.client();
    client.send("POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n");
    assert_eq!(client.rest().status(), 413);
}

#[test]
fn expect_continue_is_answered() {
    let sim = Sim::start();
    let body = chat("script:").to_string();
    let mut client = sim.client();
    client.send(&format!(
        "POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.until("100 Continue\r\n\r\n");
    client.send(&body);
    assert_eq!(client.rest().status(), 200);
}

#[test]
fn a_key_may_be_required() {
    let sim = Sim::with(Config { require_key: Some("sk-a".to_owned()), ..Config::default() });
    let ask = |field: &str| -> Wire {
        let mut client = sim.client();
        client.send(&request(
            "/v1/chat/completions",
            &chat("script:").to_string(),
            &format!("{field}Connection: close\r\n"),
        ));
        client.rest()
    };
    let wire = ask("");
    assert_eq!((wire.status(), &wire.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    assert_eq!(ask("Authorization: Bearer sk-b\r\n").status(), 401);
    assert_eq!(ask("Authorization: Bearer sk-a\r\n").status(), 200);
    assert_eq!(sim.get("/v1/models").status(), 401);
    assert_eq!(sim.get("/__sim/stats").status(), 200);
}

#[test]
fn several_threads_share_the_port_and_nobody_else_does() {
    for threads in [1, 2] {
        let sim = Sim::with(Config { threads, ..Config::default() });
        for _ in 0..20 {
            assert_eq!(sim.chat("json-1k").status(), 200);
        }
        assert_eq!(sim.stats()["threads"].as_array().map(Vec::len), Some(threads));
        let second = Simulator::start(Config { listen: sim.0.addr(), threads: 2, ..Config::default() });
        assert_eq!(second.map(drop).map_err(|error| error.kind()), Err(std::io::ErrorKind::AddrInUse));
    }
}

#[test]
fn stop_closes_everything_and_frees_the_port() {
    let Sim(simulator) = Sim::start();
    let addr = simulator.addr();
    let mut client = Sim(simulator).held();
    assert_eq!(client.rest().end, End::Closed);
    assert!(Simulator::start(Config { listen: addr, ..Config::default() }).is_ok());
}

impl Sim {
    /// Leaves a client in a stall and stops.
    fn held(self) -> super::harness::Client {
        let mut client = self.client();
        client.send(&request("/v1/chat/completions", &chat("script:stall=connect").to_string(), ""));
        self.log("wait_holding=1");
        assert!(!self.0.wait_timeout(Duration::from_millis(1)), "it runs");
        self.0.stop();
        client
    }
}

#[test]
fn too_many_connections_are_turned_away() {
    let sim = Sim::with(Config { connections_max: 1, ..Config::default() });
    let mut first = sim.client();
    first.send("GET / HTTP/1.1\r\n\r\n");
    first.until("\r\n\r\n");
    assert_eq!(sim.client().rest().bytes, b"");
    first.send("GET /__sim/stats HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(first.rest().json()["connections_turned_away"], 1);
}

#[test]
fn a_hold_has_an_end() {
    let sim = Sim::with(Config { hold_ms_max: 30, ..Config::default() });
    assert_eq!(sim.stream("script:stall=first").end, End::Closed);
    assert_eq!(sim.entry()["ended"], "stalled");
}

#[test]
fn configurations_are_checked() {
    let config =
        Config::from_json(br#"{"listen":"127.0.0.1:7","threads":2,"require_key":"k","log_entries":0}"#).unwrap();
    assert_eq!((config.listen.port(), config.threads, config.require_key.as_deref()), (7, 2, Some("k")));
    assert_eq!(Config::from_json(b"{}").unwrap(), Config::default());
    for (json, mention) in [(r#"{"thread":1}"#, "thread"), (r#"{"threads":0}"#, "1 or more"), ("", "configuration")] {
        assert!(Config::from_json(json.as_bytes()).unwrap_err().contains(mention), "{json}");
    }
}
