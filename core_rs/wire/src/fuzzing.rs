//! What must hold whatever bytes come: one function per fuzz target, each asserting its invariants.
//!
//! `make fuzz` drives them by coverage, `cargo test` by mutated seeds. An assertion here is a law of the crate, never a hint.

use tollway_policy::admission::Endpoint;

use crate::{
    chunked,
    fields::{HEAD_BYTES_MAX, HEADERS_MAX},
    head, json, multipart, request, response, sse,
};

const ENDPOINTS: [Endpoint; 7] = [
    Endpoint::Chat,
    Endpoint::Completions,
    Endpoint::Embeddings,
    Endpoint::Images,
    Endpoint::Audio,
    Endpoint::Moderations,
    Endpoint::Rerank,
];

/// What is passed on is a little longer than what came (a space behind each colon, our own lines), so a head at the limits may come out
/// beyond them. That is no fault: the limits are ours.
fn is_within_limits(rebuilt: &[u8]) -> bool {
    rebuilt.len() <= HEAD_BYTES_MAX && memchr::memchr_iter(b'\n', rebuilt).count() <= HEADERS_MAX + 2
}

/// A head is judged by its own bytes alone, and what is forwarded of it is a sound head without secrets or framing.
pub fn head(bytes: &[u8]) {
    let mut forward = Vec::new();
    let Ok(Some(parsed)) = head::parse_request(bytes, &mut forward) else { return };
    let len = parsed.len as usize;
    assert!(len <= bytes.len() && len <= HEAD_BYTES_MAX);
    let own = bytes.get(..len).unwrap_or_default();
    let mut again = Vec::new();
    assert_eq!(head::parse_request(own, &mut again), Ok(Some(parsed)), "what follows a head changed its meaning");
    assert_eq!(again, forward);
    let early = head::parse_request(own.get(..len - 1).unwrap_or_default(), &mut again);
    assert!(!matches!(early, Ok(Some(_))), "whole before its last byte");
    assert!(parsed.target.of(own).iter().all(u8::is_ascii_graphic));

    let rebuilt = [b"POST / HTTP/1.1\r\nhost: upstream\r\n".as_slice(), &forward, b"\r\n"].concat();
    let upstream = head::parse_request(&rebuilt, &mut again);
    assert!(
        !is_within_limits(&rebuilt)
            || matches!(upstream, Ok(Some(head)) if head.len as usize == rebuilt.len() && head.key.is_none() && head.framing == head::Framing::None),
        "the forwarded lines do not make a sound head"
    );
    let mut proxied = Vec::new();
    head::forwardable_headers(own, &mut proxied);
    let rebuilt = [b"GET / HTTP/1.1\r\n".as_slice(), &proxied, b"\r\n"].concat();
    let control = head::parse_request(&rebuilt, &mut again);
    assert!(
        !is_within_limits(&rebuilt)
            || matches!(control, Ok(Some(head)) if head.len as usize == rebuilt.len() && head.framing == head::Framing::None),
        "the proxied lines do not make a sound head"
    );
}

/// The same for responses: re-framed, they are read as one answer of exactly the length that we state.
pub fn response(bytes: &[u8]) {
    let mut pass = Vec::new();
    let Ok(Some(parsed)) = response::parse_response(bytes, &mut pass) else { return };
    let len = parsed.len as usize;
    assert!(len <= bytes.len() && len <= HEAD_BYTES_MAX);
    let mut again = Vec::new();
    let own = bytes.get(..len).unwrap_or_default();
    assert_eq!(response::parse_response(own, &mut again), Ok(Some(parsed)), "what follows a head changed its meaning");
    for proxied in [false, true] {
        if proxied {
            assert!(response::parse_proxied_response(own, &mut pass).is_ok());
        }
        let rebuilt = [b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n".as_slice(), &pass, b"\r\n"].concat();
        let read = response::parse_response(&rebuilt, &mut again);
        assert!(
            !is_within_limits(&rebuilt)
                || matches!(read, Ok(Some(head)) if head.framing == response::ResponseFraming::Length(7) && head.len as usize == rebuilt.len()),
            "the passed lines do not make a sound head"
        );
    }
}

/// The first byte says how the rest is split. However it is, the verdict and the payload are those of the whole.
pub fn chunks(bytes: &[u8]) {
    let Some((&step, stream)) = bytes.split_first() else { return };
    let whole = decode(stream, stream.len().max(1));
    assert_eq!(whole, decode(stream, 1));
    assert_eq!(whole, decode(stream, usize::from(step).max(1)));
    if let Ok((payload, consumed, _)) = whole {
        assert!(payload.len() <= consumed && consumed <= stream.len());
    }
}

type Decoded = Result<(Vec<u8>, usize, bool), chunked::ChunkError>;

fn decode(stream: &[u8], step: usize) -> Decoded {
    let (mut decoder, mut payload, mut consumed) = (chunked::Decoder::new(), Vec::new(), 0);
    for piece in stream.chunks(step) {
        let mut buffer = piece.to_vec();
        let progress = decoder.decode(&mut buffer)?;
        payload.extend_from_slice(buffer.get(..progress.payload).unwrap_or_default());
        consumed += progress.consumed;
        assert_eq!(buffer.get(progress.consumed..), piece.get(progress.consumed..), "the next message was touched");
        if progress.done {
            break;
        }
        assert_eq!(progress.consumed, piece.len(), "bytes were left behind");
    }
    Ok((payload, consumed, decoder.is_done()))
}

/// The first byte says how the rest is split. The events are the same and together they are the bytes.
pub fn sse(bytes: &[u8]) {
    let Some((&step, stream)) = bytes.split_first() else { return };
    let whole = events(stream, stream.len().max(1));
    assert_eq!(whole, events(stream, usize::from(step).max(1)));
    assert!(stream.starts_with(&whole.concat()));
    for endpoint in ENDPOINTS {
        let mut observer = sse::Observer::new(endpoint);
        for event in &whole {
            let done = observer.done();
            let seen = observer.observe(event);
            assert!(observer.done() == (done || seen == sse::Seen::Done));
            assert!(seen != sse::Seen::UsageOnly || observer.usage().is_some());
        }
        assert!(observer.output_text_bytes() <= stream.len() as u64, "more text than bytes");
    }
}

fn events(stream: &[u8], step: usize) -> Vec<Vec<u8>> {
    let (mut events, mut buffer) = (Vec::new(), Vec::new());
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        while let Some(end) = sse::event_end(&buffer, 0) {
            assert!(end > 0 && end <= buffer.len());
            events.push(buffer.drain(..end).collect());
        }
    }
    events
}

/// A body that is let through is JSON, and its splice is JSON that says to us what we meant it to say.
pub fn json_scan(bytes: &[u8]) {
    let valid = json::validate(bytes).is_ok();
    for endpoint in ENDPOINTS {
        let read = request::scan(bytes, endpoint);
        let Ok(facts) = read else {
            assert!(valid || read.is_err_and(|refusal| refusal.code == tollway_policy::refusal::Code::InvalidJson));
            continue;
        };
        assert!(valid, "let through, but no JSON");
        assert!(facts.text_bytes <= 4 * bytes.len() as u64 && facts.choices >= 1);
        let mut name = Vec::new();
        assert!(!request::model_name(&facts, bytes, &mut name).is_empty());
        let is_text = matches!(endpoint, Endpoint::Chat | Endpoint::Completions);
        let mut scratch = Vec::new();
        let limit = Some(41).filter(|_| is_text);
        let plan = request::plan(bytes, &facts, Some("a/\"b\\\n"), is_text, limit, &mut scratch);
        let new: Vec<u8> = plan.parts(bytes, &scratch).flatten().copied().collect();
        assert_eq!(new.len() as u64, plan.total_bytes);
        let again = request::scan(&new, endpoint);
        assert!(again.is_ok(), "the splice broke the body: {}", String::from_utf8_lossy(&new));
        if let Ok(again) = again {
            assert_eq!(request::model_name(&again, &new, &mut name), b"a/\"b\\\n");
            assert_eq!((again.stream, again.choices, again.messages), (facts.stream, facts.choices, facts.messages));
            assert_eq!((again.text_bytes, again.tools), (facts.text_bytes, facts.tools));
            assert!(!is_text || (again.include_usage == request::IncludeUsage::True && again.max_output == limit));
        }
        crate::usage::answer(bytes, endpoint);
    }
}

/// The first line is the content type, the rest the body. The splice changes the model and nothing else that we read.
pub fn multipart(bytes: &[u8]) {
    let Some(line_end) = memchr::memchr(b'\n', bytes) else { return };
    let (content_type, body) = bytes.split_at(line_end);
    let body = body.get(1..).unwrap_or_default();
    let Some(boundary) = multipart::boundary(content_type) else { return };
    let Ok(facts) = multipart::scan(body, boundary) else { return };
    assert!(!facts.model.of(body).is_empty());
    assert!(facts.file_bytes + facts.text_bytes <= 2 * body.len() as u64);
    let mut scratch = Vec::new();
    let plan = multipart::plan(body, &facts, Some("model"), &mut scratch);
    let new: Vec<u8> = plan.parts(body, &scratch).flatten().copied().collect();
    assert_eq!(new.len() as u64, plan.total_bytes);
    let again = multipart::scan(&new, boundary);
    assert!(again.is_ok(), "the splice broke the form");
    if let Ok(again) = again {
        assert_eq!(again.model.of(&new), b"model");
        assert_eq!((again.text_bytes, again.images, again.stream), (facts.text_bytes, facts.images, facts.stream));
        assert_eq!(again.file_bytes, facts.file_bytes);
    }
}

#[cfg(test)]
mod tests;
