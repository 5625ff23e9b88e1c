//! Refusals as bytes: the OpenAI error object, the whole HTTP answer, the event that ends a broken stream. And upstream errors made fit to show.

mod redact;

use tollway_policy::refusal::Refusal;

use crate::json::{self, Kind, Scanner, each_member, push_number, push_string};
pub use redact::redact;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// Appends `{"error":{"message","type","param","code"}}`, with `scope` and `limit` where a limit was reached.
pub fn body(out: &mut Vec<u8>, refusal: &Refusal) {
    out.extend_from_slice(b"{\"error\":{\"message\":");
    push_string(out, &refusal.message);
    out.extend_from_slice(b",\"type\":");
    push_string(out, refusal.code.kind());
    out.extend_from_slice(b",\"param\":");
    match refusal.param {
        Some(param) => push_string(out, param),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"code\":");
    push_string(out, refusal.code.as_str());
    if let Some(limited) = refusal.limited {
        out.extend_from_slice(b",\"scope\":");
        push_string(out, limited.scope.as_str());
        out.extend_from_slice(b",\"limit\":");
        push_string(out, limited.limit.as_str());
    }
    out.extend_from_slice(b"}}");
}

/// Appends the whole HTTP answer. `extra_headers` are complete lines (`name: value\r\n`).
pub fn response(out: &mut Vec<u8>, refusal: &Refusal, request_id: &[u8], keep_alive: bool, extra_headers: &[u8]) {
    let mut text = Vec::with_capacity(160 + refusal.message.len());
    body(&mut text, refusal);
    push_status_line(out, refusal.code.status());
    out.extend_from_slice(b"content-type: application/json\r\ncontent-length: ");
    push_number(out, text.len() as u64);
    out.extend_from_slice(b"\r\nx-request-id: ");
    out.extend_from_slice(request_id);
    out.extend_from_slice(b"\r\n");
    if !refusal.code.should_retry() {
        out.extend_from_slice(b"x-should-retry: false\r\n");
    }
    retry_after(out, refusal);
    if let Some(allow) = refusal.allow {
        out.extend_from_slice(b"allow: ");
        out.extend_from_slice(allow.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if !keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(extra_headers);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&text);
}

/// Whole seconds, at least one, because clients read 0 as "at once"; exact milliseconds for those who know the other header.
fn retry_after(out: &mut Vec<u8>, refusal: &Refusal) {
    let exact_ms = refusal.limited.map(|limited| limited.retry_after_ns.div_ceil(NANOSECONDS_PER_MILLISECOND));
    let seconds = refusal.retry_after_s.map(u64::from).or(exact_ms.map(|ms| ms.div_ceil(1000)));
    if let Some(seconds) = seconds {
        out.extend_from_slice(b"retry-after: ");
        push_number(out, seconds.max(1));
        out.extend_from_slice(b"\r\n");
    }
    if let Some(ms) = exact_ms {
        out.extend_from_slice(b"retry-after-ms: ");
        push_number(out, ms.max(1));
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the event that tells a client its stream broke: `data: {"error":…}` and a blank line.
pub fn sse_event(out: &mut Vec<u8>, refusal: &Refusal) {
    out.extend_from_slice(b"data: ");
    body(out, refusal);
    out.extend_from_slice(b"\n\n");
}

/// Whether an upstream's error body is in OpenAI's shape (an `error` object with a text as its message), so that it can be passed on.
pub fn is_openai_error(body: &[u8]) -> bool {
    let mut has_message = false;
    let read = json::check_utf8(body).and_then(|()| {
        let mut scanner = Scanner::new(body);
        scanner.whitespace();
        if scanner.kind()? != Kind::Object {
            return Err(json::JsonError::Syntax);
        }
        each_member(&mut scanner, |key, scanner| {
            if key != b"error" || scanner.kind()? != Kind::Object {
                return scanner.skip();
            }
            each_member(scanner, |key, scanner| {
                has_message |= key == b"message" && scanner.kind()? == Kind::String;
                scanner.skip()
            })
        })?;
        scanner.end()
    });
    read.is_ok() && has_message
}

/// Appends `HTTP/1.1 200 OK\r\n`.
pub fn push_status_line(out: &mut Vec<u8>, status: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_number(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase of a status (RFC 9110 §15); clients must not rely on it, people read it.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests;
