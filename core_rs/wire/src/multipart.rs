//! multipart/form-data bodies (RFC 7578): the `model` part is found and rewritten in its place, files pass untouched.
//!
//! Multipart readers disagree more than JSON readers, so whatever could be read in two ways is refused: a delimiter with something behind
//! it, a part without a name or with two, a policy field that comes twice or as a file.

mod parameters;

use memchr::memmem;
use tollway_policy::refusal::Refusal;

use crate::{
    Span,
    fields::without_parameters,
    request::{Edits, MODEL_BYTES_MAX, Plan, whole},
};
use parameters::Parameters;

/// More parts than any API here takes.
const PARTS_MAX: usize = 64;
/// The header lines of one part.
const PART_HEAD_BYTES_MAX: usize = 4 << 10;
/// RFC 2046 §5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;
/// `n` has at most this many digits.
const NUMBER_DIGITS_MAX: usize = 9;

/// What policy needs to know of a form. The span lies in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultipartFacts {
    /// The content of the `model` part.
    pub model: Span,
    /// UTF-8 bytes of `prompt` and `input`.
    pub text_bytes: u64,
    /// `n`, at least 1.
    pub images: u64,
    pub stream: bool,
    /// Bytes of all parts that are files.
    pub file_bytes: u64,
}

/// The boundary of a `multipart/form-data` content type; `None` when it is another type or the boundary is missing, doubled or illegal.
pub fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    if !without_parameters(content_type).eq_ignore_ascii_case(b"multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in Parameters::behind_first(content_type) {
        let (name, value) = parameter?;
        if name.eq_ignore_ascii_case(b"boundary") && found.replace(value).is_some() {
            return None;
        }
    }
    found.filter(|boundary| {
        let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
        (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) && boundary.iter().all(legal) && !boundary.ends_with(b" ")
    })
}

/// Reads a form. All faults are 400 `invalid_request`; those of a field name it.
pub fn scan(body: &[u8], boundary: &[u8]) -> Result<MultipartFacts, Refusal> {
    let mut form = Form::default();
    let mut parts = Parts::new(body, boundary)?;
    while let Some(part) = parts.next()? {
        form.add(body, &part)?;
    }
    form.facts()
}

/// Plans the upstream's body; see [`crate::request::plan`]. The operator's model name must not hold the boundary; no real one does.
pub fn plan(body: &[u8], facts: &MultipartFacts, upstream_model: Option<&str>, scratch: &mut Vec<u8>) -> Plan {
    let Some(model) = upstream_model else {
        scratch.clear();
        return whole(body);
    };
    let mut edits = Edits::new(scratch);
    edits.replace(facts.model, |text| text.extend_from_slice(model.as_bytes()));
    edits.plan(body)
}

#[cold]
fn malformed(what: &'static str) -> Refusal {
    Refusal::new(tollway_policy::refusal::Code::InvalidRequest, format!("The form data is malformed: {what}."))
}

/// One part of a form.
struct Part<'b> {
    name: &'b [u8],
    is_file: bool,
    content: Span,
}

/// Cuts a body at its delimiters.
struct Parts<'b> {
    body: &'b [u8],
    delimiter: Vec<u8>,
    /// Just behind a delimiter.
    at: usize,
    count: usize,
}

impl<'b> Parts<'b> {
    /// The body begins with its first delimiter (RFC 7578 has no use for a preamble).
    fn new(body: &'b [u8], boundary: &[u8]) -> Result<Self, Refusal> {
        let delimiter = [b"\r\n--", boundary].concat();
        let opening = delimiter.get(2..).unwrap_or_default();
        if !body.starts_with(opening) {
            return Err(malformed("it does not begin with the boundary that Content-Type states"));
        }
        Ok(Self { body, at: opening.len(), delimiter, count: 0 })
    }

    fn next(&mut self) -> Result<Option<Part<'b>>, Refusal> {
        let behind = self.body.get(self.at..).unwrap_or_default();
        if let Some(epilogue) = behind.strip_prefix(b"--") {
            let ended = epilogue.is_empty() || epilogue == b"\r\n";
            return if ended { Ok(None) } else { Err(malformed("bytes follow the closing boundary")) };
        }
        if !behind.starts_with(b"\r\n") {
            return Err(malformed("a boundary is followed by something else than a line end"));
        }
        self.count += 1;
        if self.count > PARTS_MAX {
            return Err(malformed("it has more than 64 parts"));
        }
        // The line end stays in, so that a part without headers still begins with a blank line.
        let head_bytes = behind.get(..behind.len().min(PART_HEAD_BYTES_MAX)).unwrap_or_default();
        let head_end = memmem::find(head_bytes, b"\r\n\r\n")
            .ok_or_else(|| malformed("a part's headers do not end within 4 KiB"))?;
        // With a colon in the boundary a delimiter looks like a header.
        if memmem::find(behind.get(..head_end).unwrap_or_default(), &self.delimiter).is_some() {
            return Err(malformed("a part has no content"));
        }
        let head = behind.get(2..head_end).unwrap_or_default();
        let start = self.at + head_end + 4;
        // The blank line may also begin the delimiter of an empty part.
        let from = start - 2;
        let found = memmem::find(self.body.get(from..).unwrap_or_default(), &self.delimiter);
        let end = from + found.ok_or_else(|| malformed("the last part is not closed by the boundary"))?;
        if end < start {
            return Err(malformed("a part has no content"));
        }
        self.at = end + self.delimiter.len();
        let (name, is_file) = disposition(head)?;
        Ok(Some(Part { name, is_file, content: Span::new(start, end) }))
    }
}

/// The field's name out of a part's header lines, and whether it is a file.
fn disposition(head: &[u8]) -> Result<(&[u8], bool), Refusal> {
    let mut found = None;
    let mut rest = head;
    while !rest.is_empty() {
        let length = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
        let (line, behind) = rest.split_at(length);
        rest = behind.get(2..).unwrap_or_default();
        if line.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(malformed("a part's header holds an illegal byte"));
        }
        let colon = memchr::memchr(b':', line).ok_or_else(|| malformed("a part's header has no colon"))?;
        let (name, value) = line.split_at(colon);
        if name.is_empty() || name.iter().any(|byte| byte.is_ascii_whitespace()) {
            return Err(malformed("a part's header name is empty, folded or spaced"));
        }
        if name.eq_ignore_ascii_case(b"content-disposition")
            && found.replace(value.get(1..).unwrap_or_default()).is_some()
        {
            return Err(malformed("a part has two Content-Disposition headers"));
        }
    }
    let value = found.ok_or_else(|| malformed("a part has no Content-Disposition"))?;
    if !without_parameters(value).eq_ignore_ascii_case(b"form-data") {
        return Err(malformed("a part is not form-data"));
    }
    let (mut name, mut is_file) = (None, false);
    for parameter in Parameters::behind_first(value) {
        let (key, content) = parameter.ok_or_else(|| malformed("a Content-Disposition cannot be read"))?;
        if key.eq_ignore_ascii_case(b"name") && name.replace(content).is_some() {
            return Err(malformed("a part has two names"));
        }
        // `name*` is another spelling of `name` that some readers prefer (RFC 7578 §4.2 forbids it for file names).
        if key.eq_ignore_ascii_case(b"name*") {
            return Err(malformed("a part's name is given in the extended form"));
        }
        is_file |= key.eq_ignore_ascii_case(b"filename") || key.eq_ignore_ascii_case(b"filename*");
    }
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| malformed("a part has no name"))?;
    Ok((name, is_file))
}

/// The fields that decide something.
#[derive(Default)]
struct Form {
    model: Option<Span>,
    images: Option<u64>,
    stream: Option<bool>,
    text_bytes: u64,
    file_bytes: u64,
}

impl Form {
    fn add(&mut self, body: &[u8], part: &Part<'_>) -> Result<(), Refusal> {
        let content = part.content.of(body);
        if part.is_file {
            self.file_bytes += content.len() as u64;
        }
        match part.name {
            b"model" => {
                text_of("model", part, content)?;
                if content.is_empty() || content.len() as u64 > MODEL_BYTES_MAX {
                    return Err(Refusal::invalid("model", "`model` must be 1 to 256 bytes long."));
                }
                once("model", self.model.replace(part.content).is_none())
            }
            b"n" => {
                text_of("n", part, content)?;
                let number = whole_number(content).filter(|number| *number > 0);
                let number = number.ok_or_else(|| Refusal::invalid("n", "`n` must be a whole number, at least 1."))?;
                once("n", self.images.replace(number).is_none())
            }
            b"stream" => {
                text_of("stream", part, content)?;
                let stream = match content {
                    b"true" | b"True" | b"1" => true,
                    b"false" | b"False" | b"0" | b"" => false,
                    _ => {
                        return Err(Refusal::invalid("stream", "`stream` must be true or false."));
                    }
                };
                once("stream", self.stream.replace(stream).is_none())
            }
            b"prompt" | b"input" => {
                self.text_bytes += content.len() as u64;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn facts(self) -> Result<MultipartFacts, Refusal> {
        Ok(MultipartFacts {
            model: self.model.ok_or_else(|| Refusal::invalid("model", "`model` is missing."))?,
            text_bytes: self.text_bytes,
            images: self.images.unwrap_or(1),
            stream: self.stream.unwrap_or(false),
            file_bytes: self.file_bytes,
        })
    }
}

fn whole_number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= NUMBER_DIGITS_MAX && text.iter().all(u8::is_ascii_digit);
    digits.then(|| text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn text_of(param: &'static str, part: &Part<'_>, content: &[u8]) -> Result<(), Refusal> {
    if part.is_file {
        return Err(Refusal::invalid(param, format!("`{param}` must be a text field, not a file.")));
    }
    if simdutf8::basic::from_utf8(content).is_err() {
        return Err(Refusal::invalid(param, format!("`{param}` is not valid UTF-8.")));
    }
    Ok(())
}

fn once(param: &'static str, is_first: bool) -> Result<(), Refusal> {
    if is_first { Ok(()) } else { Err(Refusal::invalid(param, format!("`{param}` stands in the form twice."))) }
}

#[cfg(test)]
mod tests;
