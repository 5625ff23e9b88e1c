//! One request's own facts, from its head to its last byte.

use crate::shard::Shard;
use tollway_policy::ids::Id;

/// A client's own request id is kept and sent back up to this length.
const CLIENT_ID_BYTES_MAX: usize = 64;

/// Room for the lines of a rate limit and a client's id, so that the list does not grow step by step.
const EXTRA_BYTES: usize = 256;

/// A short text that lives without an allocation.
#[derive(Clone, Copy)]
pub(crate) struct ShortText {
    bytes: [u8; CLIENT_ID_BYTES_MAX],
    length: u8,
}

impl ShortText {
    /// Keeps what is visible ASCII and short enough; anything else is as if it had not been sent.
    pub(crate) fn keep(text: Option<&[u8]>) -> ShortText {
        let text = text.unwrap_or_default();
        let mut bytes = [0; CLIENT_ID_BYTES_MAX];
        if text.len() > CLIENT_ID_BYTES_MAX || !text.iter().all(u8::is_ascii_graphic) {
            return ShortText { bytes, length: 0 };
        }
        bytes[..text.len()].copy_from_slice(text);
        ShortText { bytes, length: text.len() as u8 }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }

    /// Visible ASCII, hence text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

pub(crate) struct Exchange {
    pub(crate) id: Id,
    /// `req_` and the id's text: the value of `x-request-id`.
    pub(crate) id_text: String,
    pub(crate) client_id: ShortText,
    pub(crate) started_ns: u64,
    pub(crate) started_ms: u64,
    /// Monotonic ms at which the whole request is over.
    pub(crate) deadline_ms: u64,
    /// The connection may serve another request after this one.
    pub(crate) keep_alive: bool,
    /// Header lines that every answer of this exchange carries beside `x-request-id`.
    pub(crate) extra: Vec<u8>,
}

impl Exchange {
    pub(crate) fn new(shard: &Shard, client_id: Option<&[u8]>, keep_alive: bool) -> Exchange {
        let started_ns = shard.now_ns();
        let started_ms = shard.wall_ms_at(started_ns / 1_000_000);
        let id = shard.new_id(started_ms);
        let client_id = ShortText::keep(client_id);
        let mut extra = Vec::with_capacity(EXTRA_BYTES);
        if !client_id.as_bytes().is_empty() {
            extra.extend_from_slice(b"x-client-request-id: ");
            extra.extend_from_slice(client_id.as_bytes());
            extra.extend_from_slice(b"\r\n");
        }
        Exchange {
            id,
            id_text: id.text("req_"),
            client_id,
            started_ns,
            started_ms,
            deadline_ms: started_ns / 1_000_000 + shard.node.config.settings.total_ms,
            keep_alive,
            extra,
        }
    }
}

/// Appends a header line with a number.
pub(crate) fn number_line(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a header line with a text that is known to be fit for one (ours, or checked by the snapshot).
pub(crate) fn text_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    // A model's name may hold any character; in a header only visible ASCII is passed on.
    out.extend(value.iter().map(|b| if b.is_ascii_graphic() || *b == b' ' { *b } else { b'?' }));
    out.extend_from_slice(b"\r\n");
}

/// Nano-USD as the shortest exact decimal USD, as in `x-tollway-cost: 0.0000123`.
pub(crate) fn write_usd(out: &mut Vec<u8>, nano: i64) {
    const NANO: u64 = 1_000_000_000;
    let nano = nano.max(0) as u64;
    out.extend_from_slice(itoa::Buffer::new().format(nano / NANO).as_bytes());
    let mut rest = nano % NANO;
    if rest == 0 {
        return;
    }
    out.push(b'.');
    let mut unit = NANO / 10;
    while rest > 0 {
        out.push(b'0' + (rest / unit) as u8);
        rest %= unit;
        unit /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usd_is_exact_and_short() {
        let cases = [
            (0, "0"),
            (1, "0.000000001"),
            (12_300, "0.0000123"),
            (1_000_000_000, "1"),
            (2_500_000_000, "2.5"),
            (-5, "0"),
        ];
        for (nano, text) in cases {
            let mut out = Vec::new();
            write_usd(&mut out, nano);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_client_id_that_could_split_a_header_is_dropped() {
        assert_eq!(ShortText::keep(Some(b"abc-1")).as_bytes(), b"abc-1");
        for bad in [&b"a\r\nb"[..], b"a b", &[b'x'; 65], b"\xff"] {
            assert_eq!(ShortText::keep(Some(bad)).as_bytes(), b"");
        }
    }
}
