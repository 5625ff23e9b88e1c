use super::*;

fn read(text: &str) -> Result<Option<Head>, Broken> {
    head(text.as_bytes())
}

#[test]
fn reads_what_it_needs_of_a_head() {
    let text = "POST /v1/x?a=1 HTTP/1.1\r\nAuthorization: Bearer k\r\nX-Request-Id: r\r\nContent-Length: 3\r\n\r\nabc";
    let head = read(text).unwrap().unwrap();
    assert_eq!(head.method, Method::Post);
    assert_eq!(&text[head.target.clone()], "/v1/x?a=1");
    assert_eq!(&text[head.authorization.clone().unwrap()], "Bearer k");
    assert_eq!(&text[head.request_id.clone().unwrap()], "r");
    assert_eq!((head.length, head.keep, &text[head.len..]), (Length::Content(3), true, "abc"));
    assert_eq!(read("POST / HTTP/1.1\r\nHost: x\r\n"), Ok(None));
}

#[test]
fn refuses_framing_that_two_readers_could_read_differently() {
    let fields = [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: \r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Length : 3\r\n",
    ];
    for field in fields {
        assert_eq!(read(&format!("POST / HTTP/1.1\r\n{field}\r\n")).map_err(|b| b.status), Err(400), "{field}");
    }
}

#[test]
fn connection_lasts_as_the_version_and_the_field_say() {
    for (version, field, keep) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
    ] {
        assert_eq!(
            read(&format!("GET / HTTP/{version}\r\n{field}\r\n")).unwrap().unwrap().keep,
            keep,
            "{version} {field}"
        );
    }
}

#[test]
fn joins_chunks_however_they_arrive() {
    let wire = b"HEAD3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nNEXT";
    let mut chunks = Chunks::after_head(4);
    let mut end = None;
    for length in 4..=wire.len() {
        if end.is_none() {
            end = chunks.advance(&wire[..length], 100).unwrap();
        }
    }
    assert_eq!(chunks.body, b"abc0123456789");
    assert_eq!(&wire[end.unwrap()..], b"NEXT");
}

#[test]
fn refuses_broken_and_oversized_chunks() {
    for (wire, status) in [("x\r\n", 400), ("2\r\nabc\r\n", 400), ("5\r\nabcde\r\n", 413)] {
        assert_eq!(Chunks::after_head(0).advance(wire.as_bytes(), 4).map_err(|b| b.status), Err(status), "{wire}");
    }
}
