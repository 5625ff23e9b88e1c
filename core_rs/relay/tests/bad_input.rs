//! What a client can get wrong: each case with its exact status and code, nothing charged, the connection's fate, the neighbours untouched.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::upstream::json;
use support::{Act, Client, Gateway, HELLO, KEY, Upstream, basic, completion, key, key_text};
use tollway_policy::testing::{AccountSpec, KeySpec, ModelSpec};

/// A raw request and what it must be answered with: name, bytes, status, code, whether the connection lives on.
struct Case {
    name: &'static str,
    raw: String,
    status: u16,
    code: &'static str,
    kept: bool,
}

fn post(path: &str, key: &str, body: &str) -> String {
    Client::request("POST", path, key, body)
}

fn body_case(name: &'static str, body: &str, code: &'static str) -> Case {
    Case { name, raw: post("/v1/chat/completions", KEY, body), status: 400, code, kept: true }
}

fn head_case(name: &'static str, lines: &str, status: u16, code: &'static str) -> Case {
    let raw = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n{lines}\r\n{HELLO}"
    );
    Case { name, raw, status, code, kept: false }
}

fn cases() -> Vec<Case> {
    let mut all = body_cases();
    all.extend(call_cases());
    all.extend(head_cases());
    all
}

fn body_cases() -> Vec<Case> {
    let deep = format!(r#"{{"model":"chat","messages":[{}1{}]}}"#, "[".repeat(200), "]".repeat(200));
    vec![
        body_case("empty body", "", "invalid_json"),
        body_case("malformed JSON", r#"{"model":"#, "invalid_json"),
        body_case("trailing comma", r#"{"model":"chat","messages":[1],}"#, "invalid_json"),
        body_case("not an object", "[]", "invalid_json"),
        body_case("two values", r#"{"model":"chat"} {}"#, "invalid_json"),
        body_case("too deep", &deep, "invalid_json"),
        body_case("model missing", r#"{"messages":[{"role":"user","content":"x"}]}"#, "invalid_request"),
        body_case(
            "model of a wrong type",
            r#"{"model":7,"messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
        body_case("model empty", r#"{"model":"","messages":[{"role":"user","content":"x"}]}"#, "invalid_request"),
        body_case("messages missing", r#"{"model":"chat"}"#, "invalid_request"),
        body_case("messages of a wrong type", r#"{"model":"chat","messages":"x"}"#, "invalid_request"),
        body_case(
            "stream of a wrong type",
            r#"{"model":"chat","stream":"yes","messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
        body_case(
            "max_tokens negative",
            r#"{"model":"chat","max_tokens":-1,"messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
        body_case(
            "max_tokens fractional",
            r#"{"model":"chat","max_tokens":1.5,"messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
        body_case(
            "duplicate model",
            r#"{"model":"chat","model":"chat","messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
        body_case(
            "duplicate model, escaped",
            r#"{"model":"chat","mod\u0065l":"other","messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
        body_case(
            "duplicate stream",
            r#"{"model":"chat","stream":false,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
            "invalid_request",
        ),
    ]
}

fn call_cases() -> Vec<Case> {
    let kept = |name, raw, status, code| Case { name, raw, status, code, kept: true };
    vec![
        kept(
            "unknown model",
            post("/v1/chat/completions", KEY, &HELLO.replace("\"chat\"", "\"nope\"")),
            404,
            "model_not_found",
        ),
        kept(
            "model of another kind",
            post("/v1/embeddings", KEY, r#"{"model":"chat","input":"x"}"#),
            400,
            "invalid_request",
        ),
        kept("no key", post("/v1/chat/completions", "", HELLO), 401, "invalid_api_key"),
        kept("wrong key", post("/v1/chat/completions", "sk-tw-nope", HELLO), 401, "invalid_api_key"),
        kept("wrong key with a broken body", post("/v1/chat/completions", "sk-tw-nope", "{{{"), 401, "invalid_api_key"),
        kept("disabled key", post("/v1/chat/completions", &key_text(2), HELLO), 401, "key_disabled"),
        kept("expired key", post("/v1/chat/completions", &key_text(3), HELLO), 401, "key_expired"),
        kept("address not allowed", post("/v1/chat/completions", &key_text(4), HELLO), 403, "ip_not_allowed"),
        kept("endpoint not allowed", post("/v1/chat/completions", &key_text(5), HELLO), 403, "endpoint_not_allowed"),
        kept("account disabled", post("/v1/chat/completions", &key_text(6), HELLO), 403, "account_disabled"),
        kept("model not in the key's list", post("/v1/chat/completions", &key_text(7), HELLO), 404, "model_not_found"),
        kept("unknown path, no key", post("/v1/nothing", "", "{}"), 404, "not_found"),
        kept("inner path", post("/internal/node/lease", KEY, "{}"), 404, "not_found"),
        kept(
            "model without a price",
            post("/v1/chat/completions", KEY, &HELLO.replace("\"chat\"", "\"unpriced\"")),
            400,
            "model_price_missing",
        ),
        kept(
            "model without an upstream",
            post("/v1/chat/completions", KEY, &HELLO.replace("\"chat\"", "\"lost\"")),
            503,
            "no_healthy_upstream",
        ),
        kept(
            "wrong method",
            format!("GET /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\n\r\n"),
            405,
            "method_not_allowed",
        ),
        kept(
            "wrong content type",
            post("/v1/chat/completions", KEY, HELLO).replace("application/json", "text/plain"),
            415,
            "unsupported_media_type",
        ),
        kept(
            "compressed body",
            post("/v1/chat/completions", KEY, HELLO).replace("Host:", "Content-Encoding: gzip\r\nHost:"),
            415,
            "unsupported_encoding",
        ),
    ]
}

fn head_cases() -> Vec<Case> {
    let n = HELLO.len();
    let mut all = vec![
        head_case(
            "length and chunked",
            &format!("Host: g\r\nContent-Length: {n}\r\nTransfer-Encoding: chunked\r\n"),
            400,
            "invalid_request",
        ),
        head_case(
            "two equal lengths",
            &format!("Host: g\r\nContent-Length: {n}\r\nContent-Length: {n}\r\n"),
            400,
            "invalid_request",
        ),
        head_case("length with a sign", &format!("Host: g\r\nContent-Length: +{n}\r\n"), 400, "invalid_request"),
        head_case(
            "unknown transfer encoding",
            "Host: g\r\nTransfer-Encoding: gzip, chunked\r\n",
            400,
            "invalid_request",
        ),
        head_case("no host", &format!("Content-Length: {n}\r\n"), 400, "invalid_request"),
        head_case("two hosts", &format!("Host: g\r\nHost: h\r\nContent-Length: {n}\r\n"), 400, "invalid_request"),
        head_case("bare line feed", &format!("Host: g\nContent-Length: {n}\r\n"), 400, "invalid_request"),
        head_case("space before the colon", &format!("Host: g\r\nContent-Length : {n}\r\n"), 400, "invalid_request"),
        head_case(
            "folded line",
            &format!("Host: g\r\nX-A: b\r\n c\r\nContent-Length: {n}\r\n"),
            400,
            "invalid_request",
        ),
        head_case(
            "too many headers",
            &format!("Host: g\r\n{}Content-Length: {n}\r\n", "x-a: b\r\n".repeat(100)),
            431,
            "head_too_large",
        ),
        head_case("absurd head", &format!("Host: g\r\nx-a: {}\r\n", "b".repeat(200_000)), 431, "head_too_large"),
        head_case("declared too large", "Host: g\r\nContent-Length: 20971521\r\n", 413, "request_too_large"),
        head_case("bad chunk", "Host: g\r\nTransfer-Encoding: chunked\r\n", 400, "invalid_request"),
    ];
    let old = Case {
        name: "HTTP/1.0",
        raw: "GET /v1/models HTTP/1.0\r\nHost: g\r\n\r\n".into(),
        status: 505,
        code: "http_version_not_supported",
        kept: false,
    };
    all.push(old);
    all
}

#[test]
fn every_mistake_has_its_answer_and_costs_nothing() {
    let upstream = Upstream::start(|_| vec![Act::Send(json(200, &completion(1, 1)))]);
    let mut snapshot = basic(upstream.address)
        .model(ModelSpec { price: None, ..ModelSpec::chat("unpriced", &["one"]) })
        .model(ModelSpec { routes: Vec::new(), ..ModelSpec::chat("lost", &[]) })
        .account(AccountSpec { enabled: false, ..AccountSpec::new(2) })
        .key(KeySpec { enabled: false, ..key(2, 1) })
        .key(KeySpec { expires_s: 1, ..key(3, 1) })
        .key(KeySpec { networks: Some(vec!["10.0.0.0/8".into()]), ..key(4, 1) })
        .key(KeySpec { endpoints: 0b100, ..key(5, 1) })
        .key(key(6, 2))
        .key(KeySpec { models: Some(vec!["other-*".into()]), ..key(7, 1) });
    snapshot.generation = 1;
    let gateway = Gateway::start(&snapshot);
    for case in cases() {
        let mut client = gateway.client();
        let _ = std::io::Write::write_all(&mut client.socket, case.raw.as_bytes());
        let response = client.response();
        assert_eq!(
            (response.status, response.code().as_str()),
            (case.status, case.code),
            "{}: {}",
            case.name,
            response.text()
        );
        let error = &response.json()["error"];
        assert!(!error["message"].as_str().unwrap().is_empty(), "{}", case.name);
        assert!(response.header("x-request-id").is_some(), "{}", case.name);
        if matches!(response.status, 400 | 401 | 402 | 403 | 404 | 405 | 413 | 415) {
            assert_eq!(response.header("x-should-retry"), Some("false"), "{}", case.name);
        }
        if case.kept {
            let next = client.call("POST", "/v1/chat/completions", KEY, HELLO);
            assert_eq!(next.status, 200, "{}: the connection is good for the next request", case.name);
        } else {
            assert!(client.is_closed(), "{}", case.name);
        }
    }
    let kept = cases().iter().filter(|case| case.kept).count();
    assert_eq!(upstream.requests().len(), kept, "no bad request reached the upstream");
    let charged = gateway.control.rows(kept).iter().filter(|row| row.charge > 0).count();
    assert_eq!(charged, kept);
}

#[test]
fn the_field_is_named() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    for (body, field) in [
        (r#"{"messages":[{"role":"user","content":"x"}]}"#, "model"),
        (r#"{"model":"chat"}"#, "messages"),
        (r#"{"model":"chat","messages":[{"role":"user","content":"x"}],"stream":1}"#, "stream"),
        (r#"{"model":"chat","messages":[{"role":"user","content":"x"}],"stream_options":1}"#, "stream_options"),
        (r#"{"model":"chat","messages":[{"role":"user","content":"x"}],"max_tokens":"9"}"#, "max_tokens"),
        (r#"{"model":"chat","messages":[{"role":"user","content":"x"}],"n":0}"#, "n"),
        (r#"{"model":"nope","messages":[{"role":"user","content":"x"}]}"#, "model"),
    ] {
        assert_eq!(gateway.chat(body).json()["error"]["param"], field, "{body}");
    }
}

#[test]
fn bad_utf8_is_malformed_json() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    let body = b"{\"model\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}";
    let mut raw = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    raw.extend_from_slice(body);
    client.send(raw);
    assert_eq!(client.response().code(), "invalid_json");
}

#[test]
fn a_truncated_body_is_nobodys_request() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    let mut client = gateway.client();
    client.send(format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 500\r\n\r\n{{"
    ));
    client.close_write();
    assert!(client.is_closed());
    assert!(upstream.requests().is_empty());
    assert_eq!(gateway.control.with(|books| books.leases), 0);
}

#[test]
fn a_slow_head_and_a_slow_body_time_out() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"client_head_ms": 200}));
    for begin in [
        "POST /v1/ch".to_string(),
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 500\r\n\r\n{{"
        ),
    ] {
        let mut client = gateway.client();
        client.send(begin);
        let response = client.response();
        assert_eq!((response.status, response.code().as_str()), (408, "request_timeout"));
        assert!(client.is_closed());
    }
}

#[test]
fn the_largest_body_passes_in_both_framings_and_one_byte_more_does_not() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::with(&basic(upstream.address), serde_json::json!({"body_bytes_max": 100_000}));
    let frame = r#"{"model":"chat","messages":[{"role":"user","content":""}]}"#;
    for (size, status) in [(100_000, 200), (100_001, 413)] {
        let body = frame.replace("\"\"", &format!("\"{}\"", "x".repeat(size - frame.len())));
        assert_eq!(body.len(), size);
        assert_eq!(gateway.chat(&body).status, status, "{size}");
        let mut client = gateway.client();
        let mut raw = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        for piece in body.as_bytes().chunks(7_777) {
            raw += &support::upstream::framed(std::str::from_utf8(piece).unwrap());
        }
        raw += support::upstream::LAST;
        let _ = std::io::Write::write_all(&mut client.socket, raw.as_bytes());
        assert_eq!(client.response().status, status, "{size} in chunks");
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn expect_continue_is_answered_and_a_refusal_needs_no_body() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    let head = |key: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {key}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            HELLO.len()
        )
    };
    let mut client = gateway.client();
    client.send(head(KEY));
    client.read_until("100 Continue");
    client.send(HELLO);
    assert_eq!(client.response().status, 200);
    let mut client = gateway.client();
    client.send(head("sk-tw-nope"));
    assert_eq!(client.response().status, 401);
    assert!(client.is_closed());
}

#[test]
fn requests_per_minute_are_limited_across_snapshots_and_refusals_cost_no_limit() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let limited = |generation: u64| {
        let mut snapshot = basic(upstream.address);
        snapshot.generation = generation;
        snapshot.keys = vec![KeySpec { rpm: 3, ..key(1, 1) }];
        snapshot
    };
    let gateway = Gateway::start(&limited(1));
    let mut client = gateway.client();
    assert_eq!(client.call("POST", "/v1/chat/completions", KEY, &HELLO.replace("\"chat\"", "\"nope\"")).status, 404);
    for left in [2, 1, 0] {
        let response = client.call("POST", "/v1/chat/completions", KEY, HELLO);
        assert_eq!(response.status, 200);
        assert_eq!(response.header("x-ratelimit-limit-requests"), Some("3"));
        assert_eq!(response.header("x-ratelimit-remaining-requests"), Some(left.to_string().as_str()));
        assert!(response.header("x-ratelimit-reset-requests").is_some());
    }
    gateway.core.apply(&limited(2).encode()).unwrap();
    let response = client.call("POST", "/v1/chat/completions", KEY, HELLO);
    assert_eq!(
        (response.status, response.code().as_str()),
        (429, "rate_limit_exceeded"),
        "a new snapshot refills no bucket"
    );
    let error = &response.json()["error"];
    assert_eq!((error["scope"].as_str(), error["limit"].as_str()), (Some("key"), Some("requests")));
    let seconds: u64 = response.header("retry-after").unwrap().parse().unwrap();
    let ms: u64 = response.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds) && ms <= 20_000 && seconds == ms.div_ceil(1_000), "{seconds} s, {ms} ms");
    assert_eq!(response.header("x-should-retry"), None);
}
