//! Reads requests: a head by httparse, a body by its length or by chunks, and not a byte beyond, so that pipelined requests stay apart.
//!
//! Strict where being lenient would hide a fault of the gateway under test: two framings at once, a length that is no number, or a broken
//! chunk are refused and logged, not guessed at.

use std::ops::Range;

/// What a head may have; a gateway that forwards more than it should gets to see it refused.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Delete,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Content(usize),
    Chunked,
}

/// A head; ranges point into the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) len: usize,
    pub(crate) method: Method,
    pub(crate) target: Range<usize>,
    pub(crate) authorization: Option<Range<usize>>,
    pub(crate) request_id: Option<Range<usize>>,
    pub(crate) is_form: bool,
    pub(crate) length: Length,
    pub(crate) keep: bool,
    pub(crate) expects_continue: bool,
}

/// Why a request was not understood, and the status that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) status: u16,
    pub(crate) message: &'static str,
}

const fn broken(message: &'static str) -> Broken {
    Broken { status: 400, message }
}

/// `Ok(None)`: more is needed.
pub(crate) fn head(bytes: &[u8]) -> Result<Option<Head>, Broken> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let len = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Broken { status: 431, message: "The head is too large." });
        }
        Err(_) => return Err(broken("The head is not HTTP/1.1.")),
    };
    let within = |part: &[u8]| {
        let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
        start..start + part.len()
    };
    let mut head = Head {
        len,
        method: method(parsed.method.unwrap_or_default()),
        target: within(parsed.path.unwrap_or_default().as_bytes()),
        authorization: None,
        request_id: None,
        is_form: false,
        length: Length::Content(0),
        keep: parsed.version == Some(1),
        expects_continue: false,
    };
    let mut framings = 0;
    for field in parsed.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        match field.name.len() {
            4.. if is("content-length") => {
                framings += 1;
                head.length = Length::Content(length(field.value)?);
            }
            4.. if is("transfer-encoding") => {
                framings += 1;
                if !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(broken("The transfer encoding is not chunked."));
                }
                head.length = Length::Chunked;
            }
            4.. if is("authorization") => head.authorization = Some(within(field.value)),
            4.. if is("x-client-request-id") || is("x-request-id") => head.request_id = Some(within(field.value)),
            4.. if is("content-type") => {
                let form = b"multipart/form-data";
                head.is_form = field.value.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form));
            }
            4.. if is("connection") => {
                head.keep = !field.value.eq_ignore_ascii_case(b"close")
                    && (head.keep || field.value.eq_ignore_ascii_case(b"keep-alive"));
            }
            4.. if is("expect") => head.expects_continue = field.value.eq_ignore_ascii_case(b"100-continue"),
            _ => {}
        }
    }
    if framings > 1 {
        return Err(broken("The length of the body is given twice."));
    }
    Ok(Some(head))
}

fn method(name: &str) -> Method {
    match name {
        "POST" => Method::Post,
        "GET" => Method::Get,
        "DELETE" => Method::Delete,
        "HEAD" => Method::Head,
        _ => Method::Other,
    }
}

/// Digits only: `+5`, `5, 5` and an empty value are no lengths (RFC 9112, 6.3).
fn length(value: &[u8]) -> Result<usize, Broken> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| broken("The content-length is not a number."))
}

/// Joins a chunked body as it arrives; each chunk is copied once.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// Where the next chunk's size line begins.
    at: usize,
    pub(crate) body: Vec<u8>,
    ended: bool,
}

impl Chunks {
    pub(crate) fn after_head(head_len: usize) -> Self {
        Self { at: head_len, ..Self::default() }
    }

    /// Where the body ends in `bytes`; `Ok(None)`: more is needed.
    pub(crate) fn advance(&mut self, bytes: &[u8], body_bytes_max: usize) -> Result<Option<usize>, Broken> {
        while !self.ended {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let (line, size) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete((line, size))) => (line, usize::try_from(size).unwrap_or(usize::MAX)),
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(_) => return Err(broken("A chunk's size is not a number.")),
            };
            if self.body.len().saturating_add(size) > body_bytes_max {
                return Err(Broken { status: 413, message: "The body is too large." });
            }
            if size == 0 {
                self.at += line;
                self.ended = true;
                break;
            }
            let Some(end) = rest.get(line + size..line + size + 2) else {
                return Ok(None);
            };
            if end != b"\r\n" {
                return Err(broken("A chunk does not end where its size says."));
            }
            self.body.extend_from_slice(&rest[line..line + size]);
            self.at += line + size + 2;
        }
        self.trailer(bytes)
    }

    /// Field lines, read over, up to the empty one.
    fn trailer(&mut self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let rest = bytes.get(self.at..).unwrap_or_default();
        if rest.starts_with(b"\r\n") {
            return Ok(Some(self.at + 2));
        }
        match memchr::memmem::find(rest, b"\r\n\r\n") {
            Some(end) => Ok(Some(self.at + end + 4)),
            None if rest.len() > HEAD_BYTES_MAX => Err(Broken { status: 431, message: "The trailer is too large." }),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
