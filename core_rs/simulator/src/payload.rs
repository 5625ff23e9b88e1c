//! An answer's body before it is framed: its bytes, when each part is due, and which parts carry what a caller pays for.

/// Tokens as they truly are, whatever the answer claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Tokens {
    pub(crate) prompt: u64,
    pub(crate) completion: u64,
    pub(crate) cached: u64,
    pub(crate) reasoning: u64,
}

/// One write of the body, and one chunk when it is chunked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) end: usize,
    /// From the moment the request was whole.
    pub(crate) at_us: u64,
}

/// Bytes of the body that bear text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) content_bytes: usize,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) content_type: &'static str,
    pub(crate) is_stream: bool,
    /// Where what ends the body begins: `[DONE]` of a stream, the last byte of all else.
    pub(crate) closing: usize,
    pub(crate) tokens: Tokens,
    /// The usage that is claimed, as JSON, and where in the body it has been said.
    pub(crate) reported: Option<(String, usize)>,
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

impl Payload {
    /// A body that goes out at once.
    pub(crate) fn whole(content_type: &'static str, bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self {
            segments: vec![Segment { end, at_us: 0 }],
            closing: end.saturating_sub(1),
            bytes,
            content_type,
            ..Self::default()
        }
    }

    pub(crate) fn stream() -> Self {
        Self { content_type: EVENTS, is_stream: true, ..Self::default() }
    }

    /// Adds an event; `content_bytes` of text count as delivered once all of it is sent.
    pub(crate) fn push(&mut self, event: &str, at_us: u64, content_bytes: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(event.as_bytes());
        let end = self.bytes.len();
        self.segments.push(Segment { end, at_us });
        if content_bytes > 0 {
            self.marks.push(Mark { start, end, content_bytes });
        }
        self.closing = end;
    }

    /// Marks where a text stands in a plain body.
    pub(crate) fn mark(&mut self, text: &str) {
        let needle = text.as_bytes();
        let at = memchr::memmem::find(&self.bytes, needle);
        let (start, end) = at.map_or((0, self.bytes.len()), |at| (at, at + needle.len()));
        if !needle.is_empty() {
            self.marks.push(Mark { start, end, content_bytes: needle.len() });
        }
    }

    /// How many bytes of text a client has whole after `sent` bytes of body. A text that stands in the body as it is counts byte by
    /// byte; one inside an event, or escaped, counts when the whole of it is there.
    pub(crate) fn content_bytes(marks: &[Mark], sent: usize) -> usize {
        marks
            .iter()
            .map(|mark| match sent {
                _ if sent >= mark.end => mark.content_bytes,
                _ if mark.end - mark.start == mark.content_bytes => sent.saturating_sub(mark.start),
                _ => 0,
            })
            .sum()
    }

    /// Cuts every segment into pieces of at most `size` bytes.
    pub(crate) fn split(&mut self, size: usize) {
        let mut start = 0;
        let mut pieces = Vec::with_capacity(self.bytes.len() / size + self.segments.len());
        for segment in &self.segments {
            while segment.end - start > size {
                start += size;
                pieces.push(Segment { end: start, at_us: segment.at_us });
            }
            pieces.push(*segment);
            start = segment.end;
        }
        self.segments = pieces;
    }

    /// Forgets all after the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        let length = self.bytes.len();
        let keep = self.segments.iter().take_while(|segment| segment.end <= length).count();
        if let Some(broken) = self.segments.get_mut(keep) {
            broken.end = length;
        }
        let start = keep.checked_sub(1).map_or(0, |last| self.segments[last].end);
        self.segments.truncate(if start < length { keep + 1 } else { keep });
    }
}
