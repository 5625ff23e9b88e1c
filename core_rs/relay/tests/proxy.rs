//! What is not the relay's: the node API and the control plane behind the same listener, and the doors that stay shut.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use std::net::{SocketAddr, TcpListener};
use support::upstream::{LAST, Request, framed};
use support::{Act, Client, Gateway, HELLO, KEY, NODE_TOKEN, Setup, Upstream, basic};

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn gateway(node_api: SocketAddr, control: SocketAddr, settings: serde_json::Value) -> Gateway {
    let setup = Setup { settings, node_api: Some(node_api), control: Some(control), ..Setup::default() };
    Gateway::launch(&basic("127.0.0.1:1".parse().unwrap()), setup)
}

/// An inner server with one answer; what the link itself posts is answered alike and left out of `asked`.
fn inner(script: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |request| {
        let is_link = request.path().starts_with("/internal/");
        if is_link { vec![Act::Send(answer("404 X", "", "")), Act::Close] } else { script(request) }
    })
}

fn asked(server: &Upstream) -> Vec<Request> {
    server.requests().into_iter().filter(|request| !request.path().starts_with("/internal/node/")).collect()
}

fn answer(status: &str, lines: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn html(_: &Request) -> Vec<Act> {
    vec![Act::Send(answer(
        "200 OK",
        "Content-Type: text/html\r\nSet-Cookie: __Host-s=1\r\nX-Frame-Options: DENY\r\n",
        "<p>hello",
    ))]
}

#[test]
fn each_path_has_its_server_and_only_one_of_them_gets_the_token() {
    let (node, control) = (inner(html), inner(html));
    let gateway = gateway(node.address, control.address, serde_json::json!({}));
    let paths = [
        "/api/status",
        "/healthz",
        "/readyz",
        "/",
        "/index.html?a=1&b=%2F",
        "/api/accounts",
        "/api/status/x",
        "/apistatus",
        "/v1x",
    ];
    for path in paths {
        let response = gateway.call("GET", path, "", "");
        assert_eq!((response.status, response.text()), (200, "<p>hello"), "{path}");
        assert_eq!(response.header("set-cookie"), Some("__Host-s=1"));
        assert_eq!(response.header("x-frame-options"), Some("DENY"));
        assert!(response.header("x-request-id").unwrap().starts_with("req_"));
    }
    let of = |server: &Upstream| asked(server).iter().map(|r| r.path().to_string()).collect::<Vec<_>>();
    assert_eq!(of(&node), paths[..3]);
    assert_eq!(of(&control), paths[3..], "the target goes on as it came");
    assert!(asked(&node).iter().all(|request| request.header("x-tollway-node-token") == Some(NODE_TOKEN)));
    assert!(asked(&control).iter().all(|request| !request.head.contains(NODE_TOKEN)));
    assert_eq!(gateway.call("GET", "/metrics", "", "").code(), "not_found", "private unless switched on");
}

#[test]
fn the_inner_server_learns_who_calls_from_us_and_not_from_the_caller() {
    let (node, control) = (inner(html), inner(html));
    let gateway = gateway(node.address, control.address, serde_json::json!({}));
    for path in ["/api/status", "/api/keys"] {
        let mut client = gateway.client();
        client.send(Client::raw(
            "GET",
            path,
            "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
             x-tollway-node-token: guessed\r\nX-Tollway-Operator: yes\r\nConnection: keep-alive, x-mine\r\nX-Mine: 1\r\nTE: trailers\r\n\
             Cookie: __Host-s=1\r\nAuthorization: Bearer operator\r\nOrigin: http://gateway\r\nAccept-Encoding: gzip\r\n",
            b"",
        ));
        assert_eq!(client.response().status, 200);
        let seen = asked(if path == "/api/status" { &node } else { &control }).pop().unwrap();
        assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(
            (seen.header("x-forwarded-proto"), seen.header("x-forwarded-host")),
            (Some("http"), Some("gateway"))
        );
        assert_eq!(
            (seen.header("cookie"), seen.header("authorization")),
            (Some("__Host-s=1"), Some("Bearer operator"))
        );
        assert_eq!((seen.header("origin"), seen.header("accept-encoding")), (Some("http://gateway"), Some("gzip")));
        assert!(seen.header("x-request-id").unwrap().starts_with("req_"));
        for absent in ["6.6.6.6", "evil", "guessed", "X-Tollway-Operator", "X-Mine", "trailers"] {
            assert!(!seen.head.contains(absent), "{path}: {absent}: {}", seen.head);
        }
        let forwarded = seen.head.lines().filter(|line| line.to_ascii_lowercase().starts_with("x-forwarded-")).count();
        assert_eq!(forwarded, 3, "{}", seen.head);
    }
}

#[test]
fn inner_paths_are_shut_in_every_spelling() {
    let (node, control) = (inner(html), inner(html));
    let gateway = gateway(node.address, control.address, serde_json::json!({}));
    let mut client = gateway.client();
    for path in [
        "/internal",
        "/internal/",
        "/internal/node/lease",
        "//internal/node/lease",
        "///internal///node",
        "/%69nternal/node/lease",
        "/i%6eternal/node/lease",
        "/%2finternal/node/lease",
        "/internal%2fnode/lease",
        "/INTERNAL/node/lease",
        "/Internal%2Fx",
        "/./internal/x",
        "/x/../internal/node/lease",
        "/%2e/internal/x",
        "/x/%2e%2e/internal/x",
        "/x/..%2finternal/x",
        "/internal%00",
        "/x\\internal",
        "/x%5c..%5cinternal",
        "/internal?x=1",
        "/internal/node/lease?x=/",
        "/%zz/internal",
        "/api/status/../../internal/node/hello",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let response = client.call(method, path, KEY, "");
            assert_eq!((response.status, response.code().as_str()), (404, "not_found"), "{method} {path}");
        }
    }
    for path in ["/internals", "/x/internal", "/?next=/internal/x", "/api/internal"] {
        assert_eq!(client.call("GET", path, "", "").status, 200, "{path} is nobody's secret");
    }
    assert_eq!(asked(&control).len(), 4);
    assert!(asked(&node).is_empty());
}

#[test]
fn methods_bodies_and_framings_pass_on_one_connection() {
    let control = inner(|request| {
        let echo = format!("{} {}", request.head.split(' ').next().unwrap(), request.bytes.len());
        vec![match request.path() {
            "/chunked" => Act::Send(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}{}{LAST}",
                framed(&echo),
                framed("!")
            )),
            "/empty" => Act::Send("HTTP/1.1 204 No Content\r\n\r\n".into()),
            "/same" => Act::Send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 500\r\n\r\n".into()),
            "/early" => Act::Send(
                "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_string() + &answer("201 Created", "", &echo),
            ),
            "/moved" => Act::Send(answer("303 See Other", "Location: /login\r\n", "")),
            _ => Act::Send(answer("200 OK", "", &echo)),
        }]
    });
    let gateway = gateway(nowhere(), control.address, serde_json::json!({}));
    let mut client = gateway.client();
    let large = "x".repeat(5 << 20);
    for _ in 0..2 {
        for (method, path, body, status, expected) in [
            ("GET", "/", "", 200, "GET 0".to_string()),
            ("POST", "/", large.as_str(), 200, format!("POST {}", large.len())),
            ("PUT", "/x", "abc", 200, "PUT 3".into()),
            ("PATCH", "/chunked", "ab", 200, "PATCH 2!".into()),
            ("DELETE", "/x", "", 200, "DELETE 0".into()),
            ("OPTIONS", "/x", "", 200, "OPTIONS 0".into()),
            ("PURGE", "/x", "", 200, "PURGE 0".into()),
            ("GET", "/early", "", 201, "GET 0".into()),
            ("GET", "/moved", "", 303, String::new()),
        ] {
            let response = client.call(method, path, "", body);
            assert_eq!(
                (response.status, response.text(), response.whole),
                (status, expected.as_str(), true),
                "{method} {path}"
            );
        }
        for path in ["/empty", "/same"] {
            client.send(Client::request("GET", path, "", ""));
            let status = client.head_only().status;
            assert_eq!(status, if path == "/empty" { 204 } else { 304 });
        }
    }
    assert_eq!(client.call("GET", "/moved", "", "").header("location"), Some("/login"));
}

#[test]
fn head_is_answered_without_a_body_and_the_connection_lives_on() {
    let server = || {
        inner(|request| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 500\r\n\r\n";
            vec![if request.head.starts_with("HEAD") { Act::Send(head.into()) } else { html(request).remove(0) }]
        })
    };
    let (node, control) = (server(), server());
    let gateway = gateway(node.address, control.address, serde_json::json!({}));
    let mut client = gateway.client();
    for path in ["/", "/healthz", "/internal/x", "/metrics"] {
        client.send(Client::request("HEAD", path, "", ""));
        let status = client.head_only().status;
        assert_eq!(status, if matches!(path, "/" | "/healthz") { 200 } else { 404 }, "{path}");
        assert_eq!(client.call("GET", "/", "", "").text(), "<p>hello", "after HEAD {path}");
    }
}

#[test]
fn a_large_answer_passes_in_every_framing() {
    let page = "0123456789abcdef".repeat(300_000);
    let chunks: String =
        page.as_bytes().chunks(70_001).map(|part| framed(std::str::from_utf8(part).unwrap())).collect();
    for text in [
        answer("200 OK", "", &page),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{LAST}"),
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{page}"),
    ] {
        let control = inner(move |_| vec![Act::Send(text.clone()), Act::Close]);
        let gateway = gateway(nowhere(), control.address, serde_json::json!({}));
        let mut client = gateway.client();
        for _ in 0..2 {
            let response = client.call("GET", "/", "", "");
            assert!(response.whole && response.body == page.as_bytes());
        }
    }
}

#[test]
fn an_inner_server_that_is_away_is_503_and_the_relay_does_not_mind() {
    let gateway = gateway(nowhere(), nowhere(), serde_json::json!({"body_bytes_max": 1_000}));
    let mut client = gateway.client();
    for path in ["/", "/api/status", "/readyz", "/api/keys"] {
        let response = client.call("GET", path, "", "");
        assert_eq!(
            (response.status, response.header("content-type")),
            (503, Some("application/problem+json")),
            "{path}"
        );
        assert_eq!((&response.json()["code"], response.header("retry-after")), (&"unavailable".into(), Some("2")));
    }
    assert_eq!(client.call("GET", "/v1/models", KEY, "").json()["data"][0]["id"], "chat");
    assert_eq!(client.call("POST", "/v1/chat/completions", KEY, HELLO).code(), "wallet_unavailable");
    let response = client.call("POST", "/api/keys", "", &"x".repeat(1_001));
    assert_eq!((response.status, response.code().as_str()), (413, "request_too_large"));
}

#[test]
fn an_inner_answer_that_is_no_answer_is_503() {
    for garbage in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ] {
        let control = inner(move |_| vec![Act::Send(garbage.into()), Act::Close]);
        let gateway = gateway(nowhere(), control.address, serde_json::json!({}));
        let response = gateway.call("GET", "/", "", "");
        assert_eq!((response.status, &response.json()["code"]), (503, &"unavailable".into()), "{garbage:?}");
    }
}

#[test]
fn an_inner_answer_that_breaks_off_is_aborted_and_never_looks_whole() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_string(),
        format!("{chunked}{}", framed("hello")),
        format!("{chunked}{}20\r\nhel", framed("hello")),
        format!("{chunked}{}zz\r\n", framed("hello")),
    ] {
        let control = inner({
            let text = text.clone();
            move |_| vec![Act::Send(text.clone()), Act::Close]
        });
        let gateway = gateway(nowhere(), control.address, serde_json::json!({}));
        let mut client = gateway.client();
        client.send(Client::request("GET", "/", "", ""));
        // The break may be seen together with the head: then there is no answer at all, only a closed connection.
        let response = client.answer();
        assert!(response.is_none_or(|response| !response.whole), "{text:?}");
        assert!(client.is_closed(), "{text:?}");
    }
}

#[test]
fn a_client_that_leaves_lets_the_inner_server_go() {
    let control = inner(|_| {
        vec![Act::Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".into()), Act::Hangup]
    });
    let gateway = gateway(nowhere(), control.address, serde_json::json!({}));
    let mut client = gateway.client();
    client.send(Client::request("GET", "/", "", ""));
    client.read_until("hello");
    drop(client);
    control.wait_for_hangup();
    gateway.wait_idle();
}
