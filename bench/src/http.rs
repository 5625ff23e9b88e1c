//! Reads answers: head, framing, and the events of a stream. Strict, because an answer that is cut or framed wrong must count as failed,
//! however fast it was.

/// How a body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// The server will close.
    pub(crate) close: bool,
    pub(crate) bytes: usize,
}

/// A head, once it is whole.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 48];
    let mut response = httparse::Response::new(&mut headers);
    let size = match response.parse(bytes).map_err(|e| format!("answer's head: {e}"))? {
        httparse::Status::Complete(size) => size,
        httparse::Status::Partial => return Ok(None),
    };
    let (mut framing, mut close) = (None, false);
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok());
            framing = Some(Framing::Length(length.ok_or("answer's head: content-length is no number")?));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Some(Framing::Chunked);
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = header.value.eq_ignore_ascii_case(b"close");
        }
    }
    // All servers measured here frame their answers; one that ends by closing could be cut without a sign of it.
    let framing = framing.ok_or("answer's head: neither content-length nor chunked")?;
    Ok(Some(Head { status: response.code.unwrap_or(0), framing, close, bytes: size }))
}

/// What follows a head, taken in as it comes.
#[derive(Debug)]
pub(crate) struct Body {
    state: State,
    pub(crate) events: Events,
    pub(crate) payload_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes left of a body with a known length.
    Length(u64),
    /// In a chunk's size; whether a digit was seen.
    Size(u64, bool),
    SizeLineFeed(u64),
    Chunk(u64),
    ChunkReturn,
    ChunkLineFeed,
    EndReturn,
    EndLineFeed,
    Done,
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0, false),
        };
        Self { state, events: Events::default(), payload_bytes: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes in what was read. Bytes behind the end are an error: nothing was asked for that they could answer.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while let Some(&first) = bytes.first() {
            let run = match self.state {
                State::Length(left) | State::Chunk(left) => {
                    bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))
                }
                _ => 1,
            };
            let (taken, rest) = bytes.split_at(run);
            self.state = match self.state {
                State::Length(left) => {
                    self.payload(taken);
                    if left == run as u64 { State::Done } else { State::Length(left - run as u64) }
                }
                State::Chunk(left) => {
                    self.payload(taken);
                    if left == run as u64 { State::ChunkReturn } else { State::Chunk(left - run as u64) }
                }
                framing => next(framing, first)?,
            };
            bytes = rest;
        }
        Ok(())
    }

    fn payload(&mut self, bytes: &[u8]) {
        self.payload_bytes += bytes.len() as u64;
        self.events.take(bytes);
    }
}

/// The state after one byte of chunk framing.
fn next(state: State, byte: u8) -> Result<State, String> {
    Ok(match (state, byte) {
        (State::Size(size, _), digit) if digit.is_ascii_hexdigit() && size < 1 << 40 => {
            let digit = char::from(digit).to_digit(16).unwrap_or(0);
            State::Size(size * 16 + u64::from(digit), true)
        }
        (State::Size(size, true), b'\r') => State::SizeLineFeed(size),
        (State::SizeLineFeed(0), b'\n') => State::EndReturn,
        (State::SizeLineFeed(size), b'\n') => State::Chunk(size),
        (State::ChunkReturn, b'\r') => State::ChunkLineFeed,
        (State::ChunkLineFeed, b'\n') => State::Size(0, false),
        (State::EndReturn, b'\r') => State::EndLineFeed,
        (State::EndLineFeed, b'\n') => State::Done,
        _ => return Err(format!("answer's body: byte {byte:#04x} where the framing ({state:?}) does not have it")),
    })
}

const DONE: &[u8] = b"data: [DONE]\n\n";

/// Counts server-sent events by the empty lines that end them, wherever the reads were cut.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) count: u64,
    after_line_feed: bool,
    /// The last bytes, oldest first.
    tail: Vec<u8>,
}

impl Events {
    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let line_feed = byte == b'\n';
            let ended = line_feed && self.after_line_feed;
            self.count += u64::from(ended);
            self.after_line_feed = line_feed && !ended;
        }
        if bytes.len() >= DONE.len() {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - DONE.len()..]);
        } else {
            self.tail.extend_from_slice(bytes);
            let over = self.tail.len().saturating_sub(DONE.len());
            self.tail.drain(..over);
        }
    }

    /// Whether the last event was the one that ends a stream.
    pub(crate) fn complete(&self) -> bool {
        self.tail == DONE
    }
}

#[cfg(test)]
mod tests;
