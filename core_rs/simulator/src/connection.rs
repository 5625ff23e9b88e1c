//! One client connection: reads a request, performs its answer, goes on with the next. Between the pieces of an answer it watches the
//! client, so that one who leaves is noticed at once.
//!
//! A client that closes its sending half has left: no gateway does that to a provider and still wants the answer.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::answer::{Answer, Ending};
use crate::control;
use crate::dispatch::{self, Thread, View};
use crate::endpoint::Target;
use crate::log::{Ended, Entry, State, Ticket, unix_ms};
use crate::payload::Tokens;
use crate::refusal::Refusal;
use crate::request::{self, Broken, Chunks, Head, Length};

const INBOX_BYTES: usize = 4 * 1024;
/// An inbox that one large request has made grow is given back after it.
const INBOX_BYTES_KEPT: usize = 256 * 1024;
/// What a client may send ahead while an answer is under way; above that it is no longer read, nor watched.
const AHEAD_BYTES_MAX: usize = 1 << 20;
/// Back-to-back pieces after which other connections get a turn.
const PIECES_PER_TURN: usize = 64;

pub(crate) async fn serve(stream: TcpStream, thread: Arc<Thread>, number: u64) {
    // Counted by a guard, so that a connection whose task is dropped counts as closed too.
    let _open = Open(Arc::clone(&thread));
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut connection = Connection { stream, inbox: Vec::with_capacity(INBOX_BYTES), thread, number };
    while let Some(request) = connection.next().await {
        if !connection.answer(request).await {
            return;
        }
    }
}

struct Open(Arc<Thread>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counters.closed.fetch_add(1, Relaxed);
    }
}

struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
    thread: Arc<Thread>,
    number: u64,
}

/// A whole request at the start of the inbox.
struct Request {
    head: Head,
    body: Body,
    /// Where the next one begins.
    end: usize,
}

enum Body {
    Here(Range<usize>),
    Joined(Vec<u8>),
}

impl Connection {
    /// The next request; none when the client is done, or sent something that is none.
    async fn next(&mut self) -> Option<Request> {
        let broken = match self.read().await {
            Ok(request) => return request,
            Err(broken) => broken,
        };
        self.thread.counters.refused.fetch_add(1, Relaxed);
        let answer = dispatch::refused(&Refusal::new(broken.status, "invalid_request", broken.message));
        let ticket = self.thread.shared.log.is_on().then(|| {
            let text = String::from_utf8_lossy(&self.inbox[..self.inbox.len().min(INBOX_BYTES)]).into_owned();
            let entry = Entry { request_head: text, request_bytes: self.inbox.len(), ..self.entry(&answer) };
            self.thread.shared.log.begin(entry)
        });
        let sent = self.write(&answer.wire).await;
        if let Some(ticket) = ticket {
            ticket.close(Ended::Error, |entry| entry.body_bytes_sent = if sent { answer.wire.len() } else { 0 });
        }
        None
    }

    async fn read(&mut self) -> Result<Option<Request>, Broken> {
        let head = loop {
            if let Some(head) = request::head(&self.inbox)? {
                break head;
            }
            if !self.fill(INBOX_BYTES).await {
                return Ok(None);
            }
        };
        let max = self.thread.shared.config.body_bytes_max;
        if head.expects_continue && self.inbox.len() == head.len && !self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await
        {
            return Ok(None);
        }
        match head.length {
            Length::Content(length) if length > max => Err(Broken { status: 413, message: "The body is too large." }),
            Length::Content(length) => {
                let end = head.len + length;
                while self.inbox.len() < end {
                    if !self.fill(end - self.inbox.len()).await {
                        return Ok(None);
                    }
                }
                Ok(Some(Request { body: Body::Here(head.len..end), head, end }))
            }
            Length::Chunked => {
                let mut chunks = Chunks::after_head(head.len);
                loop {
                    if let Some(end) = chunks.advance(&self.inbox, max)? {
                        return Ok(Some(Request { head, body: Body::Joined(chunks.body), end }));
                    }
                    if !self.fill(INBOX_BYTES).await {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads once, with room for `wanted` bytes; false when the client has left.
    async fn fill(&mut self, wanted: usize) -> bool {
        self.inbox.reserve(wanted);
        matches!(self.stream.read_buf(&mut self.inbox).await, Ok(read) if read > 0)
    }

    /// Answers; true when the connection may go on.
    async fn answer(&mut self, request: Request) -> bool {
        self.thread.counters.requests.fetch_add(1, Relaxed);
        let target = String::from_utf8_lossy(&self.inbox[request.head.target.clone()]);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let body = match &request.body {
            Body::Here(range) => &self.inbox[range.clone()],
            Body::Joined(body) => body,
        };
        let kind = Target::of(path);
        let (answer, ticket) = if let Target::Control(rest) = kind {
            (control::answer(&self.thread.shared, request.head.method, rest, query, body).await, None)
        } else {
            let bearer =
                request.head.authorization.clone().and_then(|range| std::str::from_utf8(&self.inbox[range]).ok());
            let bearer = bearer.map(|value| value.strip_prefix("Bearer ").unwrap_or(value));
            let view = View { method: request.head.method, target: kind, bearer, body, is_form: request.head.is_form };
            let reply = dispatch::reply(&self.thread, &view);
            let log = &self.thread.shared.log;
            let ticket = (log.is_on() && kind != Target::Root).then(|| {
                let kept = body.len().min(self.thread.shared.config.logged_body_bytes_max);
                let request_id = request.head.request_id.clone().map(|range| &self.inbox[range]);
                log.begin(Entry {
                    model: reply.model.as_ref().to_owned(),
                    path: path.to_owned(),
                    request_id: request_id.map(|id| String::from_utf8_lossy(id).into_owned()),
                    credential: bearer.map(str::to_owned),
                    request_bytes: request.end,
                    request_head: String::from_utf8_lossy(&self.inbox[..request.head.len]).into_owned(),
                    request_body: String::from_utf8_lossy(&body[..kept]).into_owned(),
                    ..self.entry(&reply.answer)
                })
            });
            (reply.answer, ticket)
        };
        self.consume(request.end);
        self.perform(&answer, ticket).await && request.head.keep
    }

    /// An entry of which only the answer is known.
    fn entry(&self, answer: &Answer) -> Entry {
        Entry {
            model: String::new(),
            path: String::new(),
            request_id: None,
            credential: None,
            request_bytes: 0,
            request_head: String::new(),
            request_body: String::new(),
            status: answer.status,
            body_bytes_sent: 0,
            content_bytes: 0,
            tokens: Tokens::default(),
            usage_reported: None,
            state: State::Running,
            ended: None,
            client_hung_up_ms: None,
            duration_ms: None,
            started_ms: unix_ms(),
            connection: self.number,
        }
    }

    fn consume(&mut self, end: usize) {
        self.inbox.drain(..end.min(self.inbox.len()));
        if self.inbox.capacity() > INBOX_BYTES_KEPT {
            self.inbox.shrink_to(INBOX_BYTES);
        }
    }

    /// Sends an answer as it is due and ends it as it says; true when the connection may go on.
    async fn perform(&mut self, answer: &Answer, mut ticket: Option<Ticket>) -> bool {
        let (body_sent, gone) = self.send(answer).await;
        let note = |entry: &mut Entry| {
            entry.body_bytes_sent = body_sent;
            entry.content_bytes = answer.content_bytes(body_sent);
            entry.tokens = answer.tokens;
            entry.usage_reported = answer.reported(body_sent).and_then(|usage| serde_json::from_str(usage).ok());
        };
        let ended = match answer.ending {
            _ if gone => Ended::ClientGone,
            Ending::Keep | Ending::Close => Ended::Complete,
            Ending::Cut => Ended::Cut,
            Ending::Reset => {
                // Unsent and unread data is thrown away, and the close that follows sends RST.
                let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                Ended::Reset
            }
            Ending::Stall => {
                if let Some(ticket) = &mut ticket {
                    ticket.hold(note);
                }
                let patience = Duration::from_millis(self.thread.shared.config.hold_ms_max);
                if self.watch(Instant::now() + patience).await { Ended::Stalled } else { Ended::ClientGone }
            }
        };
        if let Some(ticket) = ticket {
            ticket.close(ended, note);
        }
        ended == Ended::Complete && answer.ending == Ending::Keep
    }

    /// Sends the pieces. How much of the body went out, and whether the client left before the end.
    async fn send(&mut self, answer: &Answer) -> (usize, bool) {
        let timed = answer.pieces.last().is_some_and(|piece| piece.at_us > 0);
        let began = timed.then(Instant::now);
        let (mut sent, mut body_sent, mut clock_us) = (0, 0, 0);
        for (number, piece) in answer.pieces.iter().enumerate() {
            if let Some(began) = began.filter(|_| piece.at_us > clock_us) {
                clock_us = piece.at_us;
                if !self.watch(began + Duration::from_micros(clock_us)).await {
                    return (body_sent, true);
                }
            }
            if !self.write(&answer.wire[sent..piece.end]).await {
                return (body_sent, true);
            }
            (sent, body_sent) = (piece.end, piece.body_end);
            if answer.yields || number % PIECES_PER_TURN == PIECES_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        (body_sent, false)
    }

    /// Waits until `deadline`; false as soon as the client has left. What it sends meanwhile is the next request.
    async fn watch(&mut self, deadline: Instant) -> bool {
        let sleep = tokio::time::sleep_until(deadline);
        tokio::pin!(sleep);
        loop {
            let may_read = self.inbox.len() < AHEAD_BYTES_MAX;
            tokio::select! {
                biased;
                here = self.fill(INBOX_BYTES), if may_read => if !here { return false },
                () = &mut sleep => return true,
            }
        }
    }

    /// Writes all of it; false when the client has left, or has not read for `hold_ms_max`.
    async fn write(&self, mut bytes: &[u8]) -> bool {
        let counters = &self.thread.counters;
        counters.pieces.fetch_add(1, Relaxed);
        counters.bytes_sent.fetch_add(bytes.len() as u64, Relaxed);
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(0) => return false,
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let patience = Duration::from_millis(self.thread.shared.config.hold_ms_max);
                    if !matches!(tokio::time::timeout(patience, self.stream.writable()).await, Ok(Ok(()))) {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }
}
