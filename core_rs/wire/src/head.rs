//! Request heads: what a client's first lines mean, or why they mean nothing.
//!
//! httparse splits the lines; everything that it is lenient about, and everything that decides where the body ends, is checked here.
//! What may travel to an upstream is an allow-list: a new header passes when someone adds it, never by itself.

mod lines;

use std::mem::MaybeUninit;

use tollway_policy::refusal::{Code, Refusal};

use crate::Span;
pub use crate::fields::HEAD_BYTES_MAX;
use crate::fields::{
    HEADERS_MAX, is_hop_by_hop, is_nominated, is_one_of, only_crlf, push_line, span_in, starts_with_ignoring_case,
};
use lines::Lines;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Other,
}

/// Where the body ends. `Length(0)` comes as `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// A checked request head. Spans lie in the buffer that was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Bytes up to and with the blank line.
    pub len: u32,
    pub method: Method,
    pub method_text: Span,
    pub target: Span,
    /// The target up to `?`; as it came, [`crate::path::route`] makes sense of it.
    pub path: Span,
    pub query: Option<Span>,
    pub framing: Framing,
    pub keep_alive: bool,
    pub expect_continue: bool,
    pub host: Span,
    /// `Authorization: Bearer`, else `x-api-key`, else `x-goog-api-key`.
    pub key: Option<Span>,
    pub content_type: Option<Span>,
    /// `None` also for `identity`.
    pub content_encoding: Option<Span>,
    /// The client's own `x-request-id` (else `x-client-request-id`), when it is visible ASCII and short.
    pub client_request_id: Option<Span>,
    /// `x-tollway-test`; only a gateway with test hooks switched on looks at it.
    pub test_hook: Option<Span>,
    pub origin: Option<Span>,
    /// A CORS preflight: OPTIONS with Origin and Access-Control-Request-Method.
    pub is_preflight: bool,
}

/// Why a head is refused. After any of these the connection must be closed: where the next request starts is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    Syntax(&'static str),
    Framing(&'static str),
    /// Not HTTP/1.1.
    Version,
    /// Too many header lines, or more than [`HEAD_BYTES_MAX`] bytes.
    TooLarge,
    /// CONNECT: a tunnel would change what the bytes behind the head are.
    Upgrade,
}

impl HeadError {
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Syntax(what) => Refusal::bad_framing(format!("The request head is malformed: {what}.")),
            Self::Framing(what) => Refusal::bad_framing(format!("Where the request body ends is not clear: {what}.")),
            Self::Version => Refusal::new(
                Code::HttpVersionNotSupported,
                "Only HTTP/1.1 is spoken here. Send the request as HTTP/1.1.",
            ),
            Self::TooLarge => Refusal::head_too_large(HEAD_BYTES_MAX as u64),
            Self::Upgrade => Refusal::bad_framing("This is no proxy: CONNECT is not supported."),
        }
    }
}

/// Reads one request head at the start of `buf`. `Ok(None)`: more bytes are needed.
///
/// `forward` is cleared and gets the header lines that may go upstream (`name: value\r\n` each), by allow-list.
pub fn parse_request(buf: &[u8], forward: &mut Vec<u8>) -> Result<Option<RequestHead>, HeadError> {
    forward.clear();
    let mut headers = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, buf, &mut headers);
    let len = match parsed {
        Ok(httparse::Status::Complete(len)) if len <= HEAD_BYTES_MAX => len,
        Ok(httparse::Status::Complete(_)) => return Err(HeadError::TooLarge),
        Ok(httparse::Status::Partial) if buf.len() >= HEAD_BYTES_MAX => {
            return Err(HeadError::TooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(HeadError::from(error)),
    };
    let head = buf.get(..len).unwrap_or_default();
    if !only_crlf(head) {
        return Err(HeadError::Syntax("a line of the head does not end in CRLF"));
    }
    if request.version != Some(1) {
        return Err(HeadError::Version);
    }
    let (Some(method_text), Some(target)) = (request.method, request.path) else {
        return Err(HeadError::Syntax("the request line is incomplete"));
    };
    let method = Method::parse(method_text)?;
    check_target(target.as_bytes(), method)?;
    let mut fields = Lines::default();
    for header in request.headers.iter() {
        fields.add(buf, header)?;
    }
    push_forwardable(request.headers, fields.connection.nominates, forward);
    fields.head(buf, len, method, span_in(buf, method_text.as_bytes()), span_in(buf, target.as_bytes())).map(Some)
}

/// The header lines of a parsed head (`buf[..head.len]`) for the control plane: all but hop-by-hop ones (named by the RFC or by
/// Connection), the body's length, who the client claims to be (Forwarded, X-Forwarded-*, X-Real-IP) and `x-tollway-*`. Host stays.
pub fn forwardable_headers(head: &[u8], out: &mut Vec<u8>) {
    let mut headers = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, &mut headers);
    if !matches!(parsed, Ok(httparse::Status::Complete(_))) {
        return;
    }
    for header in request.headers.iter() {
        let claimed = is_one_of(header.name, &["forwarded", "x-real-ip"])
            || starts_with_ignoring_case(header.name, "x-forwarded-");
        let ours = starts_with_ignoring_case(header.name, "x-tollway-");
        if !claimed && !ours && !is_hop_by_hop(header.name) && !is_nominated(request.headers, header.name) {
            push_line(out, header.name, header.value);
        }
    }
}

/// The values of all header lines of this name in a parsed head, in their order, with commas between: one list (RFC 9110 §5.3). What
/// Connection nominates is here too: a client must not be able to take away what a proxy added.
#[must_use]
pub fn joined_values(head: &[u8], name: &str) -> Vec<u8> {
    let mut headers = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, &mut headers);
    if !matches!(parsed, Ok(httparse::Status::Complete(_))) {
        return Vec::new();
    }
    let lines = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    lines.map(|header| header.value).collect::<Vec<_>>().join(&b", "[..])
}

fn push_forwardable(headers: &[httparse::Header<'_>], nominates: bool, forward: &mut Vec<u8>) {
    for header in headers {
        let allowed = match header.name.len() {
            6 => header.name.eq_ignore_ascii_case("accept"),
            10 => is_one_of(header.name, &["user-agent", "tracestate"]),
            11 => is_one_of(header.name, &["openai-beta", "traceparent"]),
            12 => header.name.eq_ignore_ascii_case("content-type"),
            14 => header.name.eq_ignore_ascii_case("anthropic-beta"),
            17 => header.name.eq_ignore_ascii_case("anthropic-version"),
            _ => false,
        };
        if allowed && !(nominates && is_nominated(headers, header.name)) {
            push_line(forward, header.name, header.value);
        }
    }
}

/// Origin form only (`*` with OPTIONS), visible ASCII, no fragment: RFC 9112 §3.2 and what every upstream understands alike.
fn check_target(target: &[u8], method: Method) -> Result<(), HeadError> {
    let asterisk = target == b"*" && method == Method::Options;
    if !asterisk && target.first() != Some(&b'/') {
        return Err(HeadError::Syntax("the request target must be a path that starts with /"));
    }
    if !target.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#') {
        return Err(HeadError::Syntax("the request target holds a byte that must be percent-encoded"));
    }
    Ok(())
}

impl Method {
    fn parse(text: &str) -> Result<Self, HeadError> {
        Ok(match text {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "CONNECT" => return Err(HeadError::Upgrade),
            _ => Self::Other,
        })
    }
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooLarge,
            httparse::Error::Version => Self::Version,
            httparse::Error::HeaderName => Self::Syntax("a header name holds an illegal byte, or the line is folded"),
            httparse::Error::HeaderValue => Self::Syntax("a header value holds an illegal byte"),
            httparse::Error::NewLine => Self::Syntax("a carriage return stands alone"),
            httparse::Error::Token | httparse::Error::Status => Self::Syntax("the request line is malformed"),
        }
    }
}

#[cfg(test)]
mod tests;
