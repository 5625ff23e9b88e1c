//! The refusals of the design's "Framing and input" and of the prototype's probes, each with what it must come to.

use super::*;

fn parse(text: &str) -> Result<Option<RequestHead>, HeadError> {
    parse_request(text.as_bytes(), &mut Vec::new())
}

fn good(text: &str) -> RequestHead {
    parse(text).unwrap().unwrap()
}

fn forwarded(text: &str) -> String {
    let mut forward = vec![b'x'];
    parse_request(text.as_bytes(), &mut forward).unwrap().unwrap();
    String::from_utf8(forward).unwrap()
}

fn status_of(text: &[u8]) -> u16 {
    let error = parse_request(text, &mut Vec::new()).expect_err(&String::from_utf8_lossy(text));
    error.refusal().code.status()
}

/// (what it shows, the head, the status of the refusal)
const REFUSED: &[(&str, &[u8], u16)] = &[
    (
        "length and chunks",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    (
        "chunks and length",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        400,
    ),
    ("two lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
    ("two equal lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400),
    ("a list of lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33, 33\r\n\r\n", 400),
    ("a signed length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +33\r\n\r\n", 400),
    ("a negative length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    ("a hex length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x21\r\n\r\n", 400),
    ("an empty length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 400),
    ("a length beyond all bounds", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n", 400),
    ("a coding before chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
    ("a coding like chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
    ("identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400),
    (
        "two transfer codings",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    ("an empty transfer coding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400),
    ("a bare LF behind a header", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
    ("a bare LF behind the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("a bare LF as the blank line", b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    ("a bare LF before the request", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a bare CR in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n", 400),
    ("a folded line", b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
    ("a line folded by a tab", b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n", 400),
    ("a space before the colon", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n", 400),
    ("a space before the name", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("a NUL in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n", 400),
    ("a NUL in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n", 400),
    ("a NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a line without a colon", b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
    ("no Host", b"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("an empty Host", b"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400),
    ("a Host with a path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("a Host with credentials", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    ("an absolute target", b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a target without a slash", b"GET v1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("an asterisk", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("a fragment", b"GET /v1#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("UTF-8 in the target", "GET /v1/é HTTP/1.1\r\nHost: a\r\n\r\n".as_bytes(), 400),
    ("a DEL in the target", b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("two spaces in the request line", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("no version", b"GET /\r\nHost: a\r\n\r\n", 400),
    ("HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505),
    ("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("a tunnel", b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (
        "two Authorizations",
        b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
        400,
    ),
    ("two x-api-keys", b"GET / HTTP/1.1\r\nHost: a\r\nx-api-key: a\r\nx-api-key: b\r\n\r\n", 400),
    ("two content types", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n", 400),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
];

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (what, head, status) in REFUSED {
        assert_eq!(status_of(head), *status, "{what}");
    }
}

#[test]
fn a_refused_head_is_never_taken_for_an_unfinished_one_once_it_is_whole() {
    for (what, head, _) in REFUSED {
        for cut in 0..head.len() {
            let early = parse_request(&head[..cut], &mut Vec::new());
            assert!(!matches!(early, Ok(Some(_))), "{what}: accepted after {cut} bytes");
        }
    }
}

#[test]
fn a_refusal_says_what_is_wrong() {
    let refusal = parse("GET / HTTP/1.1\r\nX: y\r\n\r\n").unwrap_err().refusal();
    assert_eq!((refusal.code, refusal.message.as_ref()), (Code::BadFraming, "The request head is malformed: no Host."));
    assert_eq!(HeadError::TooLarge.refusal().code, Code::HeadTooLarge);
}

#[test]
fn sixty_four_headers_pass_and_one_more_is_too_large() {
    let with = |count: usize| {
        let lines: String = (1..count).map(|at| format!("X-{at}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
    };
    assert!(parse(&with(64)).unwrap().is_some());
    assert_eq!(parse(&with(65)), Err(HeadError::TooLarge));
}

#[test]
fn a_head_of_16_kib_passes_and_one_more_byte_is_too_large() {
    let of = |bytes: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        format!("{start}{}\r\n\r\n", "y".repeat(bytes - start.len() - 4))
    };
    assert_eq!(good(&of(HEAD_BYTES_MAX)).len as usize, HEAD_BYTES_MAX);
    assert_eq!(parse(&of(HEAD_BYTES_MAX + 1)), Err(HeadError::TooLarge));
    assert_eq!(parse(&of(HEAD_BYTES_MAX + 1)[..HEAD_BYTES_MAX]), Err(HeadError::TooLarge), "known before it is whole");
    assert_eq!(parse(&of(HEAD_BYTES_MAX)[..HEAD_BYTES_MAX - 1]), Ok(None));
}

#[test]
fn a_whole_request_is_understood() {
    let text = "POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: gw.example:8080\r\nauthorization: bEARER  sk-1 \r\nContent-Type: application/json\r\n\
                Content-Length: 12\r\nExpect: 100-Continue\r\nX-Request-Id: abc-1\r\nX-Tollway-Test: slow\r\nOrigin: https://x\r\n\r\n{\"a\":1}";
    let head = good(text);
    let of = |span: Span| std::str::from_utf8(span.of(text.as_bytes())).unwrap();
    assert_eq!(head.len as usize, text.find("{\"a").unwrap());
    assert_eq!((head.method, of(head.method_text)), (Method::Post, "POST"));
    assert_eq!((of(head.target), of(head.path)), ("/v1/chat/completions?a=b", "/v1/chat/completions"));
    assert_eq!(head.query.map(of), Some("a=b"));
    assert_eq!(head.framing, Framing::Length(12));
    assert!(head.keep_alive && head.expect_continue && !head.is_preflight);
    assert_eq!(of(head.host), "gw.example:8080");
    assert_eq!(head.key.map(of), Some("sk-1"));
    assert_eq!(head.content_type.map(of), Some("application/json"));
    assert_eq!(head.client_request_id.map(of), Some("abc-1"));
    assert_eq!(head.test_hook.map(of), Some("slow"));
    assert_eq!(head.origin.map(of), Some("https://x"));
    assert_eq!(head.content_encoding, None);
}

#[test]
fn an_unfinished_head_asks_for_more_at_every_byte() {
    let text = "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for cut in 0..text.len() {
        assert_eq!(parse(&text[..cut]), Ok(None), "after {cut} bytes");
    }
    assert_eq!(good(text).framing, Framing::Chunked);
}

#[test]
fn the_key_is_looked_for_in_three_places() {
    let key = |lines: &str| {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        good(&text).key.map(|span| String::from_utf8(span.of(text.as_bytes()).to_vec()).unwrap())
    };
    assert_eq!(key("").as_deref(), None);
    assert_eq!(key("x-goog-api-key: g\r\nx-api-key: x\r\nauthorization: Bearer b\r\n").as_deref(), Some("b"));
    assert_eq!(key("x-goog-api-key: g\r\nx-api-key: x\r\n").as_deref(), Some("x"));
    assert_eq!(key("X-Goog-Api-Key: g\r\n").as_deref(), Some("g"));
    assert_eq!(key("authorization: Basic dTpw\r\nx-api-key: x\r\n").as_deref(), Some("x"));
    assert_eq!(key("authorization: Bearer \r\n").as_deref(), None);
    assert_eq!(key("authorization: Bearerb\r\n").as_deref(), None);
}

#[test]
fn only_listed_headers_go_upstream() {
    let sent = "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nx-api-key: k\r\nCookie: c\r\nAccept: */*\r\nUser-Agent: u\r\n\
                OpenAI-Beta: b\r\nanthropic-beta: ab\r\nanthropic-version: v\r\ntraceparent: t\r\ntracestate: s\r\nContent-Type: c/t\r\n\
                x-tollway-node-token: n\r\nX-Forwarded-For: f\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: p\r\n\
                Accept-Encoding: gzip\r\nOpenAI-Organization: o\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(
        forwarded(sent),
        "Accept: */*\r\nUser-Agent: u\r\nOpenAI-Beta: b\r\nanthropic-beta: ab\r\nanthropic-version: v\r\ntraceparent: t\r\n\
         tracestate: s\r\nContent-Type: c/t\r\n"
    );
}

#[test]
fn headers_that_connection_names_stay_here() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, OpenAI-Beta\r\nOpenAI-Beta: b\r\nAccept: c\r\nConnection: accept\r\n\r\n";
    assert_eq!(forwarded(head), "");
}

#[test]
fn the_control_plane_gets_all_but_what_is_ours_or_the_connections() {
    let head = "GET /x HTTP/1.1\r\nHost: a\r\nCookie: c\r\nAuthorization: k\r\nConnection: close, X-Hop, Host\r\nX-Hop: h\r\nKeep-Alive: 1\r\n\
                X-Forwarded-For: f\r\nForwarded: f\r\nX-Real-IP: r\r\nX-Tollway-Node-Token: t\r\nContent-Length: 0\r\nUpgrade: u\r\n\
                Expect: 100-continue\r\nAccept-Encoding: gzip\r\n\r\n";
    let mut out = Vec::new();
    forwardable_headers(head.as_bytes(), &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "Host: a\r\nCookie: c\r\nAuthorization: k\r\nAccept-Encoding: gzip\r\n"
    );
}

#[test]
fn lines_of_one_name_are_one_list() {
    let head = b"GET /x HTTP/1.1\r\nHost: a\r\nX-Seen: 1, 2\r\nOther: o\r\nX-SEEN:\r\nConnection: x-seen\r\nx-seen: 3 \r\n\r\nx-seen: body";
    assert_eq!(joined_values(head, "x-seen"), b"1, 2, , 3");
    assert_eq!(joined_values(head, "x-see"), b"");
    assert_eq!(joined_values(b"no head", "x-seen"), b"");
}

#[test]
fn connection_expectation_and_encoding() {
    let head = |lines: &str| good(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    assert!(!head("Connection: foo, Close\r\n").keep_alive);
    assert!(head("Connection: keep-alive\r\n").keep_alive);
    assert!(!head("Expect: 100-continue\r\n").expect_continue, "there is no body to wait for");
    assert_eq!(head("Content-Length: 0\r\n").framing, Framing::None);
    assert_eq!(head("Content-Encoding: identity\r\n").content_encoding, None);
    assert!(head("Content-Encoding: gzip\r\n").content_encoding.is_some());
    assert_eq!(
        head("Upgrade: websocket\r\nConnection: Upgrade\r\n").framing,
        Framing::None,
        "an Upgrade that we do not know is ignored"
    );
    assert!(head("X-Request-Id: a b\r\n").client_request_id.is_none(), "not visible ASCII");
    assert!(head(&format!("X-Request-Id: {}\r\n", "a".repeat(129))).client_request_id.is_none(), "too long");
    assert!(head("X-Client-Request-Id: a\r\n").client_request_id.is_some());
}

#[test]
fn a_preflight_is_recognised() {
    let head = |text: &str| good(text).is_preflight;
    assert!(head("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: o\r\nAccess-Control-Request-Method: POST\r\n\r\n"));
    assert!(!head("OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: o\r\n\r\n"));
    assert!(!head("POST / HTTP/1.1\r\nHost: a\r\nOrigin: o\r\nAccess-Control-Request-Method: POST\r\n\r\n"));
    assert!(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().is_some());
}
