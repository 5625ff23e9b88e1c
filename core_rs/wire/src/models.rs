//! `GET /v1/models`: OpenAI's list, with what a caller needs to choose a model added (context, modalities, prices).

use tollway_policy::money::{Price, TokenKind};

use crate::json::{push_number, push_string};

/// 10⁻¹⁸ USD: pico-USD times a multiplier in 10⁻⁶.
const PLACES: usize = 18;
const NANO_IN_PICO: u64 = 1_000;

/// The request members that chat models take; what a model does not know, its upstream says.
pub const CHAT_PARAMETERS: &[&str] = &[
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "response_format",
    "seed",
];
pub const COMPLETION_PARAMETERS: &[&str] =
    &["max_tokens", "temperature", "top_p", "stop", "stream", "stream_options", "seed"];
pub const EMBEDDING_PARAMETERS: &[&str] = &["dimensions", "encoding_format"];
pub const IMAGE_PARAMETERS: &[&str] = &["n", "size", "quality", "response_format"];

/// One model as a caller may see it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a, S> {
    pub id: &'a str,
    /// Unix seconds.
    pub created: u64,
    pub owned_by: &'a str,
    /// 0: unknown, written as null.
    pub context_length: u64,
    pub input_modalities: &'a [S],
    pub output_modalities: &'a [S],
    /// `None`: free.
    pub price: Option<&'a Price>,
    /// What the caller's group pays of the price, in 10⁻⁶.
    pub multiplier_micro: u64,
    pub supported_parameters: &'a [&'a str],
}

/// Appends `{"object":"list","data":[…]}`.
pub fn list<'a, S: AsRef<str> + 'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = Entry<'a, S>>) {
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        one(out, &entry);
    }
    out.extend_from_slice(b"]}");
}

/// Appends one model.
pub fn one<S: AsRef<str>>(out: &mut Vec<u8>, entry: &Entry<'_, S>) {
    out.extend_from_slice(b"{\"id\":");
    push_string(out, entry.id);
    out.extend_from_slice(b",\"object\":\"model\",\"created\":");
    push_number(out, entry.created);
    out.extend_from_slice(b",\"owned_by\":");
    push_string(out, entry.owned_by);
    out.extend_from_slice(b",\"context_length\":");
    match entry.context_length {
        0 => out.extend_from_slice(b"null"),
        context => push_number(out, context),
    }
    out.extend_from_slice(b",\"architecture\":{\"input_modalities\":");
    push_strings(out, entry.input_modalities.iter().map(AsRef::as_ref));
    out.extend_from_slice(b",\"output_modalities\":");
    push_strings(out, entry.output_modalities.iter().map(AsRef::as_ref));
    out.extend_from_slice(b"},\"pricing\":{");
    pricing(out, entry.price, entry.multiplier_micro);
    out.extend_from_slice(b"},\"supported_parameters\":");
    push_strings(out, entry.supported_parameters.iter().copied());
    out.push(b'}');
}

/// `prompt` and `completion` always; the others where they cost something (and, for the cache, something else than a plain input token).
fn pricing(out: &mut Vec<u8>, price: Option<&Price>, multiplier_micro: u64) {
    let token = |kind: TokenKind| price.map_or(0, |price| price.token_pico[kind.index()]);
    let unit = |pico: fn(&Price) -> u64| price.map_or(0, pico);
    let (input, output) = (token(TokenKind::Input), token(TokenKind::Output));
    let rows = [
        ("prompt", input, true),
        ("completion", output, true),
        ("input_cache_read", token(TokenKind::CacheRead), token(TokenKind::CacheRead) != input),
        ("input_cache_write", token(TokenKind::CacheWrite5m), token(TokenKind::CacheWrite5m) != input),
        ("internal_reasoning", token(TokenKind::Reasoning), token(TokenKind::Reasoning) != output),
        ("audio_input", token(TokenKind::AudioInput), token(TokenKind::AudioInput) != input),
        ("audio_output", token(TokenKind::AudioOutput), token(TokenKind::AudioOutput) != output),
        ("image_input", token(TokenKind::ImageInput), token(TokenKind::ImageInput) != input),
        ("image_output", token(TokenKind::ImageOutput), token(TokenKind::ImageOutput) != output),
        (
            "request",
            unit(|price| price.request_nano.saturating_mul(NANO_IN_PICO)),
            unit(|price| price.request_nano) > 0,
        ),
        ("image", unit(|price| price.image_nano.saturating_mul(NANO_IN_PICO)), unit(|price| price.image_nano) > 0),
        ("second", unit(|price| price.second_nano.saturating_mul(NANO_IN_PICO)), unit(|price| price.second_nano) > 0),
        ("character", unit(|price| price.character_pico), unit(|price| price.character_pico) > 0),
    ];
    for (index, (name, pico, _)) in rows.iter().filter(|(_, _, shown)| *shown).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, name);
        out.extend_from_slice(b":\"");
        push_usd(out, u128::from(*pico) * u128::from(multiplier_micro));
        out.push(b'"');
    }
}

/// Appends an exact decimal number of USD, without zeros at its end: 2,500,000 pico is `0.0000025`.
fn push_usd(out: &mut Vec<u8>, attos: u128) {
    let unit = 10_u128.pow(PLACES as u32);
    push_number(out, u64::try_from(attos / unit).unwrap_or(u64::MAX));
    let mut fraction = attos % unit;
    if fraction == 0 {
        return;
    }
    let mut digits = [b'0'; PLACES];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    let used = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    out.push(b'.');
    out.extend_from_slice(digits.get(..used).unwrap_or_default());
}

fn push_strings<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, text);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests;
