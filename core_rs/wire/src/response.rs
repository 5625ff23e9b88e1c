//! Response heads of upstreams (and of the control plane): as strict as request heads, because the caller's answer is re-framed from them.

use std::mem::MaybeUninit;

use crate::fields::{
    BodyLength, ConnectionFields, FramingFields, HEAD_BYTES_MAX, HEADERS_MAX, is_hop_by_hop, is_nominated, is_one_of,
    only_crlf, push_line, starts_with_ignoring_case, without_parameters,
};

/// What of an upstream's headers a caller may see. Cookies, server names and account ids of the upstream stay here.
const PASSED: [&str; 8] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
];
/// A Retry-After beyond this is as good as none.
const RETRY_AFTER_DIGITS_MAX: usize = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    None,
    Length(u64),
    Chunked,
    /// Neither length nor chunks: the body ends when the connection does.
    UntilClose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    Json,
    EventStream,
    Other,
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Bytes up to and with the blank line.
    pub len: u32,
    pub status: u16,
    /// `Length(0)` comes as `None`.
    pub framing: ResponseFraming,
    pub keep_alive: bool,
    pub content: ContentKind,
    /// Content-Encoding other than `identity`: we never asked for one.
    pub content_encoded: bool,
    /// Retry-After in seconds (or retry-after-ms, rounded up); a date is not understood and left out.
    pub retry_after_s: Option<u32>,
}

impl ResponseHead {
    /// An answer to HEAD has no body whatever its headers say (RFC 9112 §6.3); only who asked knows.
    pub fn answering_head(self) -> Self {
        Self { framing: ResponseFraming::None, ..self }
    }
}

/// What is wrong with the head; for the log. The caller gets 502 `upstream_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseError(pub &'static str);

/// Reads one response head at the start of `buf`. `Ok(None)`: more bytes are needed. 1xx heads are reported like the rest.
///
/// `pass` is cleared and gets the header lines that may go to the caller (`name: value\r\n` each), by allow-list.
pub fn parse_response(buf: &[u8], pass: &mut Vec<u8>) -> Result<Option<ResponseHead>, ResponseError> {
    parse(buf, pass, |name| is_one_of(name, &PASSED))
}

/// The same for an answer of our own control plane: every header passes but those of the connection and of the gateway. Which
/// generation a change made is for the caller.
pub fn parse_proxied_response(buf: &[u8], pass: &mut Vec<u8>) -> Result<Option<ResponseHead>, ResponseError> {
    parse(buf, pass, |name| {
        let of_the_gateway =
            starts_with_ignoring_case(name, "x-tollway-") && !name.eq_ignore_ascii_case("x-tollway-generation");
        !is_hop_by_hop(name) && !of_the_gateway
    })
}

fn parse(
    buf: &[u8],
    pass: &mut Vec<u8>,
    may_pass: impl Fn(&str) -> bool,
) -> Result<Option<ResponseHead>, ResponseError> {
    pass.clear();
    let mut headers = [MaybeUninit::uninit(); HEADERS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, buf, &mut headers);
    let len = match parsed {
        Ok(httparse::Status::Complete(len)) if len <= HEAD_BYTES_MAX => len,
        Ok(httparse::Status::Partial) if buf.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => {
            return Err(ResponseError("the response head is too large"));
        }
        Err(_) => return Err(ResponseError("the response head is malformed")),
    };
    if !only_crlf(buf.get(..len).unwrap_or_default()) {
        return Err(ResponseError("a line of the response head does not end in CRLF"));
    }
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err(ResponseError("the status line is incomplete"));
    };
    let mut fields = Fields::default();
    for header in response.headers.iter() {
        fields.add(header)?;
    }
    for header in response.headers.iter() {
        let nominated = fields.connection.nominates && is_nominated(response.headers, header.name);
        if may_pass(header.name) && !nominated {
            push_line(pass, header.name, header.value);
        }
    }
    fields.head(len, status, version).map(Some)
}

#[derive(Default)]
struct Fields {
    framing: FramingFields,
    connection: ConnectionFields,
    content: Option<ContentKind>,
    content_encoded: bool,
    retry_after_s: Option<u32>,
    retry_after_ms: Option<u32>,
}

impl Fields {
    fn add(&mut self, header: &httparse::Header<'_>) -> Result<(), ResponseError> {
        let (name, value) = (header.name, header.value);
        let is = |candidate: &str| name.eq_ignore_ascii_case(candidate);
        match name.len() {
            10 if is("connection") => self.connection.add(value),
            11 if is("retry-after") => self.retry_after_s = number(value),
            12 if is("content-type") => self.content_type(value)?,
            14 if is("content-length") => self.framing.content_length(value).map_err(ResponseError)?,
            14 if is("retry-after-ms") => self.retry_after_ms = number(value),
            16 if is("content-encoding") => {
                self.content_encoded |= !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
            }
            17 if is("transfer-encoding") => self.framing.transfer_encoding(value).map_err(ResponseError)?,
            _ => {}
        }
        Ok(())
    }

    fn content_type(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        match self.content.replace(content_kind(value)) {
            None => Ok(()),
            Some(_) => Err(ResponseError("more than one Content-Type")),
        }
    }

    fn head(self, len: usize, status: u16, version: u8) -> Result<ResponseHead, ResponseError> {
        if !(100..600).contains(&status) {
            return Err(ResponseError("the status code is out of range"));
        }
        if status == 101 {
            return Err(ResponseError("the upstream switched protocols unasked"));
        }
        let length = self.framing.finish().map_err(ResponseError)?;
        if version == 0 && length == BodyLength::Chunked {
            return Err(ResponseError("chunks under HTTP/1.0"));
        }
        let without_body = status < 200 || status == 204 || status == 304;
        let framing = match length {
            _ if without_body => ResponseFraming::None,
            BodyLength::Length(0) => ResponseFraming::None,
            BodyLength::Length(length) => ResponseFraming::Length(length),
            BodyLength::Chunked => ResponseFraming::Chunked,
            BodyLength::Unstated => ResponseFraming::UntilClose,
        };
        let persistent = if version == 0 { self.connection.keep_alive } else { !self.connection.close };
        Ok(ResponseHead {
            len: crate::to_u32(len),
            status,
            framing,
            keep_alive: persistent && framing != ResponseFraming::UntilClose,
            content: self.content.unwrap_or(ContentKind::Missing),
            content_encoded: self.content_encoded,
            retry_after_s: self.retry_after_s.or(self.retry_after_ms.map(|ms| ms.div_ceil(1000))),
        })
    }
}

fn content_kind(value: &[u8]) -> ContentKind {
    let kind = without_parameters(value);
    let json_suffix =
        kind.len() > 5 && kind.get(kind.len() - 5..).is_some_and(|end| end.eq_ignore_ascii_case(b"+json"));
    if kind.is_empty() {
        ContentKind::Missing
    } else if json_suffix || kind.eq_ignore_ascii_case(b"application/json") {
        ContentKind::Json
    } else if kind.eq_ignore_ascii_case(b"text/event-stream") {
        ContentKind::EventStream
    } else {
        ContentKind::Other
    }
}

fn number(value: &[u8]) -> Option<u32> {
    let digits = !value.is_empty() && value.len() <= RETRY_AFTER_DIGITS_MAX && value.iter().all(u8::is_ascii_digit);
    digits.then(|| value.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests;
