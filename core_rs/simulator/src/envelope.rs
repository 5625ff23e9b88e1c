//! The shapes of OpenAI's answers around a text: whole, event by event, and the error. Written by hand, because sizes must come out exact.
//!
//! Source: OpenAI API reference, chat and completions objects; `usage` in every chunk is null when `include_usage` was asked.

use std::fmt::Write as _;

use crate::endpoint::Endpoint;
use crate::payload::Tokens;

/// What all events of one answer share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    /// Chat, or the older completions.
    pub(crate) endpoint: Endpoint,
    pub(crate) id: &'a str,
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    pub(crate) eol: &'a str,
    pub(crate) include_usage: bool,
}

impl Envelope<'_> {
    fn opening(&self, stream: bool) -> String {
        let object = match (self.endpoint, stream) {
            (Endpoint::Completions, _) => "text_completion",
            (_, true) => "chat.completion.chunk",
            (_, false) => "chat.completion",
        };
        format!(
            r#"{{"id":"{}","object":"{object}","created":{},"model":{},"choices":["#,
            self.id,
            self.created,
            quoted(self.model)
        )
    }

    /// One SSE event. `usage`: `None` leaves the member to the rule (null when usage was asked for).
    pub(crate) fn event(&self, choices: &str, usage: Option<&str>) -> String {
        let usage = usage.or_else(|| self.include_usage.then_some("null"));
        let usage = usage.map_or_else(String::new, |usage| format!(r#","usage":{usage}"#));
        format!("data: {}{choices}]{usage}}}{}{}", self.opening(true), self.eol, self.eol)
    }

    pub(crate) fn whole(&self, choices: &str, usage: Option<&str>) -> String {
        let usage = usage.map_or_else(String::new, |usage| format!(r#","usage":{usage}"#));
        format!(r#"{}{choices}]{usage},"system_fingerprint":"fp_simulated"}}"#, self.opening(false))
    }

    pub(crate) fn done(&self) -> String {
        format!("data: [DONE]{}{}", self.eol, self.eol)
    }

    /// A choice of an event. `delta` is a JSON object, or for completions a JSON string.
    pub(crate) fn delta(&self, index: usize, delta: &str, finish: Option<&str>) -> String {
        let member = if self.endpoint == Endpoint::Completions { "text" } else { "delta" };
        self.choice(index, member, delta, finish)
    }

    /// A choice of a whole answer, by the same rule.
    pub(crate) fn message(&self, index: usize, message: &str, finish: Option<&str>) -> String {
        let member = if self.endpoint == Endpoint::Completions { "text" } else { "message" };
        self.choice(index, member, message, finish)
    }

    fn choice(&self, index: usize, member: &str, value: &str, finish: Option<&str>) -> String {
        let finish = finish.map_or_else(|| "null".to_owned(), |reason| format!("\"{reason}\""));
        format!(r#"{{"index":{index},"{member}":{value},"logprobs":null,"finish_reason":{finish}}}"#)
    }
}

pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Usage as chat tells it.
pub(crate) fn usage(tokens: Tokens) -> String {
    format!(
        r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":{}}},"completion_tokens_details":{{"reasoning_tokens":{}}}}}"#,
        tokens.prompt,
        tokens.completion,
        tokens.prompt.saturating_add(tokens.completion),
        tokens.cached,
        tokens.reasoning
    )
}

/// An error as OpenAI words it.
pub(crate) fn error(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> String {
    let kind = match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    };
    let text = |value: Option<&str>| value.map_or_else(|| "null".to_owned(), quoted);
    let mut body = String::with_capacity(128);
    let _ = write!(
        body,
        r#"{{"error":{{"message":{},"type":"{kind}","param":{},"code":{}}}}}"#,
        quoted(message),
        text(param),
        text(code)
    );
    body
}
