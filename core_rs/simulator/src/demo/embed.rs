//! `sim-embed`: unit vectors made of the words of a text, so that texts with common words are near each other, the same on every machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{hash, tokens_of, whole};
use crate::payload::{Payload, Tokens};
use crate::refusal::Refusal;

const DIMENSIONS_DEFAULT: u64 = 256;
const DIMENSIONS_MAX: u64 = 4_096;
const INPUTS_MAX: usize = 2_048;

pub(super) fn payload(model: &str, request: &Value) -> Result<Payload, Refusal> {
    let inputs = inputs(request)?;
    let dimensions = match request.get("dimensions") {
        None | Some(Value::Null) => DIMENSIONS_DEFAULT,
        Some(value) => value.as_u64().filter(|n| (1..=DIMENSIONS_MAX).contains(n)).ok_or_else(|| {
            Refusal::field("dimensions", format!("dimensions must be a whole number from 1 to {DIMENSIONS_MAX}."))
        })?,
    };
    let base64 = match request.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(Refusal::field("encoding_format", "encoding_format must be float or base64.")),
    };
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(&input.words, dimensions as usize);
            let embedding = if base64 {
                Value::from(STANDARD.encode(vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()))
            } else {
                Value::from(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let prompt = inputs.iter().map(|input| input.tokens).sum();
    let usage = json!({"prompt_tokens": prompt, "total_tokens": prompt});
    let body = json!({"object": "list", "data": data, "model": model, "usage": usage});
    Ok(whole(&body, Tokens { prompt, ..Tokens::default() }))
}

struct Input {
    words: Vec<String>,
    tokens: u64,
}

/// A text, several, a list of token ids, or several such lists.
fn inputs(request: &Value) -> Result<Vec<Input>, Refusal> {
    let refusal = || Refusal::field("input", "input must be a string, an array of strings, or an array of token ids.");
    let inputs = match request.get("input").ok_or_else(refusal)? {
        Value::String(text) => vec![of_text(text)],
        Value::Array(list) if list.first().is_some_and(Value::is_number) => vec![of_tokens(list)],
        Value::Array(list) => list
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(of_text(text)),
                Value::Array(tokens) => Some(of_tokens(tokens)),
                _ => None,
            })
            .collect::<Option<Vec<Input>>>()
            .ok_or_else(refusal)?,
        _ => return Err(refusal()),
    };
    if inputs.is_empty() || inputs.len() > INPUTS_MAX {
        return Err(Refusal::field("input", format!("input must hold 1 to {INPUTS_MAX} texts.")));
    }
    Ok(inputs)
}

fn of_text(text: &str) -> Input {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
    Input { words: words.collect(), tokens: tokens_of(text) }
}

fn of_tokens(tokens: &[Value]) -> Input {
    Input { words: tokens.iter().map(ToString::to_string).collect(), tokens: tokens.len() as u64 }
}

fn vector(words: &[String], dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimensions];
    let empty = [String::new()];
    for word in if words.is_empty() { &empty[..] } else { words } {
        let mut state = hash(word.as_bytes()) | 1;
        for x in &mut sum {
            // xorshift64*: any spread will do, as long as it is the same everywhere
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            *x += (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        }
    }
    let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    sum.iter().map(|x| (x / norm) as f32).collect()
}
