//! What a JSON string stands for: its escapes undone, its length once undone, and the way back for strings that we write.

use super::{Scanner, Text};

/// Longest key that [`Key`] can tell apart; all keys that mean something to us are shorter.
const KEY_BYTES_MAX: usize = 40;

enum Part<'b> {
    Run(&'b [u8]),
    Char(char),
}

/// Hands out the string in pieces: runs without escapes as they stand, each escape as its character. A lone surrogate becomes U+FFFD: it is
/// legal JSON (RFC 8259 §8.2 warns of it) but no character.
fn walk<'b>(raw: &'b [u8], mut on: impl FnMut(Part<'b>)) {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        if backslash > 0 {
            on(Part::Run(rest.get(..backslash).unwrap_or_default()));
        }
        let escape = rest.get(backslash..).unwrap_or_default();
        let (character, taken) = unescape(escape);
        on(Part::Char(character));
        rest = escape.get(taken..).unwrap_or_default();
    }
    if !rest.is_empty() {
        on(Part::Run(rest));
    }
}

/// The character of the escape at the start of `escape`, and how many bytes it takes.
pub(super) fn unescape(escape: &[u8]) -> (char, usize) {
    let simple = |character| (character, 2);
    match escape.get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'u') => {
            let Some(first) = code_unit(escape) else {
                return (char::REPLACEMENT_CHARACTER, 6);
            };
            if let Some(character) = char::from_u32(first) {
                return (character, 6);
            }
            let second = escape.get(6..).and_then(code_unit).filter(|unit| (0xdc00..0xe000).contains(unit));
            match second {
                Some(second) if first < 0xdc00 => {
                    let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::REPLACEMENT_CHARACTER, 6),
            }
        }
        Some(byte) => simple(char::from(*byte)),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The four hex digits of a `\uXXXX`.
fn code_unit(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

impl<'b> Text<'b> {
    /// Bytes of UTF-8 that the string stands for.
    #[inline]
    pub fn decoded_len(&self) -> u64 {
        (self.raw.len() - self.saved) as u64
    }

    /// Unicode scalar values that the string stands for.
    pub fn characters(&self) -> u64 {
        let mut count = 0;
        walk(self.raw, |part| {
            count += match part {
                // Every byte of UTF-8 that does not continue a character begins one.
                Part::Run(run) => run.iter().map(|byte| u64::from(byte & 0xc0 != 0x80)).sum(),
                Part::Char(_) => 1,
            };
        });
        count
    }

    /// Gives the key that it spells to `on`: without a copy unless it has escapes, which honest clients' keys never do.
    #[inline]
    pub fn as_key<T>(&self, on: impl FnOnce(&[u8]) -> T) -> T {
        let decoded;
        on(if self.escaped {
            decoded = Key::of(*self);
            decoded.bytes()
        } else {
            self.raw
        })
    }

    /// Appends what the string stands for.
    pub fn decode_into(&self, out: &mut Vec<u8>) {
        decode_into(self.raw, out);
    }
}

/// Appends what the bytes between two quotes stand for.
pub fn decode_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut utf8 = [0; 4];
    walk(raw, |part| match part {
        Part::Run(run) => out.extend_from_slice(run),
        Part::Char(character) => out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes()),
    });
}

/// An object's key with its escapes undone, so that `"mod\u0065l"` is `model` to us as it is to the upstream.
pub struct Key<'b> {
    text: Text<'b>,
    decoded: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl<'b> Key<'b> {
    #[inline]
    pub fn of(text: Text<'b>) -> Self {
        let mut key = Self { text, decoded: [0; KEY_BYTES_MAX], len: 0 };
        if text.escaped {
            key.decode();
        }
        key
    }

    /// A key that does not fit is none of ours: it reads as empty.
    #[cold]
    fn decode(&mut self) {
        let mut utf8 = [0; 4];
        let (mut len, decoded) = (0, &mut self.decoded);
        let mut push = |bytes: &[u8]| {
            if let Some(room) = decoded.get_mut(len..len + bytes.len()) {
                room.copy_from_slice(bytes);
            }
            len += bytes.len();
        };
        walk(self.text.raw, |part| match part {
            Part::Run(run) => push(run),
            Part::Char(character) => push(character.encode_utf8(&mut utf8).as_bytes()),
        });
        self.len = if len <= KEY_BYTES_MAX { len } else { 0 };
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        if self.text.escaped { self.decoded.get(..self.len).unwrap_or_default() } else { self.text.raw }
    }
}

impl Scanner<'_> {
    /// The number that starts here as a whole number: `None` when it is negative, has a fraction or an exponent, or passes u64.
    pub fn unsigned(&mut self) -> super::Result<Option<u64>> {
        let digits = self.number()?;
        Ok(digits.iter().try_fold(0_u64, |sum, byte| {
            let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
            sum.checked_mul(10)?.checked_add(digit)
        }))
    }
}

/// Appends a JSON string: quoted, with the escapes that RFC 8259 §7 demands and no others.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// The same without the quotes.
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 0xf)]);
            }
            _ => out.push(byte),
        }
    }
}

/// Appends a whole number.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
