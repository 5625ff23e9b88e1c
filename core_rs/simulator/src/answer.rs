//! What goes over the wire for one request, ready to be sent: bytes, the moments at which they are due, and how it ends.

use crate::payload::{Mark, Payload, Tokens};

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it ends in the wire bytes.
    pub(crate) end: usize,
    /// How many bytes of body, without framing, have been sent with it.
    pub(crate) body_end: usize,
    pub(crate) at_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Whole; the connection may bear the next request.
    Keep,
    /// Whole; closed because the framing or the head says so.
    Close,
    /// Closed too early.
    Cut,
    Reset,
    Stall,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) wire: Vec<u8>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) ending: Ending,
    /// Whether other tasks get a turn between pieces, so that a peer on this thread sees each of them.
    pub(crate) yields: bool,
    pub(crate) marks: Vec<Mark>,
    pub(crate) tokens: Tokens,
    pub(crate) reported: Option<(String, usize)>,
}

impl Answer {
    pub(crate) fn content_bytes(&self, body_sent: usize) -> usize {
        Payload::content_bytes(&self.marks, body_sent)
    }

    /// The usage a client has been told by then.
    pub(crate) fn reported(&self, body_sent: usize) -> Option<&str> {
        self.reported.as_ref().filter(|(_, end)| body_sent >= *end).map(|(usage, _)| usage.as_str())
    }
}
