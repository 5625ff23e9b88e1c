//! Response heads: what is refused, what is passed, and how long the body is.

use super::*;

fn parse(text: &str) -> Result<Option<ResponseHead>, ResponseError> {
    parse_response(text.as_bytes(), &mut Vec::new())
}

fn good(text: &str) -> ResponseHead {
    parse(text).unwrap().unwrap()
}

#[test]
fn an_ambiguous_head_is_refused() {
    let refused = [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/1.1 600 X\r\n\r\n",
        "HTTP/1.1 20 X\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n",
        "nonsense\r\n\r\n",
    ];
    for text in refused {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn too_many_lines_or_bytes_are_refused() {
    let lines: String = (0..65).map(|at| format!("X-{at}: y\r\n")).collect();
    assert!(parse(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).is_err());
    assert!(parse(&format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(HEAD_BYTES_MAX))).is_err());
}

#[test]
fn framing_follows_status_and_headers() {
    let framing = |text: &str| good(text).framing;
    assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), ResponseFraming::Length(3));
    assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ResponseFraming::None);
    assert_eq!(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"), ResponseFraming::Chunked);
    assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n"), ResponseFraming::UntilClose);
    assert_eq!(framing("HTTP/1.1 204 No Content\r\n\r\n"), ResponseFraming::None);
    assert_eq!(framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), ResponseFraming::None);
    assert_eq!(framing("HTTP/1.1 100 Continue\r\n\r\n"), ResponseFraming::None);
    assert_eq!(good("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").answering_head().framing, ResponseFraming::None);
}

#[test]
fn a_connection_is_kept_only_when_both_could_use_it_again() {
    let keep = |text: &str| good(text).keep_alive;
    assert!(keep("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"));
    assert!(!keep("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"));
    assert!(!keep("HTTP/1.1 200 OK\r\n\r\n"));
    assert!(!keep("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"));
    assert!(keep("HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n"));
}

#[test]
fn content_kinds() {
    let kind = |value: &str| good(&format!("HTTP/1.1 200 OK\r\n{value}\r\n")).content;
    assert_eq!(kind(""), ContentKind::Missing);
    assert_eq!(kind("Content-Type: Application/JSON; charset=utf-8\r\n"), ContentKind::Json);
    assert_eq!(kind("Content-Type: application/problem+json\r\n"), ContentKind::Json);
    assert_eq!(kind("Content-Type: text/event-stream;charset=utf-8\r\n"), ContentKind::EventStream);
    assert_eq!(kind("Content-Type: text/html\r\n"), ContentKind::Other);
    assert_eq!(kind("Content-Type: audio/mpeg\r\n"), ContentKind::Other);
    assert!(good("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n").content_encoded);
    assert!(!good("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n").content_encoded);
}

#[test]
fn retry_after_in_seconds() {
    let retry = |lines: &str| good(&format!("HTTP/1.1 429 X\r\n{lines}\r\n")).retry_after_s;
    assert_eq!(retry("Retry-After: 3\r\nretry-after-ms: 2100\r\n"), Some(3));
    assert_eq!(retry("retry-after-ms: 2100\r\n"), Some(3));
    assert_eq!(retry("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n"), None);
    assert_eq!(retry("Retry-After: 99999999999\r\n"), None);
}

#[test]
fn only_listed_headers_reach_the_caller() {
    let text = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nServer: s\r\nSet-Cookie: c\r\nx-request-id: r\r\nopenai-processing-ms: 5\r\n\
                openai-version: v\r\nopenai-organization: o\r\nCache-Control: no-store\r\nContent-Language: en\r\nConnection: cache-control\r\n\
                Content-Disposition: inline\r\nContent-Length: 3\r\nx-ratelimit-limit-requests: 9\r\n\r\n";
    let mut pass = Vec::new();
    parse_response(text.as_bytes(), &mut pass).unwrap().unwrap();
    let passed = String::from_utf8(pass).unwrap();
    let names: Vec<&str> = passed.lines().filter_map(|line| line.split(':').next()).collect();
    // Cache-Control is named by a Connection that comes behind it.
    assert_eq!(
        names,
        ["Content-Type", "openai-processing-ms", "openai-version", "Content-Language", "Content-Disposition"]
    );
}

#[test]
fn the_control_planes_headers_pass_but_for_the_connections_own() {
    let text = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 3\r\nDate: d\r\nConnection: X-Hop\r\nX-Hop: h\r\n\
                X-Tollway-Node-Token: t\r\nKeep-Alive: 5\r\nX-Tollway-Generation: 7\r\nLocation: /x\r\n\r\n";
    let mut pass = Vec::new();
    parse_proxied_response(text.as_bytes(), &mut pass).unwrap().unwrap();
    let passed = "Set-Cookie: a\r\nSet-Cookie: b\r\nDate: d\r\nX-Tollway-Generation: 7\r\nLocation: /x\r\n";
    assert_eq!(String::from_utf8(pass).unwrap(), passed);
}

#[test]
fn an_unfinished_head_asks_for_more_at_every_byte() {
    let text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n";
    for cut in 0..text.len() {
        assert_eq!(parse(&text[..cut]), Ok(None), "after {cut} bytes");
    }
    assert_eq!(good(text).len as usize, text.len());
}
