//! A stream, forwarded as it is read, with usage and endings read on the way.
//!
//! What one read brings goes out in one write: whole events only, so that a break can always be told as an event of its own.
//! A stream ends well in one of two ways: `[DONE]` came, or every choice had its finish reason and the body ended cleanly. All
//! else is told as an error event and an aborted connection, never as a clean end: a dozen clients take that for the whole answer.

use crate::answer::{Facts, broken, head_lines, record_health};
use crate::buffers::PAGE;
use crate::connection::{Connection, Next};
use crate::counters::add;
use crate::exchange::Exchange;
use crate::open::{Open, ReadFailure};
use crate::posting::{CLIENT_GONE, Posting};
use crate::shard::Shard;
use crate::socket::Watch;
use crate::upstream::{Side, or_default};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use tollway_policy::admission::Endpoint;
use tollway_policy::refusal::{Code, Refusal};
use tollway_policy::settlement::Outcome;
use tollway_wire::sse::{self, Observer, Seen};
use tollway_wire::{chunked, error};

/// Progress is written down after so much text (64 tokens of 4 bytes), but no more often than the second figure says …
const PROGRESS_BYTES: u64 = 256;
const PROGRESS_MS_MIN: u64 = 100;
/// … and at least so often.
const PROGRESS_MS_MAX: u64 = 1_000;
/// An upstream whose `[DONE]` has come is given so long to end its body, so that its connection can be used again.
const TAIL_MS: u64 = 1_000;

/// An event of several lines may be so many times as large as one line.
const EVENT_LINES_MAX: usize = 2;

const DONE: &[u8] = b"data: [DONE]\n\n";
const HEARTBEAT: &[u8] = b": keep-alive\n\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How far a stream has got.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// More is to come; so many bytes of the buffer are whole events.
    Forward(usize),
    /// The end, and a good one; `[DONE]` is to be added or not.
    Complete { bytes: usize, add_done: bool },
    /// The upstream said so itself, in an event; it is told as ours.
    UpstreamError { bytes: usize },
    /// An event, hence a line, beyond the bound.
    TooLong,
    /// The body ended before its time.
    CutShort { bytes: usize },
}

/// Runs a stream to its end.
pub(crate) async fn run(
    c: &mut Connection,
    mut open: Open,
    posting: &mut Posting,
    facts: &Facts,
    exchange: &Exchange,
    watch: &mut Watch,
) -> Next {
    let shard = c.shard.clone();
    let mut head = shard.buffers.small();
    head_lines(c, exchange, posting, &open.upstream.name, &open.facts, &mut head);
    shard.buffers.give_small(std::mem::take(&mut open.facts.pass));
    head.extend_from_slice(b"transfer-encoding: chunked\r\n");
    head.extend_from_slice(if exchange.keep_alive { b"\r\n" } else { b"connection: close\r\n\r\n" });
    let now_ms = shard.coarse_ms();
    // On the heap, once: moved from phase to phase by value it would lie three times in an idle stream's task.
    let mut stream = Box::new(Stream {
        observer: Observer::new(facts.endpoint),
        withhold_usage: facts.withhold_usage,
        needs_done: matches!(facts.endpoint, Endpoint::Chat | Endpoint::Completions),
        line_bytes_max: shard.node.config.settings.sse_line_bytes_max,
        open,
        head,
        progress_bytes: 0,
        progress_ms: now_ms,
        heard_ms: now_ms,
        shard,
    });
    let silent = !stream.open.ended && sse::event_end(&stream.open.payload, 0).is_none();
    let ending = if silent && stream.heartbeat(c).await.is_err() {
        Ending::ClientGone // no event came in a whole heartbeat's time: a comment says that we are still there
    } else {
        stream.pump(c, posting, facts, exchange, watch).await
    };
    stream.end(c, posting, facts, exchange, ending).await
}

/// How a stream ended.
enum Ending {
    Complete { bytes: usize, add_done: bool },
    Told(Refusal),
    ClientGone,
}

struct Stream {
    shard: Rc<Shard>,
    open: Open,
    observer: Observer,
    /// Our own head, until it is written with the first events.
    head: Vec<u8>,
    withhold_usage: bool,
    needs_done: bool,
    line_bytes_max: usize,
    progress_bytes: u64,
    progress_ms: u64,
    /// When the upstream was last heard.
    heard_ms: u64,
}

impl Stream {
    async fn pump(
        &mut self,
        c: &mut Connection,
        posting: &mut Posting,
        facts: &Facts,
        exchange: &Exchange,
        watch: &mut Watch,
    ) -> Ending {
        loop {
            let bytes = match self.step() {
                Step::Forward(bytes) => bytes,
                Step::Complete { bytes, add_done } => return Ending::Complete { bytes, add_done },
                Step::TooLong => {
                    return Ending::Told(Refusal::upstream_error(
                        "The model's provider sent an event beyond the size bound.",
                    ));
                }
                Step::UpstreamError { bytes } => return self.tell_after(c, bytes, broken(false)).await,
                Step::CutShort { bytes } => return self.tell_after(c, bytes, broken(false)).await,
            };
            if bytes > 0 {
                if self.forward(c, bytes).await.is_err() {
                    return Ending::ClientGone;
                }
                self.note_progress(posting, facts);
            }
            match self.read(c, exchange, watch).await {
                Ok(()) => {}
                Err(ReadFailure::Gone) => return Ending::ClientGone,
                Err(failure) => return Ending::Told(self.read_failure(failure)),
            }
        }
    }

    /// Looks at the events that are whole, drops the one that is withheld, and says how to go on.
    fn step(&mut self) -> Step {
        let payload = &mut self.open.payload;
        let mut at = 0;
        while let Some(end) = sse::event_end(payload, at) {
            if has_longer_line(&payload[at..end], self.line_bytes_max) {
                return Step::TooLong;
            }
            let seen = self.observer.observe(&payload[at..end]);
            add(&self.shard.counters.chunks, 1);
            match seen {
                Seen::UsageOnly if self.withhold_usage => {
                    payload.drain(at..end);
                }
                Seen::Done => return Step::Complete { bytes: end, add_done: false },
                Seen::Error => return Step::UpstreamError { bytes: at },
                _ => at = end,
            }
        }
        let partial = &payload[at..];
        if has_longer_line(partial, self.line_bytes_max) || partial.len() > self.line_bytes_max * EVENT_LINES_MAX {
            return Step::TooLong;
        }
        if !self.open.ended {
            return Step::Forward(at);
        }
        self.ended_body(at)
    }

    /// The body has ended without `[DONE]`; what lies behind the last blank line counts as an event.
    fn ended_body(&mut self, mut at: usize) -> Step {
        let payload = &mut self.open.payload;
        if at < payload.len() {
            payload.extend_from_slice(b"\n\n");
            match self.observer.observe(&payload[at..]) {
                Seen::Done => return Step::Complete { bytes: payload.len(), add_done: false },
                Seen::Error => return Step::UpstreamError { bytes: at },
                Seen::UsageOnly if self.withhold_usage => payload.truncate(at),
                _ => at = payload.len(),
            }
        }
        let complete = !self.needs_done || self.observer.finished();
        if complete { Step::Complete { bytes: at, add_done: self.needs_done } } else { Step::CutShort { bytes: at } }
    }

    /// Writes the first `bytes` as one chunk, with our head before them if it has not gone yet.
    async fn forward(&mut self, c: &mut Connection, bytes: usize) -> Result<(), crate::socket::Wait> {
        let mut line = [0; 18];
        let size = chunked::size_line(bytes, &mut line);
        if self.head.is_empty() {
            c.write(&[size, &self.open.payload[..bytes], b"\r\n"]).await?;
        } else {
            c.write(&[&self.head, size, &self.open.payload[..bytes], b"\r\n"]).await?;
            self.shard.buffers.give_small(std::mem::take(&mut self.head));
        }
        let payload = &mut self.open.payload;
        if bytes < payload.len() {
            payload.drain(..bytes);
        } else if payload.capacity() == PAGE {
            self.shard.buffers.give_page(std::mem::take(payload));
        } else {
            *payload = Vec::new(); // grown for one large event, or a slack buffer: not to be kept while idle
        }
        Ok(())
    }

    /// Reads once; while the upstream is silent the client gets a comment every heartbeat.
    async fn read(&mut self, c: &mut Connection, exchange: &Exchange, watch: &mut Watch) -> Result<(), ReadFailure> {
        let shard = self.shard.clone();
        let settings = &shard.node.config.settings;
        let idle_ms = or_default(self.open.upstream.timeouts.idle_ms, settings.idle_ms);
        loop {
            let now_ms = self.shard.coarse_ms();
            let silent_until_ms = (self.heard_ms + idle_ms).min(exchange.deadline_ms);
            if now_ms >= silent_until_ms || self.shard.node.cut_short.load(Ordering::Relaxed) {
                return Err(ReadFailure::TimedOut);
            }
            c.timer.timer.set(silent_until_ms.min(now_ms + settings.heartbeat_ms));
            let mut side = Side { client: &c.client, watch, timer: &c.timer.timer, deadline_ms: exchange.deadline_ms };
            match self.open.read(&self.shard, &mut side).await {
                Ok(n) => {
                    if n > 0 {
                        self.heard_ms = self.shard.coarse_ms();
                    }
                    return Ok(());
                }
                Err(ReadFailure::TimedOut) if self.shard.coarse_ms() < silent_until_ms => {
                    if self.shard.node.cut_short.load(Ordering::Relaxed) {
                        return Err(ReadFailure::TimedOut);
                    }
                    self.heartbeat(c).await.map_err(|_| ReadFailure::Gone)?;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn heartbeat(&mut self, c: &mut Connection) -> Result<(), crate::socket::Wait> {
        let mut line = [0; 18];
        let size = chunked::size_line(HEARTBEAT.len(), &mut line);
        c.write(&[&self.head, size, HEARTBEAT, b"\r\n"]).await?;
        self.shard.buffers.give_small(std::mem::take(&mut self.head));
        Ok(())
    }

    fn read_failure(&self, failure: ReadFailure) -> Refusal {
        if self.shard.node.cut_short.load(Ordering::Relaxed) {
            return Refusal::overloaded();
        }
        broken(failure == ReadFailure::TimedOut)
    }

    /// Sends what was whole before the break, then tells it.
    async fn tell_after(&mut self, c: &mut Connection, bytes: usize, refusal: Refusal) -> Ending {
        if bytes > 0 && self.forward(c, bytes).await.is_err() {
            return Ending::ClientGone;
        }
        Ending::Told(refusal)
    }

    fn outcome(&self, facts: &Facts) -> Outcome {
        let delivered = self.observer.output_text_bytes();
        Outcome {
            delivered_any: delivered > 0 || self.observer.usage().is_some() || self.observer.finished(),
            delivered_output_bytes: delivered,
            ..facts.outcome(self.observer.usage(), self.observer.images())
        }
    }

    fn note_progress(&mut self, posting: &Posting, facts: &Facts) {
        let delivered = self.observer.output_text_bytes();
        let now_ms = self.shard.coarse_ms();
        let since_ms = now_ms.saturating_sub(self.progress_ms);
        let much = delivered >= self.progress_bytes + PROGRESS_BYTES;
        if since_ms >= PROGRESS_MS_MAX || (much && since_ms >= PROGRESS_MS_MIN) {
            self.progress_bytes = delivered;
            self.progress_ms = now_ms;
            posting.progress(&self.outcome(facts));
        }
    }

    /// Settles, then tells the client how it ended.
    async fn end(
        self: Box<Self>,
        c: &mut Connection,
        posting: &mut Posting,
        facts: &Facts,
        exchange: &Exchange,
        ending: Ending,
    ) -> Next {
        let shard = self.shard.clone();
        posting.status = 200;
        posting.code = match &ending {
            Ending::Complete { .. } => "",
            Ending::Told(refusal) => refusal.code.as_str(),
            Ending::ClientGone => "client_gone",
        };
        if matches!(ending, Ending::ClientGone) {
            posting.status = CLIENT_GONE;
            add(&shard.counters.clients_gone, 1);
        }
        let outcome = self.outcome(facts);
        posting.settle(&outcome);
        shard.counters.serve(facts.endpoint, true);
        let upstream_broke = matches!(&ending, Ending::Told(refusal) if refusal.code != Code::Overloaded);
        record_health(c, posting, &self.open.facts, !upstream_broke);
        match ending {
            Ending::Complete { bytes, add_done } => self.complete(c, exchange, bytes, add_done).await,
            Ending::Told(refusal) => self.tell(c, &refusal).await,
            Ending::ClientGone => Next::Close, // the upstream's socket closes with `self`
        }
    }

    /// The last events, `[DONE]` if the upstream left it out, and the final chunk in one write.
    async fn complete(
        mut self: Box<Self>,
        c: &mut Connection,
        exchange: &Exchange,
        bytes: usize,
        add_done: bool,
    ) -> Next {
        let mut line = [0; 18];
        let done: &[u8] = if add_done { DONE } else { b"" };
        let events = &self.open.payload[..bytes];
        let total = events.len() + done.len();
        let size = chunked::size_line(total, &mut line);
        let written = if total > 0 {
            c.write(&[&self.head, size, events, done, b"\r\n", LAST_CHUNK]).await
        } else {
            c.write(&[&self.head, LAST_CHUNK]).await
        };
        self.shard.buffers.give_small(std::mem::take(&mut self.head));
        self.open.payload.clear();
        let Stream { shard, open, .. } = *self;
        hand_back(shard, open);
        if written.is_err() { Next::Close } else { c.after_answer(exchange.keep_alive).await }
    }

    /// An error event, then FIN without the final chunk.
    async fn tell(mut self: Box<Self>, c: &mut Connection, refusal: &Refusal) -> Next {
        add(&self.shard.counters.streams_broken, 1);
        let mut event = Vec::with_capacity(256);
        error::sse_event(&mut event, refusal);
        let mut line = [0; 18];
        let size = chunked::size_line(event.len(), &mut line);
        let written = c.write(&[&self.head, size, &event, b"\r\n"]).await;
        self.shard.buffers.give_small(std::mem::take(&mut self.head));
        if written.is_ok() {
            c.linger().await;
        }
        Next::Close
    }
}

/// Whether a line of an event, its line end left out, is longer than the bound. Nearly always the whole event is shorter.
fn has_longer_line(event: &[u8], bytes_max: usize) -> bool {
    event.len() > bytes_max && event.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| line.len() > bytes_max)
}

/// Gives a finished stream's connection back to the pool; one whose body has not quite ended is read to its end beside the next request.
fn hand_back(shard: Rc<Shard>, mut open: Open) {
    if open.ended {
        let (_, payload, facts) = open.release(&shard);
        shard.buffers.give_page(payload);
        shard.buffers.give_small(facts.pass);
        return;
    }
    if !open.reusable {
        return;
    }
    tokio::task::spawn_local(async move {
        let ended = tokio::time::timeout(std::time::Duration::from_millis(TAIL_MS), open.drain(&shard)).await;
        if matches!(ended, Ok(true)) {
            open.release(&shard);
        }
    });
}
