//! Behind a proxy: whom a key's list of addresses judges, and what an inner server is told of the caller.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use std::net::TcpListener;
use support::upstream::{Request, json};
use support::{Act, Client, Gateway, HELLO, Setup, Upstream, basic, completion, key, key_text};
use tollway_policy::testing::KeySpec;

/// Key 2 may be used from these only.
const ALLOWED: [&str; 2] = ["203.0.113.0/24", "2001:db8::/32"];

fn gateway(upstream: &Upstream, trusted_proxies: &[&'static str], listen: &str) -> Gateway {
    let networks = Some(ALLOWED.map(String::from).to_vec());
    let snapshot = basic(upstream.address).key(KeySpec { networks, ..key(2, 1) });
    let listener = Some(TcpListener::bind(listen).unwrap());
    Gateway::launch(&snapshot, Setup { listener, trusted_proxies: trusted_proxies.to_vec(), ..Setup::default() })
}

/// The status and what a refusal says, of a call with key 2 and these lines.
fn call(gateway: &Gateway, method: &str, path: &str, lines: &str) -> (u16, String) {
    let mut client = gateway.client();
    let lines = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n{lines}", key_text(2));
    client.send(Client::raw(method, path, &lines, if method == "POST" { HELLO.as_bytes() } else { b"" }));
    let response = client.response();
    let message = response.json()["error"]["message"].as_str().unwrap_or_default().to_string();
    (response.status, message)
}

#[test]
fn a_keys_addresses_are_those_of_the_client_behind_a_trusted_proxy() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = gateway(&upstream, &["127.0.0.0/8", "10.0.0.7"], "127.0.0.1:0");
    let long = format!("X-Forwarded-For: {}203.0.113.9\r\n", "9.9.9.9, ".repeat(1_500));
    for lines in [
        "X-Forwarded-For: 203.0.113.9\r\n",
        "x-forwarded-for: 9.9.9.9, 203.0.113.9\r\n",
        "X-Forwarded-For: 203.0.113.9, 10.0.0.7\r\n",
        "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 203.0.113.9\r\n",
        "X-Forwarded-For: 2001:db8::9\r\n",
        "X-Forwarded-For: ::ffff:203.0.113.9\r\n",
        "Connection: X-Forwarded-For\r\nX-Forwarded-For: 203.0.113.9\r\n",
        long.as_str(),
    ] {
        assert_eq!(call(&gateway, "POST", "/v1/chat/completions", lines), (200, String::new()), "{lines}");
        assert_eq!(call(&gateway, "GET", "/v1/models", lines).0, 200, "{lines}");
    }
    for (lines, judged) in [
        ("", "127.0.0.1"),
        ("X-Forwarded-For: 198.51.100.1\r\n", "198.51.100.1"),
        // What the client said itself stands to the left of what the proxy saw.
        ("X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n", "198.51.100.1"),
        ("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.1, 10.0.0.7\r\n", "198.51.100.1"),
        ("X-Forwarded-For: 203.0.113.9, nonsense\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9, nonsense, 10.0.0.7\r\n", "10.0.0.7"),
        ("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For:\r\n", "127.0.0.1"),
        ("X-Forwarded-For: 203.0.113.9:80\r\n", "127.0.0.1"),
        ("X-Real-IP: 203.0.113.9\r\nForwarded: for=203.0.113.9\r\n", "127.0.0.1"),
    ] {
        let (status, message) = call(&gateway, "POST", "/v1/chat/completions", lines);
        assert!(status == 403 && message.contains(&format!("from {judged}. ")), "{lines}: {status} {message}");
        assert_eq!(call(&gateway, "GET", "/v1/models", lines).0, 403, "{lines}");
    }
    let too_long = format!("X-Forwarded-For: {}203.0.113.9\r\n", "9.9.9.9, ".repeat(2_000));
    assert_eq!(call(&gateway, "GET", "/v1/models", &too_long).0, 431);
}

#[test]
fn each_request_of_a_proxys_connection_is_judged_by_its_own_lines() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = gateway(&upstream, &["127.0.0.1/32"], "127.0.0.1:0");
    let mut client = gateway.client();
    for (seen, status) in [("203.0.113.9", 200), ("198.51.100.1", 403), ("203.0.113.9", 200)] {
        let lines = format!("Authorization: Bearer {}\r\nX-Forwarded-For: {seen}\r\n", key_text(2));
        client.send(Client::raw("GET", "/v1/models", &lines, b""));
        assert_eq!(client.response().status, status, "{seen}");
    }
}

#[test]
fn an_untrusted_peer_is_judged_by_its_own_address() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    for trusted in [&[][..], &["10.0.0.0/8", "::1"]] {
        let gateway = gateway(&upstream, trusted, "127.0.0.1:0");
        let (status, message) = call(&gateway, "GET", "/v1/models", "X-Forwarded-For: 203.0.113.9\r\n");
        assert!(status == 403 && message.contains("from 127.0.0.1. "), "{trusted:?}: {status} {message}");
    }
}

#[test]
fn a_proxy_is_known_over_ipv6_and_on_a_dual_stack_socket() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    for trusted in [&["::1/128"][..], &["::/0"]] {
        let gateway = gateway(&upstream, trusted, "[::1]:0");
        assert_eq!(call(&gateway, "GET", "/v1/models", "X-Forwarded-For: 203.0.113.9\r\n").0, 200, "{trusted:?}");
    }
    // Its peer is ::ffff:127.0.0.1 there; either spelling of the network means it.
    for trusted in [&["127.0.0.1"][..], &["::ffff:127.0.0.0/104"]] {
        let mut gateway = gateway(&upstream, trusted, "[::]:0");
        gateway.address.set_ip("127.0.0.1".parse().unwrap());
        assert_eq!(call(&gateway, "GET", "/v1/models", "X-Forwarded-For: 203.0.113.9\r\n").0, 200, "{trusted:?}");
    }
}

/// What an inner server sees of the three lines when a client (here: a proxy) sends `lines`.
fn told(trusted_proxies: &[&'static str], path: &str, lines: &str) -> [String; 3] {
    let inner = Upstream::start(|request| {
        let status = if request.path().starts_with("/internal/") { "404 X" } else { "200 OK" };
        vec![Act::Send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")), Act::Close]
    });
    let setup = Setup {
        node_api: Some(inner.address),
        control: Some(inner.address),
        trusted_proxies: trusted_proxies.to_vec(),
        ..Setup::default()
    };
    let gateway = Gateway::launch(&basic("127.0.0.1:1".parse().unwrap()), setup);
    let mut client = gateway.client();
    client.send(Client::raw("GET", path, lines, b""));
    assert_eq!(client.response().status, 200);
    let is_ours = |request: &Request| request.path() == path;
    let seen = inner.requests().into_iter().find(is_ours).unwrap();
    let count = seen.head.lines().filter(|line| line.to_ascii_lowercase().contains("forwarded")).count();
    assert_eq!(count, 3, "each once, and nothing else of the kind: {}", seen.head);
    assert_eq!(seen.header("x-real-ip"), None);
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].map(|name| seen.header(name).unwrap().to_string())
}

#[test]
fn an_inner_server_is_told_what_a_trusted_proxy_says_and_then_what_we_saw() {
    let lines = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nx-forwarded-host: pay.example.com\r\n\
                 Connection: keep-alive, X-Forwarded-For, X-Forwarded-Host\r\nX-Forwarded-For: 203.0.113.9\r\n\
                 X-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n";
    for path in ["/api/status", "/docs"] {
        assert_eq!(
            told(&["127.0.0.1/32"], path, lines),
            ["6.6.6.6, 203.0.113.9, 127.0.0.1", "https, http", "pay.example.com, gateway"]
        );
        assert_eq!(told(&["127.0.0.1/32"], path, "X-Forwarded-Proto:\r\n"), ["127.0.0.1", "http", "gateway"]);
        assert_eq!(told(&["10.0.0.0/8"], path, lines), ["127.0.0.1", "http", "gateway"]);
    }
    let long = "9.9.9.9, ".repeat(1_500);
    let [seen, ..] = told(&["127.0.0.1/32"], "/docs", &format!("X-Forwarded-For: {long}203.0.113.9\r\n"));
    assert_eq!(seen, format!("{long}203.0.113.9, 127.0.0.1"));
}
