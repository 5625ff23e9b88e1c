use super::{Body, Framing, Head, parse_head};

const STREAM: &[u8] = b"4\r\ndata\r\nC\r\n: 1\n\ndata: 2\r\n14\r\n\n\ndata: [DONE]\n\n    \r\n";

fn stream_of(events: &[&str]) -> Vec<u8> {
    let mut wire = Vec::new();
    for event in events {
        wire.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

#[test]
fn a_head_is_whole_or_not_there_yet() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
    for cut in 0..head.len() {
        assert_eq!(parse_head(&head[..cut]), Ok(None), "cut at {cut}");
    }
    let whole = Head { status: 200, framing: Framing::Length(12), close: false, bytes: head.len() };
    assert_eq!(parse_head(head), Ok(Some(whole)));
}

#[test]
fn a_head_says_how_the_body_ends_and_whether_the_server_closes() {
    let head =
        parse_head(b"HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n").unwrap().unwrap();
    assert_eq!((head.status, head.framing, head.close), (401, Framing::Chunked, true));
    assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "an end by closing could hide a cut");
    assert!(parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
}

#[test]
fn events_are_counted_the_same_wherever_the_reads_are_cut() {
    let wire = stream_of(&["data: 1\n\n", "data: 2\n", "\ndata: 3\n\n", "data: [DONE]\n", "\n"]);
    for cut in 0..=wire.len() {
        let mut body = Body::new(Framing::Chunked);
        body.take(&wire[..cut]).unwrap();
        assert_eq!(body.is_done(), cut == wire.len());
        body.take(&wire[cut..]).unwrap();
        assert_eq!((body.events.count, body.events.complete(), body.is_done()), (4, true, true), "cut at {cut}");
    }
}

#[test]
fn a_stream_without_its_last_event_is_not_complete() {
    let mut body = Body::new(Framing::Chunked);
    body.take(&stream_of(&["data: 1\n\n", "data: 2\n\n"])).unwrap();
    assert!(body.is_done());
    assert!(!body.events.complete());
    let mut more = Body::new(Framing::Chunked);
    more.take(STREAM).unwrap();
    assert!(!more.events.complete(), "bytes after the last event");
}

#[test]
fn wrong_framing_is_an_error() {
    for wire in
        [&b"zz\r\n"[..], b"\r\n", b"3\r\nabcd\r\n", b"3\nabc", b"0\r\nx", b"ffffffffffffffff\r\n", b"0\r\n\r\nx"]
    {
        assert!(Body::new(Framing::Chunked).take(wire).is_err(), "{}", String::from_utf8_lossy(wire));
    }
}

#[test]
fn a_body_of_known_length_ends_there() {
    let mut body = Body::new(Framing::Length(5));
    body.take(b"abc").unwrap();
    assert!(!body.is_done());
    body.take(b"de").unwrap();
    assert_eq!((body.is_done(), body.payload_bytes), (true, 5));
    assert!(body.take(b"f").is_err());
    assert!(Body::new(Framing::Length(0)).is_done());
}
