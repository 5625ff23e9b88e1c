//! Answers that are not streams: whole ones with their cost, large ones as they come, and the upstream's own verdicts.

use crate::attempt::{Judged, Whole};
use crate::connection::{Connection, Next};
use crate::exchange::{Exchange, number_line, text_line, write_usd};
use crate::open::{AnswerFacts, Open, ReadFailure};
use crate::posting::{CLIENT_GONE, Posting};
use crate::socket::Watch;
use crate::upstream::{Side, or_default};
use tollway_policy::admission::Endpoint;
use tollway_policy::money::Counts;
use tollway_policy::refusal::{Code, Refusal};
use tollway_policy::settlement::Outcome;
use tollway_wire::response::ResponseFraming;
use tollway_wire::{chunked, error, usage};

/// Bytes of a large answer's end that are kept to find its usage in.
const TAIL_BYTES: usize = 8 << 10;

/// What of the request is still needed when its answer is told.
pub(crate) struct Facts {
    pub(crate) endpoint: Endpoint,
    pub(crate) input_text_bytes: u64,
    pub(crate) images: u64,
    pub(crate) characters: u64,
    /// How long the sound of a request lasts, as far as its bytes tell; for answers that do not state it.
    pub(crate) milliseconds_estimate: u64,
    /// The usage event was asked for by us, not by the client.
    pub(crate) withhold_usage: bool,
}

impl Facts {
    /// An answer's usage and the units that no usage reports; `images` were seen in it.
    pub(crate) fn outcome(&self, usage: Option<Counts>, images: u64) -> Outcome {
        Outcome {
            usage,
            input_text_bytes: self.input_text_bytes,
            images: if self.endpoint == Endpoint::Images && images == 0 { self.images } else { images },
            characters: self.characters,
            milliseconds: if usage.is_none() { self.milliseconds_estimate } else { 0 },
            ..Outcome::default()
        }
    }

    /// Output text in so many bytes of a large answer that was not read. Only chats and completions write any.
    fn unread_output_bytes(&self, delivered: u64) -> u64 {
        if matches!(self.endpoint, Endpoint::Chat | Endpoint::Completions) { delivered } else { 0 }
    }
}

/// Status line and header lines, up to where the body's length or framing is told.
pub(crate) fn head_lines(
    c: &Connection,
    exchange: &Exchange,
    posting: &Posting,
    upstream: &str,
    facts: &AnswerFacts,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(facts.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(error::reason(facts.status).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&facts.pass);
    for part in ["x-request-id: ", &exchange.id_text, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(&exchange.extra);
    text_line(out, "x-tollway-model", posting.model_name().as_bytes());
    text_line(out, "x-tollway-provider", upstream.as_bytes());
    number_line(out, "x-tollway-attempts", u64::from(facts.attempts));
    let now_ns = c.shard.now_ns();
    let upstream_ns = facts.first_byte_ns.saturating_sub(facts.sent_ns);
    let ours_ns = now_ns.saturating_sub(exchange.started_ns).saturating_sub(upstream_ns);
    number_line(out, "x-tollway-overhead-us", ours_ns / 1_000);
}

/// Records a success with the model and the channel that served it.
pub(crate) fn record_health(c: &Connection, posting: &Posting, facts: &AnswerFacts, ok: bool) {
    let now_s = (c.shard.coarse_ms() / 1_000) as u32; // set anew by the settlement that comes before
    let first_ms = facts.first_byte_ns.saturating_sub(facts.sent_ns) / 1_000_000;
    let first_ms = ok.then_some(u32::try_from(first_ms).unwrap_or(u32::MAX));
    posting.model_live().record(now_s, ok, first_ms);
    if let Some(channel) = &facts.channel {
        channel.record(now_s, ok, first_ms);
    }
}

/// An answer that lies whole in memory: settled, then told with its cost.
pub(crate) async fn whole(
    c: &mut Connection,
    whole: Whole,
    posting: &mut Posting,
    facts: &Facts,
    exchange: &Exchange,
) -> Next {
    let body = &whole.payload[..];
    let outcome = Outcome {
        delivered_any: true,
        delivered_output_bytes: whole.answer.output_text_bytes,
        ..facts.outcome(whole.answer.usage, whole.answer.images)
    };
    posting.status = whole.facts.status;
    posting.code = "";
    let charge_nano = posting.settle(&outcome);
    record_health(c, posting, &whole.facts, true);
    c.shard.counters.serve(facts.endpoint, false);
    let mut out = c.shard.buffers.small();
    head_lines(c, exchange, posting, &whole.upstream.name, &whole.facts, &mut out);
    out.extend_from_slice(b"x-tollway-cost: ");
    write_usd(&mut out, charge_nano);
    out.extend_from_slice(b"\r\n");
    number_line(&mut out, "content-length", body.len() as u64);
    let next = c.finish(exchange, out, body).await;
    c.shard.buffers.give_small(whole.facts.pass);
    c.shard.buffers.give_page(whole.payload);
    next
}

/// The upstream's 400, 409 or 422 with its own error, or with ours when it sent none that clients could parse.
pub(crate) async fn judged(c: &mut Connection, judged: Judged, exchange: &Exchange) -> Next {
    c.shard.counters.refuse(Code::InvalidRequest);
    let body = judged.body.unwrap_or_else(|| {
        let mut own = Vec::new();
        let failure = tollway_policy::channel::AttemptFailure::Status(judged.status);
        error::body(&mut own, &tollway_policy::channel::client_answer(failure));
        own
    });
    let mut out = c.shard.buffers.small();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(judged.status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(error::reason(judged.status).as_bytes());
    out.extend_from_slice(b"\r\ncontent-type: application/json\r\n");
    text_line(&mut out, "x-request-id", exchange.id_text.as_bytes());
    out.extend_from_slice(&exchange.extra);
    if matches!(judged.status, 400 | 422) {
        // Sending it again cannot help. A conflict (409) may pass.
        out.extend_from_slice(b"x-should-retry: false\r\n");
    }
    number_line(&mut out, "content-length", body.len() as u64);
    c.finish(exchange, out, &body).await
}

/// An answer too large to hold: forwarded as it comes. If it breaks off, the connection is aborted and what was delivered is charged.
pub(crate) async fn large(
    c: &mut Connection,
    mut open: Open,
    posting: &mut Posting,
    facts: &Facts,
    exchange: &Exchange,
    watch: &mut Watch,
) -> Next {
    let shard = c.shard.clone();
    let length = match open.framing {
        ResponseFraming::Length(n) => Some(n),
        _ => None,
    };
    let mut head = shard.buffers.small();
    posting.status = open.facts.status;
    head_lines(c, exchange, posting, &open.upstream.name, &open.facts, &mut head);
    match length {
        Some(n) => number_line(&mut head, "content-length", n),
        None => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    head.extend_from_slice(if exchange.keep_alive { b"\r\n" } else { b"connection: close\r\n\r\n" });
    let mut tail = Tail::default();
    let ended = loop {
        tail.take(&open.payload);
        if open.ended {
            break Ok(());
        }
        if write_part(c, &mut head, &open.payload, length.is_some()).await.is_err() {
            break Err(ReadFailure::Gone);
        }
        if open.payload.capacity() > crate::buffers::PAGE {
            open.payload = Vec::new();
        } else {
            shard.buffers.give_page(std::mem::take(&mut open.payload));
        }
        let mut side = Side { client: &c.client, watch, timer: &c.timer.timer, deadline_ms: exchange.deadline_ms };
        let idle_ms = or_default(open.upstream.timeouts.idle_ms, shard.node.config.settings.idle_ms);
        side.phase(shard.coarse_ms(), idle_ms);
        if let Err(failure) = open.read(&shard, &mut side).await {
            break Err(failure);
        }
    };
    // Without usage the whole body counts as text: most of it is, and what is not is little.
    let outcome = Outcome {
        delivered_any: true,
        delivered_output_bytes: facts.unread_output_bytes(tail.seen),
        ..facts.outcome(tail.usage(), 0)
    };
    match ended {
        Ok(()) => posting.code = "",
        Err(ReadFailure::Gone) => (posting.status, posting.code) = (CLIENT_GONE, "client_gone"),
        Err(_) => posting.code = Code::UpstreamError.as_str(),
    }
    posting.settle(&outcome);
    record_health(c, posting, &open.facts, !matches!(ended, Err(ReadFailure::TimedOut | ReadFailure::Broken)));
    c.shard.counters.serve(facts.endpoint, false);
    if ended.is_err() {
        return Next::Close; // dropped mid-body: no reader can take it for whole
    }
    let last = std::mem::take(&mut open.payload);
    open.release(&shard);
    if write_part(c, &mut head, &last, length.is_some()).await.is_err() {
        return Next::Close;
    }
    if length.is_none() && c.write(&[b"0\r\n\r\n"]).await.is_err() {
        return Next::Close;
    }
    c.after_answer(exchange.keep_alive).await
}

/// Writes the head, if that has not gone yet, and a part of the body in the framing that the head announced.
async fn write_part(
    c: &mut Connection,
    head: &mut Vec<u8>,
    part: &[u8],
    by_length: bool,
) -> Result<(), crate::socket::Wait> {
    let mut line = [0; 18];
    let written = if by_length || part.is_empty() {
        c.write(&[head, part]).await
    } else {
        c.write(&[head, chunked::size_line(part.len(), &mut line), part, b"\r\n"]).await
    };
    c.shard.buffers.give_small(std::mem::take(head));
    written
}

/// The last bytes of a large answer.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    /// Of the whole answer so far.
    seen: u64,
}

impl Tail {
    fn take(&mut self, part: &[u8]) {
        self.seen += part.len() as u64;
        if part.len() >= TAIL_BYTES {
            self.bytes.clear();
            self.bytes.extend_from_slice(&part[part.len() - TAIL_BYTES..]);
            return;
        }
        let excess = (self.bytes.len() + part.len()).saturating_sub(TAIL_BYTES);
        self.bytes.drain(..excess);
        self.bytes.extend_from_slice(part);
    }

    /// The last `"usage"` object, if it lies whole in the tail. Where a provider reports it first, the counting rule takes over.
    fn usage(&self) -> Option<Counts> {
        let at = memchr::memmem::rfind(&self.bytes, b"\"usage\"")? + b"\"usage\"".len();
        let rest = self.bytes[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let end = object_end(rest)?;
        usage::counts(&rest[..end])
    }
}

/// Where an object of numbers and objects ends; usage holds no strings with braces.
fn object_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The refusal that a broken answer is told as.
pub(crate) fn broken(timed_out: bool) -> Refusal {
    use tollway_policy::channel::{AttemptFailure, client_answer};
    client_answer(if timed_out { AttemptFailure::FirstByteTimeout } else { AttemptFailure::Reset })
}
