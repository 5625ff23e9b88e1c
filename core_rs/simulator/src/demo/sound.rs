//! `sim-speech` hums a text as a WAV; `sim-transcribe` listens by the size of the file.

use serde_json::{Value, json};

use super::{tokens_of, whole};
use crate::payload::{Payload, Tokens};
use crate::refusal::Refusal;
use crate::skim;

const RATE: u32 = 8_000;
/// How long one character sounds.
const SAMPLES_PER_CHARACTER: u32 = RATE / 20;
const CHARACTERS_MAX: usize = 4_096;

/// 8-bit mono PCM, one tone per character.
pub(super) fn speech(request: &Value) -> Result<Payload, Refusal> {
    let input = request
        .get("input")
        .and_then(Value::as_str)
        .ok_or_else(|| Refusal::field("input", "input must be a string."))?;
    if input.chars().count() > CHARACTERS_MAX {
        return Err(Refusal::field("input", format!("input may have {CHARACTERS_MAX} characters at most.")));
    }
    let mut samples = Vec::new();
    for character in input.chars() {
        // A pentatonic scale: whatever is said, it does not hurt.
        let pitch = [262, 294, 330, 392, 440][character as usize % 5];
        samples.extend((0..SAMPLES_PER_CHARACTER).map(|n| {
            let phase = n * pitch % RATE;
            let wave = phase.abs_diff(RATE / 2) * 96 / RATE;
            if character.is_whitespace() { 128 } else { (104 + wave) as u8 }
        }));
    }
    let size = samples.len() as u32;
    let mut wav = Vec::with_capacity(samples.len() + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + size).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&RATE.to_le_bytes());
    wav.extend_from_slice(&RATE.to_le_bytes()); // bytes a second, at one byte a sample
    wav.extend_from_slice(b"\x01\0\x08\0data");
    wav.extend_from_slice(&size.to_le_bytes());
    wav.extend_from_slice(&samples);
    let mut payload = Payload::whole("audio/wav", wav);
    payload.tokens.prompt = tokens_of(input);
    Ok(payload)
}

/// Seconds of the file, as if it were 16 kHz and 16 bits.
const BYTES_PER_SECOND: usize = 32_000;

pub(super) fn transcription(body: &[u8]) -> Payload {
    let file_bytes = skim::form_field_bytes(body, "file").map_or(0, <[u8]>::len);
    let seconds = file_bytes.div_ceil(BYTES_PER_SECOND).max(1);
    let text =
        format!("This is a simulated transcript of {file_bytes} bytes of sound, which lasted about {seconds} seconds.");
    let usage = json!({"type": "duration", "seconds": seconds});
    let tokens = Tokens { completion: tokens_of(&text), ..Tokens::default() };
    let mut payload = match skim::form_field(body, "response_format").as_deref() {
        Some("text") => Payload { tokens, ..Payload::whole("text/plain; charset=utf-8", text.clone().into_bytes()) },
        Some("verbose_json") => {
            let segment = json!({"id": 0, "start": 0.0, "end": seconds as f64, "text": text});
            let body = json!({
                "task": "transcribe", "language": "english", "duration": seconds as f64, "text": text, "segments": [segment], "usage": usage,
            });
            whole(&body, tokens)
        }
        _ => whole(&json!({"text": text, "usage": usage}), tokens),
    };
    payload.mark(&text);
    payload
}
