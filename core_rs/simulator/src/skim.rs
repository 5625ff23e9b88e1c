//! Finds the model and the two stream switches of a request without parsing the rest of it: a scripted answer depends on nothing else.
//!
//! One walk over the top level, strings skipped by `memchr`. Of a name given twice the last one counts, as in most parsers of providers: a
//! gateway that reads the first would be seen to send another model than it charged.

use std::borrow::Cow;

use memchr::{memchr2, memmem};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Skim<'a> {
    pub(crate) model: Option<Cow<'a, str>>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

/// `None`: not a JSON object, or one that breaks off.
pub(crate) fn json(body: &[u8]) -> Option<Skim<'_>> {
    let mut skim = Skim::default();
    let mut at = space(body, 0);
    if body.get(at) != Some(&b'{') {
        return None;
    }
    at = space(body, at + 1);
    if body.get(at) == Some(&b'}') {
        return Some(skim);
    }
    loop {
        let name_end = string_end(body, at)?;
        let name = &body[at + 1..name_end - 1];
        at = space(body, name_end);
        if body.get(at) != Some(&b':') {
            return None;
        }
        let start = space(body, at + 1);
        let end = value_end(body, start)?;
        // The last value of an object that is written in lines has white space before the brace.
        note(&mut skim, name, body[start..end].trim_ascii_end());
        at = space(body, end);
        match body.get(at)? {
            b',' => at = space(body, at + 1),
            b'}' => return Some(skim),
            _ => return None,
        }
    }
}

/// The text of the part named `model`, and nothing else: the files beside it may be large.
pub(crate) fn multipart(body: &[u8]) -> Skim<'_> {
    Skim { model: form_field(body, "model"), ..Skim::default() }
}

pub(crate) fn form_field<'a>(body: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form_field_bytes(body, name).map(String::from_utf8_lossy)
}

/// What stands between the empty line after `name="…"` and the next boundary, which is the body's first line.
pub(crate) fn form_field_bytes<'a>(body: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let boundary = body.get(..memmem::find(body, b"\r\n")?)?;
    let delimiter = [b"\r\n", boundary].concat();
    let marker = format!(" name=\"{name}\"");
    let rest = body.get(memmem::find(body, marker.as_bytes())?..)?;
    let value = rest.get(memmem::find(rest, b"\r\n\r\n")? + 4..)?;
    value.get(..memmem::find(value, &delimiter)?)
}

fn note<'a>(skim: &mut Skim<'a>, name: &[u8], value: &'a [u8]) {
    // An escaped name is rare, and a trick when it comes: decode it, so that it counts as what it means.
    let name = if name.contains(&b'\\') { unescape(name) } else { String::from_utf8_lossy(name) };
    match name.as_ref() {
        "model" if value.first() == Some(&b'"') => {
            skim.model = Some(unescape(&value[1..value.len() - 1]));
        }
        "stream" => skim.stream = value == b"true",
        "stream_options" => {
            let options: Option<serde_json::Value> = serde_json::from_slice(value).ok();
            skim.include_usage =
                options.is_some_and(|o| o.get("include_usage") == Some(&serde_json::Value::Bool(true)));
        }
        _ => {}
    }
}

fn unescape(raw: &[u8]) -> Cow<'_, str> {
    if !raw.contains(&b'\\') {
        return String::from_utf8_lossy(raw);
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Owned)
}

fn space(body: &[u8], mut at: usize) -> usize {
    while matches!(body.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// Where the string that opens at `at` ends, closing quote included.
fn string_end(body: &[u8], at: usize) -> Option<usize> {
    if body.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += memchr2(b'"', b'\\', body.get(at..)?)?;
        if body[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn value_end(body: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match body.get(at)? {
            b'"' => at = string_end(body, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth == 0 => return (at > start).then_some(at),
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' if depth == 0 => return (at > start).then_some(at),
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
