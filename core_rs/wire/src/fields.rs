//! Header rules that requests and responses share: line endings, lengths, transfer codings, hop-by-hop names.
//!
//! RFC 9112 §6.3 lets a recipient mend many messages; each mending is a place where we and the next hop could disagree on where a
//! message ends (request smuggling), so none is mended here.

use crate::Span;

/// More header lines than this and the head is refused.
pub(crate) const HEADERS_MAX: usize = 64;
/// A longer head is refused, whole or not.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// Digits of a Content-Length; 10^15 bytes are more than any body limit.
const LENGTH_DIGITS_MAX: usize = 15;

/// Where `part` lies in `whole`; `part` must be a slice of it (what httparse hands out is).
pub(crate) fn span_in(whole: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    Span::new(start, start.saturating_add(part.len()))
}

/// Every line ends in CRLF, and CR and LF stand nowhere else. httparse lets a bare LF pass.
pub(crate) fn only_crlf(head: &[u8]) -> bool {
    let next = head.get(1..).unwrap_or_default();
    // No early exit, so that it becomes a vector comparison.
    let torn = head.iter().zip(next).fold(false, |torn, (byte, next)| torn | ((*byte == b'\r') != (*next == b'\n')));
    !torn && head.first() != Some(&b'\n') && head.last() != Some(&b'\r')
}

/// The comma-separated elements of a field value, trimmed; empty ones included.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// The value of a parameterised field without its parameters: `text/plain` of `text/plain; charset=utf-8`.
pub(crate) fn without_parameters(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii()
}

/// Body framing as the headers state it, checked as they come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
}

/// How long a body is, when the headers say so at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyLength {
    Unstated,
    Length(u64),
    Chunked,
}

impl FramingFields {
    /// A second Content-Length is refused even if equal; `+33`, `0x21`, `33, 33` and an empty value are not numbers.
    pub(crate) fn content_length(&mut self, value: &[u8]) -> Result<(), &'static str> {
        if self.length.is_some() {
            return Err("more than one Content-Length");
        }
        if value.is_empty() || value.len() > LENGTH_DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
            return Err("Content-Length is not a decimal number");
        }
        self.length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), &'static str> {
        if self.chunked {
            return Err("more than one Transfer-Encoding");
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err("only Transfer-Encoding: chunked is understood");
        }
        self.chunked = true;
        Ok(())
    }

    /// RFC 9112 §6.3 (3): a message with both "ought to be handled as an error".
    pub(crate) fn finish(self) -> Result<BodyLength, &'static str> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err("both Content-Length and Transfer-Encoding"),
            (None, true) => Ok(BodyLength::Chunked),
            (Some(length), false) => Ok(BodyLength::Length(length)),
            (None, false) => Ok(BodyLength::Unstated),
        }
    }
}

/// What the Connection fields of a message say (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionFields {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    /// Some header is nominated as hop-by-hop; [`is_nominated`] tells which.
    pub(crate) nominates: bool,
}

impl ConnectionFields {
    pub(crate) fn add(&mut self, value: &[u8]) {
        for element in elements(value) {
            if element.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if element.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if !element.is_empty() {
                self.nominates = true;
            }
        }
    }
}

/// Whether some Connection field names this header. Host stays: a client may not make us send a request without one.
pub(crate) fn is_nominated(headers: &[httparse::Header<'_>], name: &str) -> bool {
    !name.eq_ignore_ascii_case("host")
        && headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case("connection"))
            .any(|header| elements(header.value).any(|element| element.eq_ignore_ascii_case(name.as_bytes())))
}

/// Headers that belong to one connection only, and those that we write ourselves because we frame anew.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    is_one_of(name, &NAMES)
}

pub(crate) fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|candidate| candidate.len() == name.len() && candidate.eq_ignore_ascii_case(name))
}

pub(crate) fn starts_with_ignoring_case(name: &str, prefix: &str) -> bool {
    name.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

pub(crate) fn push_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
