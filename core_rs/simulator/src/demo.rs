//! The demo models: what a person's first calls get. Deterministic, apart from ids and times, and honest about being simulated.

mod chat;
mod embed;
mod image;
mod judge;
mod prose;
mod sound;
mod tools;

use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::payload::{JSON, Payload, Tokens};
use crate::refusal::Refusal;

/// Model and the endpoints it answers at.
const MODELS: [(&str, &[Endpoint]); 7] = [
    ("sim-chat", &[Endpoint::Chat, Endpoint::Completions]),
    ("sim-embed", &[Endpoint::Embeddings]),
    ("sim-image", &[Endpoint::Images, Endpoint::ImageEdits]),
    ("sim-speech", &[Endpoint::Speech]),
    ("sim-transcribe", &[Endpoint::Transcriptions]),
    ("sim-rerank", &[Endpoint::Rerank]),
    ("sim-moderation", &[Endpoint::Moderations]),
];

/// One call to a demo model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) tokens_per_second: u32,
    pub(crate) now_ms: u64,
}

pub(crate) fn model_list() -> String {
    let data: Vec<Value> = MODELS.iter().map(|(id, _)| model_object(id)).collect();
    json!({"object": "list", "data": data}).to_string()
}

/// Any scripted name is a model too, so a caller that looks first finds it.
pub(crate) fn model(id: &str) -> Option<String> {
    let known =
        MODELS.iter().any(|(name, _)| *name == id) || crate::script::Script::named(id).is_some_and(|s| s.is_ok());
    known.then(|| model_object(id).to_string())
}

fn model_object(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "simulator"})
}

/// `None`: not a demo model.
pub(crate) fn answer(call: &Call<'_>) -> Option<Result<Payload, Refusal>> {
    let (_, endpoints) = MODELS.iter().find(|(name, _)| *name == call.model)?;
    if !endpoints.contains(&call.endpoint) {
        return Some(Err(Refusal::field("model", format!("{} does not answer at this endpoint.", call.model))));
    }
    if matches!(call.endpoint, Endpoint::ImageEdits | Endpoint::Transcriptions) {
        return Some(Ok(other(call.endpoint, call.model, call.body)));
    }
    let request = match serde_json::from_slice::<Value>(call.body) {
        Ok(value) if value.is_object() => value,
        Ok(_) => return Some(Err(Refusal::new(400, "invalid_json", "The body must be a JSON object."))),
        Err(error) => {
            return Some(Err(Refusal::new(400, "invalid_json", format!("The body is not valid JSON: {error}"))));
        }
    };
    Some(match call.endpoint {
        Endpoint::Chat | Endpoint::Completions => chat::payload(call, &request),
        Endpoint::Embeddings => embed::payload(call.model, &request),
        Endpoint::Images => image::payload(&request),
        Endpoint::Speech => sound::speech(&request),
        Endpoint::Moderations => judge::moderation(call.model, &request),
        Endpoint::Rerank => judge::rerank(call.model, &request),
        Endpoint::ImageEdits | Endpoint::Transcriptions => Ok(other(call.endpoint, call.model, call.body)),
    })
}

/// What a scripted model says where the answer is made of the question; a question it cannot read is answered with an error.
pub(crate) fn other(endpoint: Endpoint, model: &str, body: &[u8]) -> Payload {
    let request = || serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    let made = match endpoint {
        Endpoint::ImageEdits => image::edit(body),
        Endpoint::Transcriptions => Ok(sound::transcription(body)),
        Endpoint::Embeddings => embed::payload(model, &request()),
        Endpoint::Images => image::payload(&request()),
        Endpoint::Speech => sound::speech(&request()),
        Endpoint::Moderations => judge::moderation(model, &request()),
        Endpoint::Rerank => judge::rerank(model, &request()),
        Endpoint::Chat | Endpoint::Completions => Err(Refusal::field("model", "Chat is answered elsewhere.")),
    };
    made.unwrap_or_else(|refusal| refusal.payload())
}

/// A JSON answer that goes out whole; the usage in it is what it claims, and true.
fn whole(body: &Value, tokens: Tokens) -> Payload {
    let mut payload = Payload::whole(JSON, body.to_string().into_bytes());
    payload.tokens = tokens;
    payload.reported = body.get("usage").map(|usage| (usage.to_string(), payload.bytes.len()));
    payload
}

/// Four bytes to a token, as good as any without a tokenizer.
const fn tokens_of(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// FNV-1a: the same answer to the same question, on every machine.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
