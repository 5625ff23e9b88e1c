//! An upstream's answer while its body is still coming: framing removed as it is read, the connection given back at its end.

use crate::buffers::PAGE;
use crate::shard::Shard;
use crate::socket::{Socket, Wait, fill_upstream};
use crate::upstream::Side;
use std::sync::Arc;
use tollway_policy::health::ChannelLive;
use tollway_policy::snapshot::Upstream;
use tollway_wire::chunked::Decoder;
use tollway_wire::response::ResponseFraming;

/// An answer whose body is still coming.
pub(crate) struct Open {
    pub(crate) socket: Socket,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) framing: ResponseFraming,
    pub(crate) decoder: Decoder,
    /// Bytes of the body still to come, where its length is known.
    pub(crate) left: u64,
    /// The connection may be used again if the body ends where it should.
    pub(crate) reusable: bool,
    /// Body bytes that were read, framing removed.
    pub(crate) payload: Vec<u8>,
    /// The body has ended.
    pub(crate) ended: bool,
    pub(crate) facts: AnswerFacts,
}

/// What every answer carries along.
pub(crate) struct AnswerFacts {
    pub(crate) status: u16,
    /// Header lines of the upstream that may be passed on.
    pub(crate) pass: Vec<u8>,
    pub(crate) sent_ns: u64,
    pub(crate) first_byte_ns: u64,
    pub(crate) attempts: u8,
    pub(crate) channel: Option<Arc<ChannelLive>>,
}

impl Open {
    /// Removes the framing from what lies in `payload` behind `from`. An illegal byte is an error.
    pub(crate) fn take_in(&mut self, from: usize) -> Result<(), ()> {
        let fresh = self.payload.len() - from;
        match self.framing {
            ResponseFraming::Chunked => {
                let progress = self.decoder.decode(&mut self.payload[from..]).map_err(|_| ())?;
                if progress.done {
                    self.ended = true;
                    self.reusable &= progress.consumed == fresh;
                }
                self.payload.truncate(from + progress.payload);
            }
            ResponseFraming::Length(_) | ResponseFraming::None => {
                let ours = (fresh as u64).min(self.left);
                self.left -= ours;
                self.reusable &= ours == fresh as u64;
                self.payload.truncate(from + ours as usize);
                self.ended = self.left == 0;
            }
            ResponseFraming::UntilClose => self.reusable = false,
        }
        Ok(())
    }

    /// Reads once more. `Ok(0)`: nothing was added, look at `ended`; the peer closing ends a body only where that is its framing.
    pub(crate) async fn read(&mut self, shard: &Shard, side: &mut Side<'_>) -> Result<usize, ReadFailure> {
        let from = self.payload.len();
        if from > 0 && from == self.payload.capacity() {
            self.payload.reserve(PAGE);
        }
        let read =
            fill_upstream(&mut self.socket, &shard.buffers, &mut self.payload, side.client, side.watch, side.timer)
                .await;
        match read {
            Ok(0) if self.framing == ResponseFraming::UntilClose => {
                self.ended = true;
                Ok(0)
            }
            Ok(0) => Err(ReadFailure::Broken),
            Ok(_) => {
                self.take_in(from).map_err(|()| ReadFailure::Broken)?;
                Ok(self.payload.len() - from)
            }
            Err(Wait::ClientGone) => Err(ReadFailure::Gone),
            Err(Wait::TimedOut) => Err(ReadFailure::TimedOut),
            Err(Wait::Io) => Err(ReadFailure::Broken),
        }
    }

    /// Reads to the end of a body that nobody wants any more. False: it said more than an ending.
    pub(crate) async fn drain(&mut self, shard: &Shard) -> bool {
        while !self.ended {
            let read = std::future::poll_fn(|cx| self.socket.poll_fill(cx, &shard.buffers, &mut self.payload)).await;
            let over = matches!(read, Ok(0) | Err(_)) || self.take_in(0).is_err() || self.payload.len() > PAGE / 2;
            self.payload.clear();
            if over {
                return false;
            }
        }
        true
    }

    /// The body is over: the connection goes back to the pool if it may.
    pub(crate) fn release(self, shard: &Shard) -> (Arc<Upstream>, Vec<u8>, AnswerFacts) {
        if self.ended && self.reusable {
            shard.pool.put(&self.upstream, self.socket, shard.coarse_ms());
        }
        (self.upstream, self.payload, self.facts)
    }
}

/// Why a body stopped coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFailure {
    Gone,
    TimedOut,
    /// Cut, reset, or not HTTP any more.
    Broken,
}
