//! Puts a head and a framing around a body, and applies what goes wrong on the way: stalls, cuts, resets, splits, missing ends.
//!
//! Faults cut the body after its true length is known, so that a cut answer still announces what it does not send.

use std::fmt::Write as _;

use crate::answer::{Answer, Ending, Piece};
use crate::payload::Payload;
use crate::script::{Length, Script, Stall};

/// The whole answer to a request. `script` gives form and faults; the demo models come with the default one.
pub(crate) fn frame(mut payload: Payload, script: &Script) -> Answer {
    let length = length(&payload, script);
    let head = head(&payload, script, length);
    let closing = payload.closing.min(payload.bytes.len());
    let (limit, ending) = fault(&payload, script, closing, length);
    if let Some(size) = script.split {
        payload.split(size);
    }
    if let Some(limit) = limit {
        payload.truncate(limit);
    }
    let mut writer = Writer { wire: Vec::with_capacity(head.len() + payload.bytes.len() * 2), pieces: Vec::new() };
    let delay_us = script.delay_ms.saturating_mul(1_000);
    if let Some(status) = script.interim {
        writer.wire.extend_from_slice(interim(status).as_bytes());
        writer.piece(0, 0);
    }
    match script.stall {
        Some(Stall::Connect) => {}
        Some(Stall::Head) => {
            writer.wire.extend_from_slice(&head.as_bytes()[..head.len() / 2]);
            writer.piece(0, delay_us);
        }
        _ => {
            writer.wire.extend_from_slice(head.as_bytes());
            writer.body(&payload, length, delay_us, matches!(ending, Ending::Keep | Ending::Close) && !script.no_end);
        }
    }
    if let Some(size) = script.wire_split {
        writer.split(size);
    }
    Answer {
        status: script.status,
        wire: writer.wire,
        pieces: writer.pieces,
        ending,
        yields: script.split.is_some() || script.wire_split.is_some(),
        marks: payload.marks,
        tokens: payload.tokens,
        reported: payload.reported,
    }
}

/// Sends `bytes` as they are: no head, no framing. The connection is closed after it, because nobody knows where it ends.
pub(crate) fn raw(bytes: Vec<u8>, script: &Script) -> Answer {
    let payload = Payload::whole("", bytes);
    let bare = Script { stall: script.stall.filter(|stall| *stall != Stall::Head), ..script.clone() };
    let (limit, ending) = fault(&payload, &bare, payload.closing, Length::Close);
    let end = limit.unwrap_or(payload.bytes.len()).min(payload.bytes.len());
    let mut writer = Writer { wire: payload.bytes[..end].to_vec(), pieces: Vec::new() };
    if end > 0 && script.stall != Some(Stall::Connect) {
        writer.pieces.push(Piece { end, body_end: end, at_us: script.delay_ms.saturating_mul(1_000) });
    }
    if let Some(size) = script.wire_split {
        writer.split(size);
    }
    Answer {
        status: script.status,
        wire: writer.wire,
        pieces: writer.pieces,
        ending,
        yields: script.wire_split.is_some(),
        marks: Vec::new(),
        tokens: payload.tokens,
        reported: None,
    }
}

fn length(payload: &Payload, script: &Script) -> Length {
    match script.length {
        // HTTP/1.0 knows no chunks (RFC 9112, 6.1).
        Some(Length::Chunked) | None if script.http10 => Length::Close,
        Some(length) => length,
        None if payload.is_stream || script.no_end => Length::Chunked,
        None => Length::Content,
    }
}

/// After how many bytes of body it stops, and how. The earliest fault wins.
fn fault(payload: &Payload, script: &Script, closing: usize, length: Length) -> (Option<usize>, Ending) {
    let whole = payload.bytes.len();
    let stall = script.stall.map(|stall| match stall {
        Stall::Connect | Stall::Head | Stall::First => 0,
        Stall::Mid => whole / 2,
        Stall::End => closing,
    });
    let faults = [(stall, Ending::Stall), (script.cut, Ending::Cut), (script.reset, Ending::Reset)];
    let first = faults.into_iter().filter_map(|(at, ending)| Some((at?, ending))).min_by_key(|(at, _)| *at);
    match first {
        Some((at, ending)) => (Some(at.min(whole)), ending),
        None if script.no_end => (None, Ending::Cut),
        None if script.close || script.http10 || length == Length::Close => (None, Ending::Close),
        None => (None, Ending::Keep),
    }
}

fn interim(status: u16) -> String {
    let rest = match status {
        100 => " Continue\r\n\r\n",
        103 => " Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n",
        _ => " Interim\r\n\r\n",
    };
    format!("HTTP/1.1 {status}{rest}")
}

/// Widest padding field; servers and proxies bound single fields more tightly than heads.
const PAD_FIELD_BYTES: usize = 1_000;

fn head(payload: &Payload, script: &Script, length: Length) -> String {
    let version = if script.http10 { "1.0" } else { "1.1" };
    let mut head = format!("HTTP/{version} {} {}\r\n", script.status, reason(script.status));
    let content_type = script.content_type.as_deref().unwrap_or(payload.content_type);
    // Writing to a String does not fail.
    let mut field = |name: &str, value: &str| {
        let _ = write!(head, "{name}: {value}\r\n");
    };
    if !content_type.is_empty() {
        field("content-type", content_type);
    }
    match length {
        Length::Chunked => field("transfer-encoding", "chunked"),
        Length::Content => field("content-length", &payload.bytes.len().to_string()),
        Length::Close => {}
    }
    if let Some(after) = &script.retry_after {
        field("retry-after", after);
    }
    if !script.http10 && (script.close || length == Length::Close) {
        field("connection", "close");
    }
    field("x-request-id", "req_simulated");
    for (name, value) in &script.headers {
        field(name, value);
    }
    let mut rest = script.extra_head;
    while rest > 0 {
        // "x-pad: " and the line end count too.
        let value = rest.min(PAD_FIELD_BYTES).saturating_sub(9).max(1);
        field("x-pad", &"p".repeat(value));
        rest = rest.saturating_sub(value + 9);
    }
    head.push_str("\r\n");
    head
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Status",
    }
}

struct Writer {
    wire: Vec<u8>,
    pieces: Vec<Piece>,
}

impl Writer {
    fn piece(&mut self, body_end: usize, at_us: u64) {
        self.pieces.push(Piece { end: self.wire.len(), body_end, at_us });
    }

    /// The head is in `wire` and not yet in a piece: it goes with the body's first segment when that is due at once.
    fn body(&mut self, payload: &Payload, length: Length, delay_us: u64, ended: bool) {
        if payload.segments.first().is_none_or(|first| first.at_us > 0) {
            self.piece(0, delay_us);
        }
        let chunked = length == Length::Chunked;
        let mut start = 0;
        for segment in &payload.segments {
            let bytes = &payload.bytes[start..segment.end];
            if chunked && !bytes.is_empty() {
                self.wire.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                self.wire.extend_from_slice(bytes);
                self.wire.extend_from_slice(b"\r\n");
            } else {
                self.wire.extend_from_slice(bytes);
            }
            start = segment.end;
            self.piece(start, delay_us.saturating_add(segment.at_us));
        }
        if chunked && ended {
            self.wire.extend_from_slice(b"0\r\n\r\n");
            if let Some(last) = self.pieces.last_mut() {
                last.end = self.wire.len();
            }
        }
    }

    fn split(&mut self, size: usize) {
        let (mut start, mut body_end) = (0, 0);
        let mut pieces = Vec::with_capacity(self.wire.len() / size + self.pieces.len());
        for piece in &self.pieces {
            while piece.end - start > size {
                start += size;
                pieces.push(Piece { end: start, body_end, at_us: piece.at_us });
            }
            pieces.push(*piece);
            (start, body_end) = (piece.end, piece.body_end);
        }
        self.pieces = pieces;
    }
}
