//! `sim-chat`: chat and the older completions, plain and streamed, with tool calls, `n`, `max_tokens`, JSON mode and true usage.

use serde_json::{Value, json};

use super::tools::{ToolCall, called};
use super::{Call, hash, prose, tokens_of};
use crate::endpoint::Endpoint;
use crate::envelope::{self, Envelope, quoted};
use crate::payload::{JSON, Payload, Tokens};
use crate::refusal::Refusal;

const CHOICES_MAX: u64 = 8;

/// One choice: its text in pieces of a token each, or a call.
struct Choice {
    pieces: Vec<String>,
    tool: Option<ToolCall>,
    finish: &'static str,
}

pub(super) fn payload(call: &Call<'_>, request: &Value) -> Result<Payload, Refusal> {
    let question = question(call.endpoint, request)?;
    let choices = choices(call.endpoint, request, &question)?;
    let tokens = Tokens {
        prompt: prompt_tokens(request),
        completion: choices.iter().map(|choice| choice.pieces.len() as u64).sum(),
        ..Tokens::default()
    };
    let id = format!("chatcmpl-{:016x}", hash(call.body) ^ call.now_ms);
    let envelope = Envelope {
        endpoint: call.endpoint,
        id: &id,
        created: call.now_ms / 1_000,
        model: call.model,
        eol: "\n",
        include_usage: request.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)),
    };
    let streamed = request.get("stream") == Some(&Value::Bool(true));
    let mut payload =
        if streamed { stream(call, &envelope, &choices, tokens) } else { plain(&envelope, &choices, tokens) };
    payload.tokens = tokens;
    Ok(payload)
}

fn choices(endpoint: Endpoint, request: &Value, question: &str) -> Result<Vec<Choice>, Refusal> {
    let count = match request.get("n") {
        None | Some(Value::Null) => 1,
        Some(n) => n
            .as_u64()
            .filter(|n| (1..=CHOICES_MAX).contains(n))
            .ok_or_else(|| Refusal::field("n", format!("n must be a whole number from 1 to {CHOICES_MAX}.")))?,
    };
    let limit =
        ["max_completion_tokens", "max_tokens"].iter().find_map(|name| request.get(name)?.as_u64()).unwrap_or(u64::MAX);
    let wants_json =
        request.pointer("/response_format/type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("json"));
    let tool = if endpoint == Endpoint::Chat { called(request, question) } else { None };
    Ok((0..count)
        .map(|variant| {
            let text = match &tool {
                Some(tool) => tool.arguments.clone(),
                None if wants_json => json!({"answer": prose::reply(question, variant)}).to_string(),
                None => prose::reply(question, variant),
            };
            let mut pieces: Vec<String> = prose::pieces(&text).into_iter().map(str::to_owned).collect();
            let finish = match &tool {
                Some(_) => "tool_calls",
                None if pieces.len() as u64 > limit => "length",
                None => "stop",
            };
            if finish == "length" {
                pieces.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            }
            Choice { pieces, tool: tool.clone(), finish }
        })
        .collect())
}

fn plain(envelope: &Envelope<'_>, choices: &[Choice], tokens: Tokens) -> Payload {
    let rendered: Vec<String> = choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            let text = choice.pieces.concat();
            let message = match &choice.tool {
                _ if envelope.endpoint == Endpoint::Completions => quoted(&text),
                None => json!({"role": "assistant", "content": text, "refusal": null, "annotations": []}).to_string(),
                Some(tool) => {
                    let function = json!({"name": tool.name, "arguments": tool.arguments});
                    let calls = json!([{"id": tool_id(tool, index), "type": "function", "function": function}]);
                    json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls}).to_string()
                }
            };
            envelope.message(index, &message, Some(choice.finish))
        })
        .collect();
    let usage = envelope::usage(tokens);
    let mut payload = Payload::whole(JSON, envelope.whole(&rendered.join(","), Some(&usage)).into_bytes());
    for choice in choices {
        payload.mark(&choice.pieces.concat());
    }
    payload.reported = Some((usage, payload.bytes.len()));
    payload
}

fn stream(call: &Call<'_>, envelope: &Envelope<'_>, choices: &[Choice], tokens: Tokens) -> Payload {
    let mut payload = Payload::stream();
    let gap_us = 1_000_000 / u64::from(call.tokens_per_second.max(1));
    let is_chat = envelope.endpoint == Endpoint::Chat;
    for (index, choice) in choices.iter().enumerate().filter(|_| is_chat) {
        let delta = match &choice.tool {
            None => json!({"role": "assistant", "content": "", "refusal": null}),
            Some(tool) => json!({"role": "assistant", "content": null, "tool_calls": [
                {"index": 0, "id": tool_id(tool, index), "type": "function", "function": {"name": tool.name, "arguments": ""}}
            ]}),
        };
        payload.push(&envelope.event(&envelope.delta(index, &delta.to_string(), None), None), 0, 0);
    }
    let longest = choices.iter().map(|choice| choice.pieces.len()).max().unwrap_or(0);
    for number in 0..longest {
        let at_us = gap_us.saturating_mul(number as u64 + 1);
        for (index, choice) in choices.iter().enumerate() {
            let Some(piece) = choice.pieces.get(number) else { continue };
            let delta = match &choice.tool {
                _ if !is_chat => quoted(piece),
                None => json!({"content": piece}).to_string(),
                Some(_) => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}).to_string(),
            };
            payload.push(&envelope.event(&envelope.delta(index, &delta, None), None), at_us, piece.len());
        }
    }
    let at_us = gap_us.saturating_mul(longest as u64);
    for (index, choice) in choices.iter().enumerate() {
        let empty = if is_chat { "{}" } else { "\"\"" };
        payload.push(&envelope.event(&envelope.delta(index, empty, Some(choice.finish)), None), at_us, 0);
    }
    if envelope.include_usage {
        let usage = envelope::usage(tokens);
        payload.push(&envelope.event("", Some(&usage)), at_us, 0);
        payload.reported = Some((usage, payload.bytes.len()));
    }
    let closing = payload.bytes.len();
    payload.push(&envelope.done(), at_us, 0);
    payload.closing = closing;
    payload
}

fn tool_id(tool: &ToolCall, index: usize) -> String {
    format!("call_{:012x}{index:02}", hash(tool.arguments.as_bytes()) & 0xffff_ffff_ffff)
}

/// The words to take up: the last message's, or the prompt.
fn question(endpoint: Endpoint, request: &Value) -> Result<String, Refusal> {
    if endpoint == Endpoint::Completions {
        return match request.get("prompt") {
            Some(Value::String(prompt)) => Ok(prompt.clone()),
            Some(Value::Array(parts)) => Ok(parts.iter().find_map(Value::as_str).unwrap_or_default().to_owned()),
            _ => Err(Refusal::field("prompt", "prompt must be a string or an array.")),
        };
    }
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .filter(|messages| !messages.is_empty())
        .ok_or_else(|| Refusal::field("messages", "messages must be an array with at least one message."))?;
    if let Some(last) = messages.last().filter(|message| message.get("role") == Some(&"tool".into())) {
        return Ok(format!("what the instrument said, {}", text(last)));
    }
    let user = messages.iter().rev().find(|message| message.get("role") == Some(&"user".into()));
    Ok(user.map(text).unwrap_or_default())
}

/// A message's text; parts that are not text say nothing.
fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

fn prompt_tokens(request: &Value) -> u64 {
    let messages = request.get("messages").and_then(Value::as_array).into_iter().flatten();
    let tools = request.get("tools").map_or(0, |tools| tokens_of(&tools.to_string()));
    let prompt = request.get("prompt").and_then(Value::as_str).map_or(0, tokens_of);
    // Each message costs a few tokens of its own, as with real chat templates.
    messages.map(|message| tokens_of(&text(message)) + 4).sum::<u64>() + tools + prompt + 3
}
