//! Everything that is not the relay's: the node API and the control plane, behind the same listener and without the policy.
//!
//! A browser and an SDK use one host. Bodies are taken in whole under the same bound; answers pass as they come. These paths are a
//! person's clicks and an operator's scripts, so a fresh loopback connection per request is good enough and leaves no state.

use crate::connection::{Connection, Next, Stop};
use crate::counters::add;
use crate::exchange::{Exchange, number_line, text_line};
use crate::forwarded;
use crate::socket::{Socket, Wait, Watch, fill_upstream, guarded};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tollway_policy::refusal::{Code, Refusal};
use tollway_wire::chunked::{self, Decoder};
use tollway_wire::head::{Method, RequestHead, forwardable_headers};
use tollway_wire::response::{ResponseFraming, ResponseHead, parse_proxied_response};

/// Loopback answers in this time or not at all.
const CONNECT_MS: u64 = 1_000;
/// The control plane may work on one request so long.
const ANSWER_MS: u64 = 60_000;

pub(crate) async fn to_node(c: &mut Connection, head: &RequestHead, exchange: &Exchange) -> Next {
    let to = c.shard.node.config.node_api;
    forward(c, head, exchange, to, true).await
}

pub(crate) async fn to_control(c: &mut Connection, head: &RequestHead, exchange: &Exchange) -> Next {
    match c.shard.node.config.control {
        Some(to) => forward(c, head, exchange, to, false).await,
        None => c.refuse(exchange, &Refusal::not_found()).await,
    }
}

async fn forward(
    c: &mut Connection,
    head: &RequestHead,
    exchange: &Exchange,
    to: SocketAddr,
    with_token: bool,
) -> Next {
    add(&c.shard.counters.proxied, 1);
    let request = match build(c, head, exchange, with_token).await {
        Ok(request) => request,
        Err(Stop::Gone) => return Next::Close,
        Err(Stop::Refused(refusal)) => return c.refuse(exchange, &refusal).await,
    };
    let mut watch = Watch::default();
    let mut answer = match open(c, to, &request, head, &mut watch).await {
        Ok(answer) => answer,
        Err(Wait::ClientGone) => return Next::Close,
        Err(_) => return unavailable(c, head, exchange).await,
    };
    pass_on(c, &mut answer, exchange, &mut watch).await
}

/// What these paths answer while the inner server is away: RFC 9457, as the control API's own errors are.
async fn unavailable(c: &mut Connection, head: &RequestHead, exchange: &Exchange) -> Next {
    const BODY: &[u8] = br#"{"type":"/problems/unavailable","title":"Unavailable","status":503,"code":"unavailable","detail":"The control plane does not answer at the moment. Calls to models go on. Retry in a few seconds."}"#;
    c.shard.counters.refuse(Code::Overloaded);
    let body = if head.method == Method::Head { b"" } else { BODY };
    let mut out = c.shard.buffers.small();
    out.extend_from_slice(
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 2\r\n",
    );
    text_line(&mut out, "x-request-id", exchange.id_text.as_bytes());
    number_line(&mut out, "content-length", body.len() as u64);
    c.finish(exchange, out, body).await
}

/// The request as the inner server sees it: the caller's own headers, and who the caller is.
async fn build(c: &mut Connection, head: &RequestHead, exchange: &Exchange, with_token: bool) -> Result<Vec<u8>, Stop> {
    let body = c.read_body(head).await?;
    let body = body.of(&c.inbuf);
    let mut out = Vec::with_capacity(1_024 + body.len());
    out.extend_from_slice(head.method_text.of(&c.inbuf));
    out.push(b' ');
    out.extend_from_slice(head.target.of(&c.inbuf));
    out.extend_from_slice(b" HTTP/1.1\r\n");
    forwardable_headers(&c.inbuf[..head.len as usize], &mut out);
    text_line(&mut out, "x-request-id", exchange.id_text.as_bytes());
    forwarded::push_lines(c, head, &mut out);
    if with_token {
        text_line(&mut out, "x-tollway-node-token", c.shard.node.config.node_token.0.as_bytes());
    }
    out.extend_from_slice(b"connection: close\r\n");
    if !body.is_empty() || matches!(head.method, Method::Post | Method::Put | Method::Patch) {
        number_line(&mut out, "content-length", body.len() as u64);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    Ok(out)
}

/// An inner server's answer, read as far as its head.
struct Answer {
    socket: Socket,
    head: ResponseHead,
    lines: Vec<u8>,
    buffer: Vec<u8>,
}

async fn open(
    c: &mut Connection,
    to: SocketAddr,
    request: &[u8],
    head: &RequestHead,
    watch: &mut Watch,
) -> Result<Answer, Wait> {
    let clock = c.shard.node.clock;
    c.timer.timer.set(clock.now_ms() + CONNECT_MS);
    let tcp = guarded(TcpStream::connect(to), &c.client, watch, &c.timer.timer).await??;
    tcp.set_nodelay(true)?;
    let mut socket = Socket::Plain(tcp);
    c.timer.timer.set(clock.now_ms() + ANSWER_MS);
    socket.write_pieces(&[request], &c.timer.timer).await?;
    let (mut buffer, mut lines) = (Vec::new(), Vec::new());
    loop {
        match parse_proxied_response(&buffer, &mut lines) {
            Ok(Some(parsed)) if parsed.status / 100 == 1 => {
                buffer.drain(..parsed.len as usize); // what follows an interim answer may be here already
                continue;
            }
            Ok(Some(parsed)) => {
                let parsed = if head.method == Method::Head { parsed.answering_head() } else { parsed };
                buffer.drain(..parsed.len as usize);
                return Ok(Answer { socket, head: parsed, lines, buffer });
            }
            Ok(None) if buffer.len() < crate::buffers::PAGE => {}
            _ => return Err(Wait::Io),
        }
        if fill_upstream(&mut socket, &c.shard.buffers, &mut buffer, &c.client, watch, &c.timer.timer).await? == 0 {
            return Err(Wait::Io);
        }
    }
}

/// Hands the answer on, in chunks unless its length is known. An answer that breaks off is aborted, never ended.
async fn pass_on(c: &mut Connection, answer: &mut Answer, exchange: &Exchange, watch: &mut Watch) -> Next {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(itoa::Buffer::new().format(answer.head.status).as_bytes());
    head.push(b' ');
    head.extend_from_slice(tollway_wire::error::reason(answer.head.status).as_bytes());
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(&answer.lines);
    text_line(&mut head, "x-request-id", exchange.id_text.as_bytes());
    let framing = answer.head.framing;
    match framing {
        ResponseFraming::Length(n) => number_line(&mut head, "content-length", n),
        // Without a length a client would wait for the connection's end; but to HEAD, and with these, 0 would be a lie.
        ResponseFraming::None if c.answers_head || matches!(answer.head.status, 204 | 304) => {}
        ResponseFraming::None => number_line(&mut head, "content-length", 0),
        _ => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    head.extend_from_slice(if exchange.keep_alive { b"\r\n" } else { b"connection: close\r\n\r\n" });
    let mut body = Inner { framing, decoder: Decoder::new(), left: length_of(framing) };
    loop {
        let Some(ended) = body.take_in(&mut answer.buffer) else { return Next::Close };
        let mut line = [0; 18];
        let chunks = !matches!(framing, ResponseFraming::Length(_) | ResponseFraming::None);
        let written = if chunks && !answer.buffer.is_empty() {
            let size = chunked::size_line(answer.buffer.len(), &mut line);
            c.write(&[&head, size, &answer.buffer, b"\r\n", if ended { b"0\r\n\r\n" } else { b"" }]).await
        } else {
            c.write(&[&head, &answer.buffer, if chunks && ended { b"0\r\n\r\n" } else { b"" }]).await
        };
        if written.is_err() {
            return Next::Close;
        }
        head.clear();
        answer.buffer.clear();
        if ended {
            return c.after_answer(exchange.keep_alive).await;
        }
        c.timer.timer.set(c.shard.coarse_ms() + ANSWER_MS);
        let read =
            fill_upstream(&mut answer.socket, &c.shard.buffers, &mut answer.buffer, &c.client, watch, &c.timer.timer)
                .await;
        match read {
            Ok(0) if framing == ResponseFraming::UntilClose => body.left = 0,
            Ok(n) if n > 0 => {}
            _ => return Next::Close,
        }
    }
}

fn length_of(framing: ResponseFraming) -> u64 {
    match framing {
        ResponseFraming::Length(n) => n,
        ResponseFraming::None => 0,
        _ => u64::MAX,
    }
}

struct Inner {
    framing: ResponseFraming,
    decoder: Decoder,
    left: u64,
}

impl Inner {
    /// Removes the framing; true when the body has ended, None when it cannot be read.
    fn take_in(&mut self, buffer: &mut Vec<u8>) -> Option<bool> {
        match self.framing {
            ResponseFraming::Chunked => {
                let progress = self.decoder.decode(buffer).ok()?;
                buffer.truncate(progress.payload);
                Some(progress.done)
            }
            ResponseFraming::UntilClose => Some(self.left == 0),
            _ => {
                let ours = (buffer.len() as u64).min(self.left);
                buffer.truncate(ours as usize);
                self.left -= ours;
                Some(self.left == 0)
            }
        }
    }
}
