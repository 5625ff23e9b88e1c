//! Scripted answers: from a script and what was asked to the wire bytes. A function of its arguments, so one rendering serves all equal calls.

mod plain;
mod stream;
mod text;

use crate::answer::Answer;
use crate::demo;
use crate::endpoint::Endpoint;
use crate::envelope;
use crate::frame;
use crate::payload::{JSON, Payload, Tokens};
use crate::script::{Garbage, Script, Usage};

/// What a scripted answer depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// Looked at by the endpoints whose answer is made of the question (embeddings, images, …), not by chat.
    pub(crate) body: &'a [u8],
}

/// The same time in all scripted answers: their bytes are compared.
const CREATED: u64 = 1_700_000_000;

const NOT_HTTP: &[u8] = b"\x16\x03\x01 this is not HTTP \x00\xff\r\n\r\n";

pub(crate) fn scripted(script: &Script, ask: &Ask<'_>) -> Answer {
    if let Some(raw) = &script.raw {
        return frame::raw(raw.clone().into_bytes(), script);
    }
    if script.garbage == Some(Garbage::Http) {
        return frame::raw(NOT_HTTP.to_vec(), script);
    }
    frame::frame(payload(script, ask), script)
}

fn payload(script: &Script, ask: &Ask<'_>) -> Payload {
    if script.empty {
        return Payload::whole(JSON, Vec::new());
    }
    if let Some(body) = &script.body {
        return Payload::whole(JSON, body.clone().into_bytes());
    }
    if script.garbage == Some(Garbage::Body) {
        return Payload::whole(JSON, b"<html>This is not the JSON you are looking for</html>".to_vec());
    }
    if script.error_in_200 {
        return Payload::whole(JSON, error_body(500).into_bytes());
    }
    if script.status != 200 {
        return Payload::whole(JSON, error_body(script.status).into_bytes());
    }
    match ask.endpoint {
        Endpoint::Chat | Endpoint::Completions if ask.stream => stream::payload(script, ask),
        Endpoint::Chat | Endpoint::Completions => plain::payload(script, ask),
        other => {
            let mut payload = demo::other(other, ask.model, ask.body);
            if payload.content_type == JSON && script.usage != Usage::Given {
                without_usage(&mut payload, script.usage);
            }
            payload
        }
    }
}

/// The error of a script, as its body or as an event.
fn error_body(status: u16) -> String {
    let code = match status {
        401 => Some("invalid_api_key"),
        404 => Some("model_not_found"),
        429 => Some("rate_limit_exceeded"),
        _ => None,
    };
    envelope::error(status, &format!("The script of this model answers with {status}."), None, code)
}

/// What is claimed of `truth`; `None` where nothing is said at all.
fn claim(script: &Script, truth: Tokens) -> Option<String> {
    let lie = |tokens: u64| tokens.saturating_mul(1_000);
    match script.usage {
        Usage::Given => Some(envelope::usage(truth)),
        Usage::Missing => None,
        Usage::Null => Some("null".to_owned()),
        Usage::Zero => Some(envelope::usage(Tokens { completion: 0, reasoning: 0, ..truth })),
        Usage::Lying => {
            Some(envelope::usage(Tokens { prompt: lie(truth.prompt), completion: lie(truth.completion), ..truth }))
        }
    }
}

/// The same for the endpoints whose body the demo makes: its `usage` member is dropped, nulled or falsified.
fn without_usage(payload: &mut Payload, usage: Usage) {
    let Ok(serde_json::Value::Object(mut body)) = serde_json::from_slice(&payload.bytes) else {
        return;
    };
    match (usage, body.get_mut("usage")) {
        (Usage::Missing, _) => drop(body.remove("usage")),
        (Usage::Null, Some(told)) => *told = serde_json::Value::Null,
        (Usage::Lying | Usage::Zero, Some(serde_json::Value::Object(told))) => {
            for value in told.values_mut() {
                if let Some(number) = value.as_u64() {
                    *value = if usage == Usage::Zero { 0 } else { number.saturating_mul(1_000) }.into();
                }
            }
        }
        _ => return,
    }
    let reported = body.get("usage").map(ToString::to_string);
    let (tokens, bytes) = (payload.tokens, serde_json::Value::Object(body).to_string().into_bytes());
    *payload = Payload { tokens, ..Payload::whole(JSON, bytes) };
    payload.reported = reported.map(|usage| (usage, payload.bytes.len()));
}

fn truth(script: &Script, content_bytes: usize) -> Tokens {
    Tokens {
        prompt: script.prompt,
        completion: script.completion.unwrap_or_else(|| (content_bytes as u64).div_ceil(4)),
        cached: script.cached,
        reasoning: script.reasoning,
    }
}

#[cfg(test)]
mod tests;
