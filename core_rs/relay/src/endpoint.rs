//! The relay endpoints: the phases of one request, top to bottom, in the order in which refusals are promised.
//!
//! key → its IP list → size, content type → JSON and policy fields → endpoint → model → limits → money → channels. Only then is an
//! upstream dialled. Each phase either hands on or names the refusal; nothing is charged before the last.

use crate::attempt::{self, Failed, Job, Ready};
use crate::connection::{Body, Connection, Next, Stop};
use crate::exchange::Exchange;
use crate::forwarded;
use crate::money;
use crate::parsed::{Parsed, Target, check_media_type, scan};
use crate::posting::{CLIENT_GONE, Posting};
use crate::ratelimit;
use crate::socket::Watch;
use crate::upstream::Side;
use crate::{answer, streaming};
use std::sync::Arc;
use tollway_policy::admission::{Caller, Endpoint, Hold, authenticate};
use tollway_policy::channel::{self, AttemptFailure};
use tollway_policy::refusal::{Code, Refusal};
use tollway_policy::snapshot::{Model, Snapshot};
use tollway_wire::head::RequestHead;

/// Everything that the attempts need, decided once.
struct Admitted {
    target: Target,
    parsed: Parsed,
    body: Body,
    model: Arc<Model>,
    hold: Hold,
}

/// Serves one request to a relay endpoint.
pub(crate) async fn serve(
    c: &mut Connection,
    head: &RequestHead,
    forward: &[u8],
    target: Target,
    exchange: &mut Exchange,
) -> Next {
    let snapshot = c.shard.node.snapshot.load_full();
    if c.shard.node.config.test_hooks && head.test_hook.is_some_and(|hook| hook.of(&c.inbuf) == b"panic") {
        deliberate_panic();
    }
    let admitted = match admit(c, &snapshot, head, target, exchange).await {
        Ok(admitted) => admitted,
        Err(Stop::Gone) => return Next::Close,
        Err(Stop::Refused(refusal)) => return c.refuse(exchange, &refusal).await,
    };
    drop(snapshot);
    relay(c, forward, admitted, exchange).await
}

#[expect(clippy::panic, reason = "the panic that the tests ask for; it exists only with TOLLWAY_TEST_HOOKS=1")]
fn deliberate_panic() {
    panic!("asked for by x-tollway-test");
}

/// Finds out who calls; the key comes before everything that costs more than a hash.
pub(crate) fn authorise<'s>(c: &Connection, snapshot: &'s Snapshot, head: &RequestHead) -> Result<Caller<'s>, Refusal> {
    let Some(key) = head.key else { return Err(Refusal::invalid_api_key()) };
    let digest = c.shard.node.digest(key.of(&c.inbuf));
    let caller = authenticate(snapshot, &digest, (c.shard.wall_ms_at(c.shard.coarse_ms()) / 1_000) as u32)?;
    caller.check_address(|| forwarded::caller_address(c, head))?;
    Ok(caller)
}

async fn admit(
    c: &mut Connection,
    snapshot: &Snapshot,
    head: &RequestHead,
    target: Target,
    exchange: &mut Exchange,
) -> Result<Admitted, Stop> {
    let caller = authorise(c, snapshot, head)?;
    let now_ns = exchange.started_ns;
    let admitted = admit_caller(c, &caller, now_ns, head, target, exchange.deadline_ms).await;
    ratelimit::write_lines(&caller, now_ns, &mut exchange.extra); // as they stand after this request, let in or not
    admitted
}

async fn admit_caller(
    c: &mut Connection,
    caller: &Caller<'_>,
    now_ns: u64,
    head: &RequestHead,
    target: Target,
    deadline_ms: u64,
) -> Result<Admitted, Stop> {
    check_media_type(head, &c.inbuf, target.body)?;
    let body = c.read_body(head).await?;
    let parsed = scan(body.of(&c.inbuf), head, &c.inbuf, target)?;
    caller.may_use(target.endpoint)?;
    let mut scratch = Vec::new();
    let name = parsed.model_name(body.of(&c.inbuf), &mut scratch);
    let model = caller.model(name, target.endpoint)?;
    caller.take_limits_for(model, now_ns)?;
    if channel::pick(model, &[], 0).is_none() {
        caller.refund_limits(model);
        return Err(Refusal::no_healthy_upstream().into());
    }
    let demand = parsed.demand(target.endpoint, body.of(&c.inbuf).len() as u64);
    match money::hold(c, caller, model, &demand, deadline_ms).await {
        Ok(hold) => Ok(Admitted { target, parsed, body, model: model.clone(), hold }),
        Err(stop) => {
            caller.refund_limits(model); // a refused request uses up no limit
            Err(stop)
        }
    }
}

/// Where the attempts ended.
enum Served {
    Ready(Ready),
    Refused(Refusal),
    /// The upstream judged the request itself: its status and error go to the client.
    Judged(attempt::Judged),
    Gone,
}

async fn relay(c: &mut Connection, forward: &[u8], admitted: Admitted, exchange: &mut Exchange) -> Next {
    let Admitted { target, parsed, body, model, hold, .. } = admitted;
    let cap = hold.output_cap;
    let stream = parsed.is_stream();
    let mut posting = match Posting::open(&c.shard, exchange, target.endpoint, stream, model.clone(), hold) {
        Ok(posting) => posting,
        Err(refusal) => return c.refuse(exchange, &refusal).await,
    };
    let text = matches!(target.endpoint, Endpoint::Chat | Endpoint::Completions);
    let add_usage = stream && text && !parsed.wants_usage();
    let mut watch = Watch::default();
    let served = {
        let mut sending = Sending { target, forward, parsed: &parsed, body: &body, model: &model, add_usage, cap };
        attempts(c, &mut sending, &mut posting, &mut watch, exchange).await
    };
    let facts = answer::Facts {
        endpoint: target.endpoint,
        input_text_bytes: parsed.input_text_bytes(),
        images: parsed.images(),
        characters: parsed.characters(),
        milliseconds_estimate: parsed.milliseconds_estimate(target.endpoint),
        withhold_usage: add_usage,
    };
    // The request is out: its bytes are not needed while the answer runs.
    if let Body::Own(bytes) = body {
        c.shard.buffers.give_big(bytes);
    }
    release_input(c);
    match served {
        Served::Ready(Ready::Whole(whole)) => answer::whole(c, whole, &mut posting, &facts, exchange).await,
        Served::Ready(Ready::Large(open)) => {
            Box::pin(answer::large(c, open, &mut posting, &facts, exchange, &mut watch)).await
        }
        Served::Ready(Ready::Stream(open)) => streaming::run(c, open, &mut posting, &facts, exchange, &mut watch).await,
        Served::Judged(judged) => {
            posting.status = judged.status;
            posting.code = Code::InvalidRequest.as_str();
            drop(posting);
            answer::judged(c, judged, exchange).await
        }
        Served::Refused(refusal) => {
            posting.refused(&refusal);
            drop(posting);
            c.refuse(exchange, &refusal).await
        }
        Served::Gone => {
            crate::counters::add(&c.shard.counters.clients_gone, 1);
            posting.status = CLIENT_GONE;
            posting.code = "client_gone";
            drop(posting);
            Next::Close
        }
    }
}

/// Gives the input buffer back when nothing is pipelined behind the request.
fn release_input(c: &mut Connection) {
    if c.consumed >= c.inbuf.len() {
        c.shard.buffers.give_page(std::mem::take(&mut c.inbuf));
        c.consumed = 0;
    }
}

struct Sending<'a> {
    target: Target,
    forward: &'a [u8],
    parsed: &'a Parsed,
    body: &'a Body,
    model: &'a Arc<Model>,
    add_usage: bool,
    cap: Option<u64>,
}

/// Tries channels until one answers, the failure is the client's own, or the budget says stop. A channel is tried once.
async fn attempts(
    c: &mut Connection,
    sending: &mut Sending<'_>,
    posting: &mut Posting,
    watch: &mut Watch,
    exchange: &Exchange,
) -> Served {
    let shard = c.shard.clone();
    let mut tried = [u16::MAX; channel::RETRIES_MAX as usize + 1];
    let mut made = 0;
    let mut last: Option<(AttemptFailure, Option<u32>)> = None;
    while made < tried.len() {
        let Some((index, channel)) = channel::pick(sending.model, &tried[..made], shard.random()) else { break };
        tried[made] = index;
        made += 1;
        posting.attempt(&channel.upstream);
        let mut scratch = Vec::new();
        let body = sending.body.of(&c.inbuf);
        let plan = sending.parsed.plan(body, &channel.upstream_model, sending.add_usage, sending.cap, &mut scratch);
        let job = Job {
            shard: &shard,
            upstream: &channel.upstream,
            suffix: sending.target.suffix,
            endpoint: sending.target.endpoint,
            stream: sending.parsed.is_stream(),
            forward: sending.forward,
            request_id: &exchange.id_text,
            body,
            plan: &plan,
            scratch: &scratch,
        };
        channel.upstream.live.retries.request(shard.coarse_ms() * 1_000_000);
        let side = Side { client: &c.client, watch, timer: &c.timer.timer, deadline_ms: exchange.deadline_ms };
        match attempt::run(job, side).await {
            Ok(mut ready) => {
                ready.attempts(posting.attempts, channel.live.clone());
                posting.first_byte_ns = ready.first_byte_ns();
                return Served::Ready(ready);
            }
            Err(Failed::Gone) => return Served::Gone,
            Err(Failed::Judged(judged)) => return Served::Judged(judged),
            Err(Failed::Attempt { failure, retry_after_s }) => {
                let now_ns = shard.now_ns();
                if failure != AttemptFailure::Status(429) {
                    channel.live.record((now_ns / 1_000_000_000) as u32, false, None);
                }
                last = Some((failure, retry_after_s));
                if !channel::may_retry(failure, made as u32, &channel.upstream.live.retries, now_ns) {
                    break;
                }
                crate::counters::add(&shard.counters.retries, 1);
            }
        }
    }
    let Some((failure, retry_after_s)) = last else { return Served::Refused(Refusal::no_healthy_upstream()) };
    if failure != AttemptFailure::Status(429) {
        sending.model.live.record((shard.coarse_ms() / 1_000) as u32, false, None);
    }
    let mut refusal = channel::client_answer(failure);
    if refusal.code == Code::UpstreamRateLimited && retry_after_s.is_some() {
        refusal.retry_after_s = retry_after_s;
    }
    Served::Refused(refusal)
}
