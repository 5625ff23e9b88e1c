//! Takes secrets out of an upstream's error text before a caller sees it: providers like to quote the key they did not accept.
//!
//! A word is replaced when it looks like a key or stands where one is expected. Better a hidden request id than a shown key. Only word bytes
//! are replaced, by word bytes and brackets, so JSON stays JSON.

use std::borrow::Cow;

const REPLACEMENT: &[u8] = b"[redacted]";
/// How the keys of the known providers begin.
const KEY_PREFIXES: [&[u8]; 14] = [
    b"sk-", b"sk_", b"pk-", b"rk-", b"aiza", b"gsk_", b"xai-", b"hf_", b"ghp_", b"r8_", b"nvapi-", b"pplx-", b"fw_",
    b"eyj",
];
/// A word with such a prefix and at least this long is a key; shorter ones are words ("sk-1").
const PREFIXED_BYTES_MIN: usize = 8;
/// A word this long with letters and digits mixed is taken for a key whatever it begins with.
const MIXED_BYTES_MIN: usize = 32;
const MIXED_DIGITS_MIN: usize = 4;
/// A value behind `Bearer`, `key=` and the like is hidden from this length on, so that "bearer token" stays readable.
const EXPECTED_BYTES_MIN: usize = 8;
const VALUE_NAMES: [&[u8]; 7] = [b"key", b"api_key", b"apikey", b"api-key", b"token", b"access_token", b"secret"];

/// The text with everything that looks like a credential replaced; borrowed when there was nothing.
pub fn redact(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut previous: &[u8] = b"";
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
        if length == 0 {
            at += 1;
            continue;
        }
        let word = rest.get(..length).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
        if is_secret(word, before, previous) {
            let out = out.get_or_insert_with(|| Vec::with_capacity(text.len()));
            out.extend_from_slice(text.get(copied..at).unwrap_or_default());
            out.extend_from_slice(REPLACEMENT);
            copied = at + length;
        }
        previous = word;
        at += length;
    }
    match out {
        Some(mut out) => {
            out.extend_from_slice(text.get(copied..).unwrap_or_default());
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

/// Stars are in: providers mask the middle of a key and show its ends.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.*+~".contains(&byte)
}

fn is_secret(word: &[u8], before: Option<u8>, previous: &[u8]) -> bool {
    let has_prefix = |prefix: &&[u8]| word.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let prefixed = word.len() >= PREFIXED_BYTES_MIN && KEY_PREFIXES.iter().any(has_prefix);
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let mixed = word.len() >= MIXED_BYTES_MIN && digits >= MIXED_DIGITS_MIN && word.iter().any(u8::is_ascii_alphabetic);
    let named = before == Some(b'=') && VALUE_NAMES.iter().any(|name| previous.eq_ignore_ascii_case(name));
    let borne = before == Some(b' ') && previous.eq_ignore_ascii_case(b"bearer") && digits > 0;
    prefixed || mixed || (word.len() >= EXPECTED_BYTES_MIN && (named || borne))
}
