//! One attempt at one channel: send, wait, read as much of the answer as decides whether it is one.
//!
//! An attempt that fails leaves nothing behind: no byte has gone to the client, so another channel may be tried. What is a success is
//! decided here and only here: a whole JSON answer, the first event of a stream, or the head of an answer too large to hold.

use crate::buffers::PAGE;
use crate::open::{AnswerFacts, Open, ReadFailure};
use crate::shard::Shard;
use crate::socket::{Socket, Wait, fill_upstream};
use crate::upstream::{self, Side, or_default};
use std::sync::Arc;
use tollway_policy::admission::Endpoint;
use tollway_policy::channel::AttemptFailure;
use tollway_policy::health::ChannelLive;
use tollway_policy::snapshot::Upstream;
use tollway_wire::chunked::Decoder;
use tollway_wire::request::Plan;
use tollway_wire::response::{ContentKind, ResponseFraming, ResponseHead, parse_response};
use tollway_wire::{error, sse, usage};

/// What is sent, and where.
pub(crate) struct Job<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) upstream: &'a Arc<Upstream>,
    pub(crate) suffix: &'static str,
    pub(crate) endpoint: Endpoint,
    pub(crate) stream: bool,
    pub(crate) forward: &'a [u8],
    pub(crate) request_id: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) plan: &'a Plan,
    pub(crate) scratch: &'a [u8],
}

impl Job<'_> {
    /// How long the upstream may be silent between two reads.
    fn idle_ms(&self) -> u64 {
        or_default(self.upstream.timeouts.idle_ms, self.shard.node.config.settings.idle_ms)
    }
}

/// A whole answer.
pub(crate) struct Whole {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) payload: Vec<u8>,
    pub(crate) answer: usage::Answer,
    pub(crate) facts: AnswerFacts,
}

/// A success.
pub(crate) enum Ready {
    Whole(Whole),
    Large(Open),
    Stream(Open),
}

impl Ready {
    fn facts_mut(&mut self) -> &mut AnswerFacts {
        match self {
            Ready::Whole(whole) => &mut whole.facts,
            Ready::Large(open) | Ready::Stream(open) => &mut open.facts,
        }
    }

    pub(crate) fn attempts(&mut self, attempts: u8, channel: Arc<ChannelLive>) {
        let facts = self.facts_mut();
        facts.attempts = attempts;
        facts.channel = Some(channel);
    }

    pub(crate) fn first_byte_ns(&self) -> u64 {
        match self {
            Ready::Whole(whole) => whole.facts.first_byte_ns,
            Ready::Large(open) | Ready::Stream(open) => open.facts.first_byte_ns,
        }
    }
}

/// The upstream's own verdict on the request.
pub(crate) struct Judged {
    pub(crate) status: u16,
    /// Its error, when that has OpenAI's shape.
    pub(crate) body: Option<Vec<u8>>,
}

/// A failure.
pub(crate) enum Failed {
    /// The client hung up.
    Gone,
    Judged(Judged),
    Attempt {
        failure: AttemptFailure,
        retry_after_s: Option<u32>,
    },
}

impl From<AttemptFailure> for Failed {
    fn from(failure: AttemptFailure) -> Failed {
        Failed::Attempt { failure, retry_after_s: None }
    }
}

/// Sends the request and reads the answer as far as described above.
pub(crate) async fn run(job: Job<'_>, mut side: Side<'_>) -> Result<Ready, Failed> {
    let mut head = job.shard.buffers.small();
    write_head(&job, &mut head);
    let begun = exchange(&job, &mut side, &head).await;
    job.shard.buffers.give_small(head);
    let (socket, buffer, sent_ns) = begun?;
    let first_byte_ns = job.shard.now_ns();
    let facts =
        AnswerFacts { status: 0, pass: job.shard.buffers.small(), sent_ns, first_byte_ns, attempts: 0, channel: None };
    let (open, head) = read_head(&job, &mut side, socket, buffer, facts).await?;
    classify(&job, &mut side, open, &head).await
}

/// The request's head, rebuilt from parsed parts: nothing of the client's framing or credentials reaches an upstream.
fn write_head(job: &Job<'_>, out: &mut Vec<u8>) {
    let upstream = job.upstream;
    for part in ["POST ", &*upstream.base_path, job.suffix, " HTTP/1.1\r\nhost: ", &*upstream.authority, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    if let Some(credential) = upstream.credential(job.shard.random()) {
        for part in ["authorization: Bearer ", &*credential.secret, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    for (name, value) in &upstream.headers {
        for part in [&**name, ": ", &**value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(job.forward);
    // Our id goes under the name that OpenAI documents for a caller's own. `x-request-id` is the upstream's to give: llama-cpp-python's server
    // answers 400 to one that is not a UUID.
    for part in ["x-client-request-id: ", job.request_id, "\r\ncontent-length: "] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(itoa::Buffer::new().format(job.plan.total_bytes).as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

/// Writes the request and waits for the answer's first bytes. A pooled connection that turns out to be closed is replaced by a fresh one, once: the
/// upstream closed it while it was idle, so it has not seen the request (RFC 9112 9.3.1).
async fn exchange(job: &Job<'_>, side: &mut Side<'_>, head: &[u8]) -> Result<(Socket, Vec<u8>, u64), Failed> {
    let settings = &job.shard.node.config.settings;
    let mut pooled = upstream::pooled(job.shard, job.upstream).await;
    loop {
        let fresh = pooled.is_none();
        let mut socket = match pooled.take() {
            Some(socket) => socket,
            None => upstream::connect(job.shard, job.upstream, side)
                .await
                .map_err(|wait| failed(wait, AttemptFailure::Connect))?,
        };
        let mut pieces: [&[u8]; 9] = [b""; 9];
        pieces[0] = head;
        let mut count = 1;
        for part in job.plan.parts(job.body, job.scratch) {
            pieces[count] = part;
            count += 1;
        }
        side.phase(job.shard.coarse_ms(), or_default(job.upstream.timeouts.first_byte_ms, settings.first_byte_ms));
        let mut buffer = Vec::new();
        let sent = socket.write_pieces(&pieces[..count], side.timer).await;
        let sent_ns = job.shard.now_ns();
        let read = match sent {
            Ok(()) => {
                fill_upstream(&mut socket, &job.shard.buffers, &mut buffer, side.client, side.watch, side.timer).await
            }
            Err(wait) => Err(wait),
        };
        match read {
            Ok(n) if n > 0 => return Ok((socket, buffer, sent_ns)),
            Ok(_) | Err(Wait::Io) if !fresh => {}
            Ok(_) => return Err(AttemptFailure::Reset.into()),
            Err(wait) => return Err(failed(wait, AttemptFailure::Reset)),
        }
    }
}

/// What a wait that ended badly means for the attempt.
fn failed(wait: Wait, broken: AttemptFailure) -> Failed {
    match wait {
        Wait::ClientGone => Failed::Gone,
        Wait::TimedOut if broken == AttemptFailure::Connect => broken.into(),
        Wait::TimedOut => AttemptFailure::FirstByteTimeout.into(),
        Wait::Io => broken.into(),
    }
}

async fn read_head(
    job: &Job<'_>,
    side: &mut Side<'_>,
    mut socket: Socket,
    mut buffer: Vec<u8>,
    mut facts: AnswerFacts,
) -> Result<(Open, ResponseHead), Failed> {
    let head = loop {
        match parse_response(&buffer, &mut facts.pass) {
            Ok(Some(head)) if head.status / 100 == 1 => {
                buffer.drain(..head.len as usize); // an interim answer; 101 was not asked for and is as good as garbage
                if head.status == 101 {
                    return Err(AttemptFailure::BadAnswer.into());
                }
                if !buffer.is_empty() {
                    continue;
                }
            }
            Ok(Some(head)) => break head,
            Ok(None) if buffer.len() < PAGE => {}
            _ => return Err(AttemptFailure::BadAnswer.into()),
        }
        match fill_upstream(&mut socket, &job.shard.buffers, &mut buffer, side.client, side.watch, side.timer).await {
            Ok(n) if n > 0 => {}
            Ok(_) => return Err(AttemptFailure::Reset.into()),
            Err(wait) => return Err(failed(wait, AttemptFailure::Reset)),
        }
    };
    facts.status = head.status;
    buffer.drain(..head.len as usize);
    let left = match head.framing {
        ResponseFraming::Length(n) => n,
        ResponseFraming::None => 0,
        _ => u64::MAX,
    };
    let mut open = Open {
        socket,
        upstream: job.upstream.clone(),
        framing: head.framing,
        decoder: Decoder::new(),
        left,
        reusable: head.keep_alive,
        payload: buffer,
        ended: false,
        facts,
    };
    open.take_in(0).map_err(|()| Failed::from(AttemptFailure::BadAnswer))?;
    Ok((open, head))
}

impl From<ReadFailure> for Failed {
    fn from(failure: ReadFailure) -> Failed {
        match failure {
            ReadFailure::Gone => Failed::Gone,
            ReadFailure::TimedOut => AttemptFailure::FirstByteTimeout.into(),
            ReadFailure::Broken => AttemptFailure::Reset.into(),
        }
    }
}

async fn classify(job: &Job<'_>, side: &mut Side<'_>, open: Open, head: &ResponseHead) -> Result<Ready, Failed> {
    let bad = || Err(AttemptFailure::BadAnswer.into());
    if !(200..=299).contains(&head.status) {
        let failure = AttemptFailure::Status(head.status);
        if failure.is_about_the_request() {
            return Err(judge(job, side, open).await);
        }
        return Err(Failed::Attempt { failure, retry_after_s: head.retry_after_s });
    }
    if head.content_encoded {
        return bad(); // none was asked for
    }
    match head.content {
        ContentKind::EventStream if job.stream => first_event(job, side, open).await,
        ContentKind::EventStream => bad(),
        _ if job.stream && job.endpoint != Endpoint::Audio => bad(),
        ContentKind::Json | ContentKind::Missing => hold_whole(job, side, open, job.endpoint != Endpoint::Audio).await,
        ContentKind::Other if job.endpoint == Endpoint::Audio => hold_whole(job, side, open, false).await,
        ContentKind::Other => bad(),
    }
}

/// The upstream says that the request is wrong. Its words are kept where they have the shape that clients parse.
async fn judge(job: &Job<'_>, side: &mut Side<'_>, mut open: Open) -> Failed {
    let status = open.facts.status;
    let max = job.shard.node.config.settings.held_answer_bytes_max;
    while !open.ended && open.payload.len() <= max {
        side.phase(job.shard.coarse_ms(), job.idle_ms());
        match open.read(job.shard, side).await {
            Ok(_) => {}
            Err(ReadFailure::Gone) => return Failed::Gone,
            Err(_) => break,
        }
    }
    let ended = open.ended;
    let (_, payload, _) = open.release(job.shard);
    let body = (ended && error::is_openai_error(&payload)).then(|| error::redact(&payload).into_owned());
    job.shard.buffers.give_page(payload);
    Failed::Judged(Judged { status, body })
}

/// Holds an answer until it is whole; a short or broken one is a failed attempt. Too large to hold: it is forwarded as it comes.
async fn hold_whole(job: &Job<'_>, side: &mut Side<'_>, mut open: Open, json_due: bool) -> Result<Ready, Failed> {
    let max = job.shard.node.config.settings.held_answer_bytes_max as u64;
    while !open.ended {
        let coming = if open.left == u64::MAX { 0 } else { open.left };
        if open.payload.len() as u64 + coming > max {
            return Ok(Ready::Large(open));
        }
        side.phase(job.shard.coarse_ms(), job.idle_ms());
        open.read(job.shard, side).await?;
    }
    let answer = usage::answer(&open.payload, job.endpoint);
    if (json_due && !answer.valid_json) || answer.is_error {
        return Err(AttemptFailure::BadAnswer.into());
    }
    let (upstream, payload, facts) = open.release(job.shard);
    Ok(Ready::Whole(Whole { upstream, payload, answer, facts }))
}

/// Waits for the first event: an error there is a failed attempt, and another channel may do better.
async fn first_event(job: &Job<'_>, side: &mut Side<'_>, mut open: Open) -> Result<Ready, Failed> {
    let settings = &job.shard.node.config.settings;
    let heartbeat_ms = job.shard.coarse_ms() + settings.heartbeat_ms;
    side.timer.set(heartbeat_ms.min(side.deadline_ms));
    loop {
        if let Some(end) = sse::event_end(&open.payload, 0) {
            let seen = sse::Observer::new(job.endpoint).observe(&open.payload[..end]);
            if seen == sse::Seen::Error {
                return Err(AttemptFailure::BadAnswer.into());
            }
            return Ok(Ready::Stream(open));
        }
        if open.ended || open.payload.len() > settings.sse_line_bytes_max {
            return Err(AttemptFailure::BadAnswer.into());
        }
        match open.read(job.shard, side).await {
            Ok(_) => {}
            // Silence for a whole heartbeat: the client must hear something, and with that the answer has begun.
            Err(ReadFailure::TimedOut) if job.shard.coarse_ms() < side.deadline_ms => {
                return Ok(Ready::Stream(open));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}
