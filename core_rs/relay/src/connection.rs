//! One client connection: heads in, answers out, one request after the other.
//!
//! The task owns its client socket and, while a request runs, the upstream's. Nothing is spawned and nothing is queued:
//! a slow reader slows its own upstream, and a panic ends its own connection.

use crate::counters::add;
use crate::exchange::Exchange;
use crate::shard::Shard;
use crate::socket::{Wait, fill_client, fill_next, write_pieces};
use crate::timers::Registered;
use std::net::IpAddr;
use std::rc::Rc;
use tokio::net::TcpStream;
use tollway_policy::refusal::{Code, Refusal};
use tollway_wire::head::{RequestHead, parse_request};

mod body;

pub(crate) use body::{Body, Unread};

/// Bytes that a closing connection still takes in, so that its last answer is not lost in a reset.
const LINGER_BYTES_MAX: usize = 1 << 20;
/// And for how long.
const LINGER_MS: u64 = 1_000;

pub(crate) struct Connection {
    pub(crate) shard: Rc<Shard>,
    pub(crate) client: TcpStream,
    /// The peer's.
    pub(crate) address: IpAddr,
    /// The peer is one of `trusted_proxies`: what it says of the caller is believed.
    pub(crate) is_trusted_proxy: bool,
    pub(crate) timer: Registered,
    /// What was read and not yet used: a head, its body when that fits, pipelined requests.
    pub(crate) inbuf: Vec<u8>,
    /// Bytes of `inbuf` that belong to the current request.
    pub(crate) consumed: usize,
    pub(crate) unread: Unread,
    /// The last body did not fit into a page. Clients that send such bodies send more of them.
    pub(crate) sends_big: bool,
    /// Something of the current answer has been written: no other answer can follow.
    pub(crate) began: bool,
    /// The request is a HEAD: its answer has no body, whatever its head says.
    pub(crate) answers_head: bool,
}

/// What happens to the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Keep,
    Close,
}

/// Why a phase did not come to its end.
pub(crate) enum Stop {
    /// To be told to the client.
    Refused(Refusal),
    /// Nobody is there to be told.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl Connection {
    /// Reads the next request's head.
    pub(crate) async fn read_head(&mut self, forward: &mut Vec<u8>) -> Result<RequestHead, Stop> {
        let shard = self.shard.clone();
        let settings = &shard.node.config.settings;
        self.began = false;
        self.answers_head = false;
        self.unread = Unread::None;
        let now_ms = self.shard.coarse_ms();
        let mut waiting = self.inbuf.is_empty();
        self.timer.timer.set(now_ms + if waiting { settings.keepalive_ms } else { settings.client_head_ms });
        self.timer.timer.set_idle(waiting);
        if waiting && self.shard.node.is_idle_over() {
            return Err(Stop::Gone);
        }
        loop {
            if !self.inbuf.is_empty() {
                match parse_request(&self.inbuf, forward) {
                    Ok(Some(head)) => {
                        self.timer.timer.set_idle(false);
                        self.unread = Unread::of(&head);
                        self.consumed = head.len as usize;
                        return Ok(head);
                    }
                    Ok(None) if self.inbuf.len() >= settings.head_bytes_max => {
                        return Err(Refusal::head_too_large(settings.head_bytes_max as u64).into());
                    }
                    Ok(None) => {}
                    Err(error) => return Err(error.refusal().into()),
                }
                if waiting {
                    waiting = false;
                    self.timer.timer.set_idle(false);
                    self.timer.timer.set(self.shard.coarse_ms() + settings.client_head_ms);
                }
            }
            let (buffers, timer) = (&self.shard.buffers, &self.timer.timer);
            match fill_next(&mut self.client, buffers, &mut self.inbuf, self.sends_big, timer).await {
                Ok(n) if n > 0 => {}
                Err(Wait::TimedOut) if !self.inbuf.is_empty() => return Err(Refusal::request_timeout().into()),
                _ => return Err(Stop::Gone),
            }
        }
    }

    /// Ends a head with the connection's fate, writes head and body, and deals with a body that nobody has read.
    pub(crate) async fn finish(&mut self, exchange: &Exchange, mut head: Vec<u8>, body: &[u8]) -> Next {
        let keep = exchange.keep_alive && self.unread.can_be_skipped();
        if !keep {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let written = self.write(&[&head, if self.answers_head { b"" } else { body }]).await;
        self.shard.buffers.give_small(head);
        if written.is_err() { Next::Close } else { self.after_answer(keep).await }
    }

    /// Tells the client why not.
    pub(crate) async fn refuse(&mut self, exchange: &Exchange, refusal: &Refusal) -> Next {
        self.shard.counters.refuse(refusal.code);
        let keep = exchange.keep_alive && refusal.code != Code::BadFraming && self.unread.can_be_skipped();
        let mut out = self.shard.buffers.small();
        tollway_wire::error::response(&mut out, refusal, exchange.id_text.as_bytes(), keep, &exchange.extra);
        if self.answers_head {
            let head_ends = memchr::memmem::find(&out, b"\r\n\r\n").map_or(out.len(), |at| at + 4);
            out.truncate(head_ends);
        }
        let written = self.write(&[&out]).await;
        self.shard.buffers.give_small(out);
        if written.is_err() { Next::Close } else { self.after_answer(keep).await }
    }

    /// Writes to the client under the stall time.
    pub(crate) async fn write(&mut self, pieces: &[&[u8]]) -> Result<(), Wait> {
        self.began = true;
        let now_ms = self.shard.coarse_ms();
        self.timer.timer.set(now_ms + self.shard.node.config.settings.write_stall_ms);
        add(&self.shard.counters.bytes_out, pieces.iter().map(|p| p.len() as u64).sum());
        write_pieces(&mut self.client, pieces, &self.timer.timer).await
    }

    /// After the last byte of an answer: on to the next request, or a close that does not lose the answer.
    pub(crate) async fn after_answer(&mut self, keep: bool) -> Next {
        if keep && self.skip_unread().await.is_ok() {
            return Next::Keep;
        }
        self.linger().await;
        Next::Close
    }

    /// Closing with unread input makes the kernel send a reset, and the client may then lose the answer: say FIN, read on for a moment.
    pub(crate) async fn linger(&mut self) {
        let _ = socket2::SockRef::from(&self.client).shutdown(std::net::Shutdown::Write);
        self.timer.timer.set(self.shard.coarse_ms() + LINGER_MS);
        let mut taken = 0;
        self.inbuf.clear();
        while taken < LINGER_BYTES_MAX {
            match fill_client(&mut self.client, &self.shard.buffers, &mut self.inbuf, &self.timer.timer).await {
                Ok(n) if n > 0 => taken += n,
                _ => return,
            }
            self.inbuf.clear();
        }
    }
}
