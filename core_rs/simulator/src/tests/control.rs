//! `/__sim/…`: plans attempt by attempt, waiting for the log, counters.

use serde_json::{Value, json};

use super::harness::{Client, Sim, chat, request};

#[test]
fn attempt_n_uses_entry_n_and_the_last_repeats() {
    let sim = Sim::start();
    sim.plan(&json!([{"status": 503}, {"status": 429, "retry_after": "1"}, {}]));
    let seen: Vec<u16> = (0..5).map(|_| sim.chat("m").status()).collect();
    assert_eq!(seen, [503, 429, 200, 200, 200]);
    assert_eq!(sim.get("/__sim/plan").json(), json!([{"model": "m", "attempts": 3, "used": 5}]));
}

#[test]
fn a_plan_stands_before_the_demo_and_the_name() {
    let sim = Sim::start();
    let plans = json!([
        {"model": "sim-chat", "attempts": [{"status": 500}]},
        {"model": "script:bytes=1", "attempts": [{"status": 501}]},
        {"model": "sim-embed", "attempts": [{"usage": "missing"}]},
    ]);
    assert_eq!(sim.wire("/__sim/plan", &plans).status(), 200);
    assert_eq!((sim.chat("sim-chat").status(), sim.chat("script:bytes=1").status()), (500, 501));
    let embedding = sim.wire("/v1/embeddings", &json!({"model": "sim-embed", "input": "a"})).json();
    assert!(embedding.get("usage").is_none() && embedding["data"][0]["embedding"].is_array());
    let mut client = sim.client();
    client.send("DELETE /__sim/plan HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(client.rest().status(), 200);
    assert_eq!(sim.chat("script:bytes=1").status(), 200);
    assert_eq!(sim.log("").len(), 1, "the log began anew");
}

#[test]
fn a_wrong_plan_is_refused_whole_and_says_why() {
    let sim = Sim::start();
    let cases = [
        (json!("m"), "attempts"),
        (json!({"model": "m"}), "attempts"),
        (json!({"model": "m", "attempts": []}), "1 to"),
        (json!({"model": "m", "attempts": [{}], "more": 1}), "nothing else"),
        (json!([{"model": "m", "attempts": [{}]}, {"model": "n", "attempts": [{}, {"cutt": 1}]}]), "attempt 1"),
    ];
    for (plan, mention) in cases {
        let wire = sim.wire("/__sim/plan", &plan);
        let message = wire.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(wire.status() == 400 && message.contains(mention), "{plan}: {message}");
    }
    assert_eq!(sim.get("/__sim/plan").json(), json!([]));
}

#[test]
fn the_log_waits_for_a_model_and_says_when_it_waited_in_vain() {
    let sim = Sim::start();
    sim.chat("script:bytes=1");
    sim.chat("script:bytes=2");
    let log = sim.log("model=script%3Abytes%3D2&wait_ended=1");
    assert_eq!((log.len(), &log[0]["model"]), (1, &json!("script:bytes=2")));
    let late = sim.get("/__sim/log?wait_ended=3&timeout_ms=20");
    assert_eq!((late.status(), late.json().as_array().unwrap().len()), (408, 2));
    for query in ["wait_ended=x", "wait=1"] {
        assert_eq!(sim.get(&format!("/__sim/log?{query}")).status(), 400);
    }
}

/// A waiter that came first is woken by what happens after: a beginning, a hold, an end.
#[test]
fn the_log_wakes_who_waits() {
    let sim = Sim::start();
    let wait = |wish: &str| {
        let mut waiter = sim.client();
        waiter.send(&format!("GET /__sim/log?{wish}&timeout_ms=9000 HTTP/1.1\r\nConnection: close\r\n\r\n"));
        sim.stats(); // one thread: by its answer the waiter's request, sent before, has been taken up
        waiter
    };
    let woken = |mut waiter: Client| waiter.rest().status() == 200;
    let (started, holding) = (wait("wait_started=1"), wait("wait_holding=1"));
    let mut client = sim.client();
    client.send(&request("/v1/chat/completions", &chat("script:stall=first,delay_ms=20").to_string(), ""));
    assert!(woken(started) && woken(holding));
    let ended = wait("wait_ended=1");
    client.leave();
    assert!(woken(ended));
}

#[test]
fn counters_count() {
    let sim = Sim::start();
    let mut client = sim.client();
    client.send("GET /v1/models HTTP/1.1\r\n\r\n");
    client.until("\r\n\r\n");
    sim.chat("script:");
    let stats = sim.stats();
    assert_eq!(stats["connections_accepted"], 3);
    assert_eq!(stats["requests"], 3);
    assert!(stats["connections_open"].as_u64().unwrap() >= 2, "the idle one and the asker's: {stats}");
    assert_eq!(stats["threads"].as_array().map(Vec::len), Some(1));
    assert_eq!(sim.wire("/__sim/nothing", &Value::Null).status(), 404);
}
