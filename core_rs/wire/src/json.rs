//! A validating JSON scanner (RFC 8259) over bytes in memory: no allocation, no recursion, nothing copied.
//!
//! It answers "where does this value end, and is it well formed". UTF-8 is checked once over the whole buffer by who needs it
//! ([`check_utf8`]); the scanner itself only looks at ASCII bytes, which UTF-8 never reuses.

mod find;
mod text;
mod walk;

pub use text::{Key, decode_into, push_escaped, push_number, push_string};
pub use walk::{each_member, each_object};

/// Arrays and objects inside one another, the outermost counted.
pub const DEPTH_MAX: u32 = 128;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    Syntax,
    /// Nested deeper than [`DEPTH_MAX`].
    Depth,
    Utf8,
}

pub type Result<T> = std::result::Result<T, JsonError>;

/// Refuses a buffer that is not UTF-8 (surrogates and overlong forms included).
pub fn check_utf8(bytes: &[u8]) -> Result<()> {
    simdutf8::basic::from_utf8(bytes).map(drop).map_err(|_| JsonError::Utf8)
}

/// Whether `bytes` is exactly one JSON text.
pub fn validate(bytes: &[u8]) -> Result<()> {
    check_utf8(bytes)?;
    let mut scanner = Scanner::new(bytes);
    scanner.whitespace();
    scanner.skip()?;
    scanner.end()
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'b> {
    pub raw: &'b [u8],
    pub start: usize,
    pub escaped: bool,
    /// By how many bytes it shrinks when its escapes are undone.
    saved: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

/// A position in a JSON text, and how deep it is nested.
#[derive(Clone, Debug)]
pub struct Scanner<'b> {
    bytes: &'b [u8],
    at: usize,
    depth: u32,
}

impl<'b> Scanner<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    pub fn position(&self) -> usize {
        self.at
    }

    pub fn between(&self, start: usize, end: usize) -> &'b [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Result<u8> {
        self.bytes.get(self.at).copied().ok_or(JsonError::Syntax)
    }

    #[inline]
    pub fn whitespace(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Result<()> {
        if self.peek()? != byte {
            return Err(JsonError::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but whitespace may follow.
    pub fn end(&mut self) -> Result<()> {
        self.whitespace();
        if self.at == self.bytes.len() { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// What kind of value starts here; its content is not looked at yet.
    #[inline]
    pub fn kind(&self) -> Result<Kind> {
        Ok(match self.peek()? {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b't' => Kind::True,
            b'f' => Kind::False,
            b'n' => Kind::Null,
            b'-' | b'0'..=b'9' => Kind::Number,
            _ => return Err(JsonError::Syntax),
        })
    }

    /// Steps into the object or array that starts here; its members come from [`Self::next_key`] or [`Self::next_element`].
    #[inline]
    pub fn enter(&mut self) -> Result<()> {
        if self.depth == DEPTH_MAX {
            return Err(JsonError::Depth);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// In an object just entered (`first`) or behind a member's value: the next key, the scanner then standing on its value. `None`: the
    /// object has ended and was left.
    #[inline]
    pub fn next_key(&mut self, first: bool) -> Result<Option<Text<'b>>> {
        if self.leave_or_continue(first, b'}')? {
            return Ok(None);
        }
        let key = self.string()?;
        self.colon()?;
        Ok(Some(key))
    }

    /// The same for arrays: true when the scanner stands on another element.
    #[inline]
    pub fn next_element(&mut self, first: bool) -> Result<bool> {
        self.leave_or_continue(first, b']').map(|left| !left)
    }

    #[inline]
    fn leave_or_continue(&mut self, first: bool, close: u8) -> Result<bool> {
        self.whitespace();
        if self.peek()? == close {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
            return Ok(true);
        }
        if !first {
            self.eat(b',')?;
            self.whitespace();
        }
        Ok(false)
    }

    #[inline]
    fn colon(&mut self) -> Result<()> {
        self.whitespace();
        self.eat(b':')?;
        self.whitespace();
        Ok(())
    }

    /// The string that starts here. Always in its caller: keys are most of a small body, and each would pay for a call and a result in memory.
    #[inline(always)]
    pub fn string(&mut self) -> Result<Text<'b>> {
        self.eat(b'"')?;
        let start = self.at;
        self.at = find::special(self.bytes, self.at);
        // Most strings end at their first special byte.
        let saved = if self.peek()? == b'"' { 0 } else { self.rest_of_string()? };
        let raw = self.between(start, self.at);
        self.at += 1;
        // Every escape is longer than what it stands for.
        Ok(Text { raw, start, saved, escaped: saved > 0 })
    }

    /// From an escape, or from where the near search gave up, to the closing quote; the bytes that the escapes are longer than what they stand for.
    #[inline(never)]
    fn rest_of_string(&mut self) -> Result<usize> {
        let mut saved = 0;
        loop {
            // Whole texts are written in `\uXXXX`: one behind the other, these need no search.
            if self.peek()? != b'\\' {
                self.at = find::end(self.bytes, self.at, &mut saved);
            }
            match self.peek()? {
                b'"' => return Ok(saved),
                b'\\' => saved += self.escape()?,
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    /// Passes over the escape that starts here; how many bytes longer it is than the character in UTF-8.
    fn escape(&mut self) -> Result<usize> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(1)
            }
            Some(b'u') => {
                let escape = self.bytes.get(self.at..).unwrap_or_default();
                let digits = escape.get(2..6).ok_or(JsonError::Syntax)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(JsonError::Syntax);
                }
                let (character, taken) = text::unescape(escape);
                self.at += taken;
                Ok(taken - character.len_utf8())
            }
            _ => Err(JsonError::Syntax),
        }
    }

    /// The number that starts here, as it stands.
    pub fn number(&mut self) -> Result<&'b [u8]> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return Err(JsonError::Syntax),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(self.between(start, self.at))
    }

    /// The number that starts here if it is a plain integer of at most 15 digits; else the scanner stays where it is.
    #[inline]
    pub fn small_integer(&mut self) -> Option<u64> {
        let rest = self.bytes.get(self.at..)?;
        let mut value = 0;
        for (index, byte) in rest.iter().take(16).enumerate() {
            match byte {
                b'0'..=b'9' => value = value * 10 + u64::from(byte - b'0'),
                b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'
                    if index == 1 || (index > 1 && rest.first() != Some(&b'0')) =>
                {
                    self.at += index;
                    return Some(value);
                }
                _ => return None,
            }
        }
        None
    }

    fn some_digits(&mut self) -> Result<()> {
        if !self.peek()?.is_ascii_digit() {
            return Err(JsonError::Syntax);
        }
        self.digits();
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<()> {
        if !self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn scalar(&mut self) -> Result<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number().map(drop),
        }
    }

    /// Passes over the value that starts here, fully checked. One bit of `objects` per level says what that level is.
    pub fn skip(&mut self) -> Result<()> {
        let mut objects: u128 = 0;
        let mut levels: u32 = 0;
        loop {
            let byte = self.peek()?;
            let mut opened = false;
            if byte == b'{' || byte == b'[' {
                self.enter()?;
                levels += 1;
                objects = (objects << 1) | u128::from(byte == b'{');
                opened = true;
            } else {
                self.scalar()?;
            }
            loop {
                if levels == 0 {
                    return Ok(());
                }
                let is_object = objects & 1 == 1;
                let ended = if is_object { self.next_key(opened)?.is_none() } else { !self.next_element(opened)? };
                if !ended {
                    break;
                }
                levels -= 1;
                objects >>= 1;
                opened = false;
            }
        }
    }
}

#[cfg(test)]
mod tests;
