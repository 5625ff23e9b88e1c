//! Bytes to meaning and back: heads, chunks, JSON scan and splice, multipart, SSE, usage, error bodies. No sockets, no clock.
//!
//! The rule of the whole crate: refuse rather than interpret. Where two readers of the same bytes could disagree (two lengths, two
//! `model` keys, a bare LF), the message is refused, because a disagreement lets a caller be authorised for one thing and served another.
//! What is forwarded is the caller's own bytes; what is changed is spliced in place, never serialised anew.

pub mod chunked;
pub mod error;
pub mod head;
pub mod json;
pub mod models;
pub mod multipart;
pub mod path;
pub mod request;
pub mod response;
pub mod sse;
pub mod usage;

mod fields;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod refuse;

/// A range of a buffer that its holder keeps. Four bytes a side: no buffer here comes near 4 GiB (bodies end at 20 MiB).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Positions of this crate's own making; saturates instead of wrapping, so a misuse yields an empty answer and never other bytes.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: to_u32(start), end: to_u32(end) }
    }

    /// The bytes it names; empty when `bytes` is not the buffer it was made for.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

pub(crate) fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
