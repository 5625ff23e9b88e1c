//! The header lines of a request, one after the other, into a [`RequestHead`].

use super::{Framing, HeadError, Method, RequestHead};
use crate::Span;
use crate::fields::{BodyLength, ConnectionFields, FramingFields, span_in};

/// A client's own request id longer than this is not echoed.
const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;

/// What the header lines said so far.
#[derive(Default)]
pub(super) struct Lines {
    framing: FramingFields,
    pub(super) connection: ConnectionFields,
    expect_continue: bool,
    host: Option<Span>,
    authorization: Option<Span>,
    bearer: Option<Span>,
    api_key: Option<Span>,
    google_key: Option<Span>,
    content_type: Option<Span>,
    content_encoding: Option<Span>,
    request_id: Option<Span>,
    client_request_id: Option<Span>,
    test_hook: Option<Span>,
    origin: Option<Span>,
    asks_method: bool,
}

impl Lines {
    /// Lengths first: most headers of a request are none of these, and one comparison of lengths says so.
    pub(super) fn add(&mut self, buf: &[u8], header: &httparse::Header<'_>) -> Result<(), HeadError> {
        let (name, value) = (header.name, header.value);
        let is = |candidate: &str| name.eq_ignore_ascii_case(candidate);
        let span = || Some(span_in(buf, value));
        match name.len() {
            4 if is("host") => {
                let bad = value.is_empty()
                    || !value.iter().all(|byte| matches!(byte, 0x21..=0x7e) && !b"/?#@,\\\"<>".contains(byte));
                if bad {
                    return Err(HeadError::Syntax("Host is not a host name"));
                }
                once(&mut self.host, span(), "more than one Host")?;
            }
            6 if is("expect") => self.expect_continue = value.eq_ignore_ascii_case(b"100-continue"),
            6 if is("origin") => self.origin = span(),
            9 if is("x-api-key") => once(&mut self.api_key, span(), "more than one x-api-key")?,
            10 if is("connection") => self.connection.add(value),
            12 if is("content-type") => once(&mut self.content_type, span(), "more than one Content-Type")?,
            12 if is("x-request-id") => self.request_id = echoable(buf, value),
            13 if is("authorization") => {
                once(&mut self.authorization, span(), "more than one Authorization")?;
                self.bearer = bearer(value).map(|key| span_in(buf, key));
            }
            14 if is("content-length") => self.framing.content_length(value).map_err(HeadError::Framing)?,
            14 if is("x-goog-api-key") => once(&mut self.google_key, span(), "more than one x-goog-api-key")?,
            14 if is("x-tollway-test") => self.test_hook = span(),
            16 if is("content-encoding") => once(&mut self.content_encoding, span(), "more than one Content-Encoding")?,
            17 if is("transfer-encoding") => self.framing.transfer_encoding(value).map_err(HeadError::Framing)?,
            19 if is("x-client-request-id") => self.client_request_id = echoable(buf, value),
            29 if is("access-control-request-method") => self.asks_method = true,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn head(
        self,
        buf: &[u8],
        len: usize,
        method: Method,
        method_text: Span,
        target: Span,
    ) -> Result<RequestHead, HeadError> {
        let framing = match self.framing.finish().map_err(HeadError::Framing)? {
            BodyLength::Unstated | BodyLength::Length(0) => Framing::None,
            BodyLength::Length(length) => Framing::Length(length),
            BodyLength::Chunked => Framing::Chunked,
        };
        let question_mark =
            memchr::memchr(b'?', target.of(buf)).map(|at| target.start.saturating_add(crate::to_u32(at)));
        let filled = |span: &Span| !span.is_empty();
        Ok(RequestHead {
            len: crate::to_u32(len),
            method,
            method_text,
            target,
            path: Span { start: target.start, end: question_mark.unwrap_or(target.end) },
            query: question_mark.map(|at| Span { start: at.saturating_add(1), end: target.end }),
            framing,
            keep_alive: !self.connection.close,
            expect_continue: self.expect_continue && framing != Framing::None,
            host: self.host.ok_or(HeadError::Syntax("no Host"))?,
            key: [self.bearer, self.api_key, self.google_key].into_iter().flatten().find(filled),
            content_type: self.content_type.filter(filled),
            content_encoding: self
                .content_encoding
                .filter(|span| filled(span) && !span.of(buf).eq_ignore_ascii_case(b"identity")),
            client_request_id: self.request_id.or(self.client_request_id),
            test_hook: self.test_hook,
            origin: self.origin,
            is_preflight: method == Method::Options && self.origin.is_some() && self.asks_method,
        })
    }
}

/// Fields that decide something may come once: two of them could be read either way.
fn once(slot: &mut Option<Span>, value: Option<Span>, twice: &'static str) -> Result<(), HeadError> {
    if slot.is_some() {
        return Err(HeadError::Syntax(twice));
    }
    *slot = value;
    Ok(())
}

/// The token of `Bearer <token>`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn echoable(buf: &[u8], value: &[u8]) -> Option<Span> {
    let fits = !value.is_empty()
        && value.len() <= CLIENT_REQUEST_ID_BYTES_MAX
        && value.iter().all(|byte| matches!(byte, 0x21..=0x7e));
    fits.then(|| span_in(buf, value))
}
