//! What crosses the gateway in heads, either way: little, and by name.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is a panic")]

mod support;

use support::upstream::{LAST, framed, json, stream_head};
use support::{
    Act, Client, DONE, Gateway, HELLO, HELLO_STREAM, KEY, Response, Upstream, basic, chunk, completion, finish,
};
use tollway_policy::testing::UpstreamSpec;

const PATH: &str = "/v1/chat/completions";

fn post(gateway: &Gateway, lines: &str) -> Response {
    let mut client = gateway.client();
    client.send(Client::raw("POST", PATH, &format!("Content-Type: application/json\r\n{lines}"), HELLO.as_bytes()));
    client.response()
}

/// Header names of a head, in order, in lower case.
fn names(head: &str) -> Vec<String> {
    head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_ascii_lowercase()).collect()
}

#[test]
fn a_key_comes_under_three_names_and_none_of_them_goes_on() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    for line in [
        format!("Authorization: Bearer {KEY}"),
        format!("authorization: bearer {KEY}"),
        format!("X-API-Key: {KEY}"),
        format!("x-goog-api-key: {KEY}"),
    ] {
        assert_eq!(post(&gateway, &format!("{line}\r\n")).status, 200, "{line}");
        let head = upstream.requests().pop().unwrap().head;
        assert!(!head.contains(KEY), "{line}: {head}");
        let credentials: Vec<_> = head.lines().filter(|line| line.contains("upstream-secret")).collect();
        assert_eq!(credentials, ["authorization: Bearer upstream-secret"], "{line}");
        assert!(names(&head).iter().all(|name| !name.contains("api-key")), "{head}");
    }
    for line in ["Authorization: Bearer ", "Authorization: Basic c2s6eA==", "x-api-key: wrong", "Cookie: key=x"] {
        let response = post(&gateway, &format!("{line}\r\n"));
        assert_eq!((response.status, response.code().as_str()), (401, "invalid_api_key"), "{line}");
    }
    assert_eq!(
        gateway.call("POST", &format!("{PATH}?key={KEY}"), "", HELLO).status,
        401,
        "a key in the query is Gemini's way only"
    );
}

#[test]
fn only_what_is_on_the_list_reaches_the_upstream() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let mut snapshot = basic(upstream.address);
    let own = UpstreamSpec::new("one", &format!("http://{}/v1", upstream.address));
    snapshot.upstreams = Some(vec![UpstreamSpec { headers: vec![("x-operator".into(), "yes".into())], ..own }]);
    let gateway = Gateway::start(&snapshot);
    let lines = format!(
        "Authorization: Bearer {KEY}\r\nCookie: session=1\r\nProxy-Authorization: Basic eA==\r\nx-tollway-model: other\r\nX-Tollway-Anything: 1\r\n\
         Connection: keep-alive, x-mine, user-agent\r\nx-mine: 1\r\nUser-Agent: sdk/1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: x\r\n\
         Forwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nOrigin: https://a.test\r\nReferer: https://a.test/\r\n\
         Accept-Encoding: gzip\r\nOpenAI-Organization: org-1\r\nOpenAI-Project: p\r\nx-request-id: mine-1\r\nx-stainless-os: Linux\r\n\
         Accept: application/json\r\nOpenAI-Beta: assistants=v2\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: a,b\r\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: x=1\r\n"
    );
    let response = post(&gateway, &lines);
    assert_eq!(response.status, 200, "{}", response.text());
    let sent = &upstream.requests()[0];
    let mut seen = names(&sent.head);
    seen.sort();
    let mut allowed = [
        "host",
        "authorization",
        "x-operator",
        "content-type",
        "accept",
        "openai-beta",
        "anthropic-version",
        "anthropic-beta",
        "traceparent",
        "tracestate",
        "x-client-request-id",
        "content-length",
    ];
    allowed.sort_unstable();
    assert_eq!(seen, allowed);
    assert_eq!(sent.header("traceparent"), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_eq!(sent.header("anthropic-beta"), Some("a,b"));
    assert_eq!(sent.header("host"), Some(upstream.address.to_string().as_str()));
    assert_eq!(sent.header("x-client-request-id"), response.header("x-request-id"), "one id along the whole way");
    post(&gateway, &format!("x-api-key: {KEY}\r\nUser-Agent: sdk/1\r\n"));
    assert_eq!(
        upstream.requests()[1].header("user-agent"),
        Some("sdk/1"),
        "it passes where no Connection line names it"
    );
}

#[test]
fn only_what_is_on_the_list_comes_back() {
    let extra = "Set-Cookie: a=1\r\nServer: provider\r\nopenai-organization: org-secret\r\nx-request-id: theirs\r\nx-ratelimit-remaining-requests: 1\r\n\
                 x-tollway-cost: 99\r\nConnection: keep-alive, openai-version\r\nKeep-Alive: timeout=5\r\nVia: 1.1 x\r\nAccess-Control-Allow-Origin: *\r\n\
                 openai-processing-ms: 12\r\nopenai-version: 2020\r\nCache-Control: no-cache\r\nLocation: http://elsewhere/\r\n";
    let stream = framed(&chunk("Hi")) + &framed(&finish()) + &framed(DONE) + LAST;
    let answers = [json(200, &completion(1_000, 100)), stream_head() + &stream];
    for (answer, body) in answers.into_iter().zip([HELLO, HELLO_STREAM]) {
        let answer = answer.replacen("\r\n", &format!("\r\n{extra}"), 1);
        let upstream = Upstream::answering(answer);
        let gateway = Gateway::start(&basic(upstream.address));
        let response = gateway.chat(body);
        assert_eq!((response.status, response.whole), (200, true));
        let is_stream = body == HELLO_STREAM;
        let mut expected = vec![
            "openai-processing-ms",
            "cache-control",
            "content-type",
            "x-request-id",
            "x-tollway-model",
            "x-tollway-provider",
            "x-tollway-attempts",
            "x-tollway-overhead-us",
        ];
        expected.extend(if is_stream { vec!["transfer-encoding"] } else { vec!["x-tollway-cost", "content-length"] });
        let mut seen = names(&response.head);
        seen.sort();
        expected.sort_unstable();
        assert_eq!(seen, expected);
        assert!(response.header("x-request-id").unwrap().starts_with("req_"));
    }
}

#[test]
fn an_error_of_the_upstream_brings_nothing_but_its_body() {
    let error = r#"{"error":{"message":"bad key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789","type":"invalid_request_error","param":null,"code":"x"}}"#;
    let answer = json(400, error).replacen("\r\n", "\r\nSet-Cookie: a=1\r\nopenai-organization: org-secret\r\n", 1);
    let upstream = Upstream::answering(answer);
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.code().as_str()), (400, "x"));
    assert!(!response.text().contains("abcdefghijklmnopqrstuvwxyz"), "secrets are redacted: {}", response.text());
    assert_eq!((response.header("set-cookie"), response.header("openai-organization")), (None, None));
}

#[test]
fn a_clients_own_request_id_comes_back_and_stands_in_the_books() {
    let upstream = Upstream::answering(json(200, &completion(1, 1)));
    let gateway = Gateway::start(&basic(upstream.address));
    for (n, line) in ["x-request-id: mine-1", "x-client-request-id: mine-1"].into_iter().enumerate() {
        let response = post(&gateway, &format!("x-api-key: {KEY}\r\n{line}\r\n"));
        assert_eq!(response.header("x-client-request-id"), Some("mine-1"), "{line}");
        assert!(response.header("x-request-id").unwrap().starts_with("req_"), "ours is ours: {line}");
        assert_eq!(gateway.control.rows(n + 1)[n].client_request_id, "mine-1", "{line}");
    }
    let refused = post(&gateway, "x-api-key: wrong\r\nx-request-id: mine-2\r\n");
    assert_eq!((refused.status, refused.header("x-client-request-id")), (401, Some("mine-2")));
    for bad in ["a b".to_string(), "x".repeat(65), String::new()] {
        let response = post(&gateway, &format!("x-api-key: {KEY}\r\nx-request-id: {bad}\r\n"));
        assert_eq!((response.status, response.header("x-client-request-id")), (200, None), "{bad}");
    }
}

#[test]
fn a_preflight_is_answered_without_a_key_and_allows_no_origin() {
    let gateway = Gateway::start(&basic("127.0.0.1:1".parse().unwrap()));
    let mut client = gateway.client();
    for path in [PATH, "/v1/embeddings", "/v1/models", "/v1/models/chat"] {
        client.send(format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: g\r\nOrigin: https://a.test\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
        ));
        let response = client.response();
        assert_eq!((response.status, response.header("vary")), (204, Some("Origin")), "{path}");
        assert!(names(&response.head).iter().all(|name| !name.starts_with("access-control-")), "{}", response.head);
        assert!(names(&response.head).iter().all(|name| name != "content-length"), "204 has no length (RFC 9110 8.6)");
    }
}

#[test]
fn interim_answers_of_the_upstream_stay_there() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n".to_string();
    let upstream = Upstream::start(move |_| vec![Act::Send(interim.clone() + &json(200, &completion(1, 1)))]);
    let gateway = Gateway::start(&basic(upstream.address));
    let response = gateway.chat(HELLO);
    assert_eq!((response.status, response.text()), (200, completion(1, 1).as_str()));
    assert_eq!(response.header("link"), None);
    let switching =
        Upstream::answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into());
    assert_eq!(Gateway::start(&basic(switching.address)).chat(HELLO).status, 502);
}
