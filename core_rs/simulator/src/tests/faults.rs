//! What goes wrong on purpose, and whether the log says so.

use serde_json::json;

use super::harness::{End, Sim, chat, request, stream};

#[test]
fn a_cut_ends_after_exactly_so_many_bytes() {
    for (cut, streamed) in [(0, true), (1, true), (100, true), (0, false), (100, false)] {
        let sim = Sim::start();
        let model = format!("script:cut={cut}");
        let wire = if streamed { sim.stream(&model) } else { sim.chat(&model) };
        let (chunks, whole) = wire.chunks();
        assert_eq!((chunks.concat().len(), whole, wire.end), (cut, false, End::Closed), "{}", wire.text());
        let entry = sim.entry();
        assert_eq!((&entry["ended"], &entry["body_bytes_sent"]), (&json!("cut"), &json!(cut)));
    }
}

#[test]
fn a_reset_is_a_reset() {
    for model in ["script:reset=0", "script:reset=50"] {
        let sim = Sim::start();
        assert_eq!(sim.stream(model).end, End::Reset, "{model}");
        assert_eq!(sim.entry()["ended"], "reset");
    }
}

#[test]
fn an_error_event_is_the_last() {
    let sim = Sim::start();
    for number in [0, 3] {
        let wire = sim.stream(&format!("script:error_event={number}"));
        let events = wire.events();
        assert_eq!(events.len(), number + 1);
        assert!(events[number]["error"]["message"].is_string());
        assert!(events[..number].iter().all(|event| event.get("error").is_none()));
    }
}

#[test]
fn missing_ends() {
    let sim = Sim::start();
    let wire = sim.stream("script:no_done");
    assert!(wire.chunks().1 && !wire.text().contains("[DONE]") && wire.text().contains("\"stop\""));
    let wire = sim.stream("script:no_finish");
    assert!(wire.chunks().1 && wire.text().contains("[DONE]") && !wire.text().contains("\"stop\""));
    let wire = sim.stream("script:no_end");
    assert!(!wire.chunks().1 && wire.text().contains("[DONE]") && wire.end == End::Closed);
    let wire = sim.chat("script:no_end");
    assert!(!wire.chunks().1 && wire.json()["choices"].is_array());
}

#[test]
fn garbage() {
    let sim = Sim::start();
    assert!(sim.chat("script:garbage=http").bytes.starts_with(b"\x16\x03\x01"));
    let wire = sim.chat("script:garbage=body");
    assert!(wire.header("content-type").unwrap().contains("json") && wire.body().starts_with(b"<html>"));
    let events = sim.stream("script:garbage=event").events();
    let broken: Vec<usize> = (0..events.len()).filter(|n| events[*n].is_string() && events[*n] != "[DONE]").collect();
    assert_eq!(broken.len(), 1);
    assert!(broken[0] > 0 && broken[0] < events.len() - 2);
}

/// In each phase: what has come when nothing more will, and that the leaving client is noticed.
#[test]
fn stalls_hold_where_they_say_until_the_client_leaves() {
    type Law = fn(&str) -> bool;
    let phases: [(&str, Law); 5] = [
        ("connect", str::is_empty),
        ("head", |text| text.starts_with("HTTP/1.1 200") && !text.contains("\r\n\r\n")),
        ("first", |text| text.ends_with("\r\n\r\n") && !text.contains("data:")),
        ("mid", |text| text.contains("data:") && !text.contains("\"stop\"")),
        ("end", |text| text.contains("\"stop\"") && !text.contains("[DONE]")),
    ];
    for (phase, law) in phases {
        let sim = Sim::start();
        let mut client = sim.client();
        client.send(&request(
            "/v1/chat/completions",
            &stream(&format!("script:stall={phase},chunks=20")).to_string(),
            "",
        ));
        let held = &sim.log("wait_holding=1")[0];
        let text = String::from_utf8(client.here()).unwrap();
        assert!(law(&text), "{phase}: {text}");
        assert_eq!((&held["state"], &held["ended"]), (&json!("holding"), &json!(null)));
        client.leave();
        let entry = sim.entry();
        assert_eq!(entry["ended"], "client_gone", "{phase}");
        assert!(entry["client_hung_up_ms"].as_u64().unwrap() < 5_000);
    }
}

#[test]
fn a_plain_answer_stalls_before_its_last_byte() {
    let sim = Sim::start();
    let mut client = sim.client();
    client.send(&request("/v1/chat/completions", &chat("script:stall=end").to_string(), ""));
    sim.log("wait_holding=1");
    let text = String::from_utf8(client.here()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", body.len() + 1)));
}

#[test]
fn a_client_that_leaves_in_a_gap_is_noticed_at_once() {
    let sim = Sim::start();
    let mut client = sim.client();
    client.send(&request("/v1/chat/completions", &stream("script:gap_us=60000000").to_string(), ""));
    client.until("\n\n");
    client.leave();
    let entry = sim.entry();
    assert_eq!((&entry["ended"], &entry["content_bytes"]), (&json!("client_gone"), &json!(0)));
    assert!(entry["client_hung_up_ms"].as_u64().unwrap() < 5_000);
}

/// The kernel takes what fits its buffers; then the writer waits, and learns that the reader is gone.
#[test]
fn a_client_that_leaves_without_reading_is_noticed() {
    let sim = Sim::start();
    let mut client = sim.client();
    client.send(&request("/v1/chat/completions", &chat("json-64m").to_string(), ""));
    sim.log("wait_started=1");
    drop(client);
    let entry = sim.entry();
    assert_eq!(entry["ended"], "client_gone");
    assert_eq!(entry["body_bytes_sent"], 0, "one write, not finished");
}

#[test]
fn an_unreachable_address_does_not_answer() {
    let sim = Sim::start();
    let addr = sim.wire("/__sim/unreachable", &json!({})).json()["addr"].as_str().unwrap().parse().unwrap();
    let error = std::net::TcpStream::connect_timeout(&addr, std::time::Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}
