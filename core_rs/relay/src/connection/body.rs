//! Taking in a request's body, whole: it is scanned and re-framed before a byte of it goes upstream, so nothing of
//! the client's framing ever reaches an upstream.

use super::{Connection, Stop};
use crate::buffers::{BIG, PAGE};
use crate::counters::add;
use crate::socket::{Wait, fill_client, write_pieces};
use std::ops::Range;
use tollway_policy::refusal::Refusal;
use tollway_wire::chunked::Decoder;
use tollway_wire::head::{Framing, RequestHead};

/// A refused request's body up to this size is read and thrown away, so that the connection can be kept.
const SKIP_BYTES_MAX: u64 = 64 << 10;
/// A body must come at least so fast (after a first grace of the head's time).
const PROGRESS_BYTES_PER_S: u64 = 1 << 10;

/// What of the current request's body is still on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    None,
    /// The whole body's length; some of it may lie in the buffer behind the head.
    Length {
        body: u64,
        expects_continue: bool,
    },
    /// Chunked, or not to be trusted: only a close ends it.
    Unknown,
}

impl Unread {
    pub(crate) fn of(head: &RequestHead) -> Unread {
        match head.framing {
            Framing::None => Unread::None,
            Framing::Length(body) => Unread::Length { body, expects_continue: head.expect_continue },
            Framing::Chunked => Unread::Unknown,
        }
    }

    /// Whether the connection can serve another request without having understood this body.
    pub(crate) fn can_be_skipped(self) -> bool {
        match self {
            Unread::None => true,
            Unread::Length { body, expects_continue } => body <= SKIP_BYTES_MAX && !expects_continue,
            Unread::Unknown => false,
        }
    }
}

/// A whole body.
pub(crate) enum Body {
    /// In the connection's own buffer.
    InPlace(Range<usize>),
    Own(Vec<u8>),
}

impl Body {
    pub(crate) fn of<'b>(&'b self, inbuf: &'b [u8]) -> &'b [u8] {
        match self {
            Body::InPlace(range) => inbuf.get(range.clone()).unwrap_or_default(),
            Body::Own(bytes) => bytes,
        }
    }
}

impl Connection {
    /// Reads the body of the current request.
    pub(crate) async fn read_body(&mut self, head: &RequestHead) -> Result<Body, Stop> {
        let max = self.shard.node.config.settings.body_bytes_max;
        let start = head.len as usize;
        // Measured with the head: the two lie in one buffer if they fit.
        let fits_big = PAGE as u64 + 1..=BIG as u64;
        self.sends_big =
            matches!(head.framing, Framing::Length(n) if fits_big.contains(&(start as u64).saturating_add(n)));
        let body = match head.framing {
            Framing::None => Body::InPlace(start..start),
            Framing::Length(n) if n > max => return Err(Refusal::request_too_large(max).into()),
            Framing::Length(n) => self.read_length(head, start, n as usize).await?,
            Framing::Chunked => self.read_chunked(head, start, max as usize).await?,
        };
        self.unread = Unread::None;
        add(&self.shard.counters.bytes_in, body.of(&self.inbuf).len() as u64);
        Ok(body)
    }

    async fn read_length(&mut self, head: &RequestHead, start: usize, n: usize) -> Result<Body, Stop> {
        let end = start + n;
        if self.inbuf.len() >= end {
            self.consumed = end;
            return Ok(Body::InPlace(start..end));
        }
        self.say_continue(head, start).await?;
        let mut pace = Pace::start(self);
        if end <= self.inbuf.capacity() {
            while self.inbuf.len() < end {
                let n = fill_client(&mut self.client, &self.shard.buffers, &mut self.inbuf, &self.timer.timer).await;
                pace.took(self, n)?;
            }
            self.consumed = end;
            return Ok(Body::InPlace(start..end));
        }
        let mut own = self.shard.buffers.big(n);
        own.extend_from_slice(&self.inbuf[start..]);
        self.inbuf.truncate(start);
        while own.len() < n {
            let got = fill_client(&mut self.client, &self.shard.buffers, &mut own, &self.timer.timer).await;
            pace.took(self, got)?;
        }
        // The allocator may have given more than was asked for, and a pipelined request may lie in it.
        self.inbuf.extend_from_slice(&own[n..]);
        own.truncate(n);
        self.consumed = start;
        Ok(Body::Own(own))
    }

    async fn read_chunked(&mut self, head: &RequestHead, start: usize, max: usize) -> Result<Body, Stop> {
        self.say_continue(head, start).await?;
        let mut pace = Pace::start(self);
        let mut decoder = Decoder::new();
        let mut own = Vec::new();
        let mut raw = self.inbuf.split_off(start);
        loop {
            let progress = decoder
                .decode(&mut raw)
                .map_err(|_| Stop::Refused(Refusal::bad_framing("the body's chunks are malformed")))?;
            own.extend_from_slice(&raw[..progress.payload]);
            if own.len() > max {
                return Err(Refusal::request_too_large(max as u64).into());
            }
            if progress.done {
                self.inbuf.extend_from_slice(&raw[progress.consumed..]);
                self.consumed = start;
                return Ok(Body::Own(own));
            }
            raw.clear();
            if raw.capacity() < PAGE {
                raw = self.shard.buffers.page();
            }
            let got = fill_client(&mut self.client, &self.shard.buffers, &mut raw, &self.timer.timer).await;
            pace.took(self, got)?;
        }
    }

    /// RFC 9110 10.1.1: a client that sent `Expect: 100-continue` may wait for this line before it sends the body.
    async fn say_continue(&mut self, head: &RequestHead, start: usize) -> Result<(), Stop> {
        if head.expect_continue && self.inbuf.len() == start {
            let line: &[&[u8]] = &[b"HTTP/1.1 100 Continue\r\n\r\n"];
            write_pieces(&mut self.client, line, &self.timer.timer).await.map_err(|_| Stop::Gone)?;
        }
        Ok(())
    }

    /// Throws away a small body that was not wanted.
    pub(crate) async fn skip_unread(&mut self) -> Result<(), Stop> {
        let Unread::Length { body, .. } = self.unread else { return Ok(()) };
        let end = self.consumed + body as usize;
        self.unread = Unread::None;
        if self.inbuf.len() >= end {
            self.consumed = end;
            return Ok(());
        }
        let mut left = end - self.inbuf.len();
        let mut pace = Pace::start(self);
        self.consumed = 0;
        self.inbuf.clear();
        while left > 0 {
            self.inbuf.clear();
            let got = fill_client(&mut self.client, &self.shard.buffers, &mut self.inbuf, &self.timer.timer).await;
            pace.took(self, got)?;
            if self.inbuf.len() > left {
                self.consumed = left;
                return Ok(());
            }
            left -= self.inbuf.len();
        }
        self.inbuf.clear();
        Ok(())
    }
}

/// Watches that a body comes fast enough.
struct Pace {
    started_ms: u64,
    bytes: u64,
}

impl Pace {
    fn start(connection: &Connection) -> Pace {
        let started_ms = connection.shard.coarse_ms();
        connection.timer.timer.set(started_ms + connection.shard.node.config.settings.client_head_ms);
        Pace { started_ms, bytes: 0 }
    }

    fn took(&mut self, connection: &Connection, read: Result<usize, Wait>) -> Result<(), Stop> {
        match read {
            Ok(n) if n > 0 => {
                self.bytes += n as u64;
                let grace_ms = connection.shard.node.config.settings.client_head_ms;
                connection.timer.timer.set(self.started_ms + grace_ms + self.bytes * 1_000 / PROGRESS_BYTES_PER_S);
                Ok(())
            }
            Err(Wait::TimedOut) => Err(Refusal::request_timeout().into()),
            _ => Err(Stop::Gone),
        }
    }
}
