//! Server-sent events: where one ends, and what it says.
//!
//! Events are forwarded as the bytes they came in; the observer only listens. It parses every event, because what was delivered must be
//! chargeable when the stream breaks before its usage comes. Format: WHATWG HTML §9.2.6 (lines end in LF, CRLF or CR).

use std::borrow::Cow;

use tollway_policy::{admission::Endpoint, money::Counts};

use crate::{
    json::{Kind, Result, Scanner, each_member, each_object},
    usage,
};

/// Choices with an index from here on cannot be told apart, so such a stream ends by `[DONE]` only.
const CHOICES_MAX: u64 = 128;

/// End (exclusive) of the first complete event at `from`, its blank line included. A CR at the very end of the buffer may be half of a
/// CRLF: it is not complete until the next byte is there.
pub fn event_end(buf: &[u8], from: usize) -> Option<usize> {
    let mut line = from;
    loop {
        let rest = buf.get(line..)?;
        let length = memchr::memchr2(b'\n', b'\r', rest)?;
        let terminator = match (rest.get(length), rest.get(length + 1)) {
            (Some(b'\n'), _) => 1,
            (_, Some(b'\n')) => 2,
            (_, Some(_)) => 1,
            (_, None) => return None,
        };
        line += length + terminator;
        if length == 0 {
            return Some(line);
        }
    }
}

/// What an event is to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A chunk with at least one choice (or, at other endpoints, a piece of the answer).
    Content,
    /// `choices: []` with usage: what `include_usage` adds.
    UsageOnly,
    /// `[DONE]`.
    Done,
    /// A top-level `error`, or `event: error`.
    Error,
    /// Nothing but comment lines (or nothing at all).
    Comment,
    Other,
}

/// Listens to the events of one answer.
#[derive(Clone, Debug)]
pub struct Observer {
    usage: Option<Counts>,
    output_text_bytes: u64,
    /// One bit per choice index: seen at all, and seen with a finish reason.
    choices_seen: u128,
    choices_finished: u128,
    images: u32,
    endpoint: Endpoint,
    done: bool,
    /// The last event of an answer without choices has come.
    completed: bool,
    too_many_choices: bool,
}

impl Observer {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            usage: None,
            output_text_bytes: 0,
            choices_seen: 0,
            choices_finished: 0,
            images: 0,
            endpoint,
            done: false,
            completed: false,
            too_many_choices: false,
        }
    }

    /// The last usage that was stated; a null does not unstate it.
    pub fn usage(&self) -> Option<Counts> {
        self.usage
    }

    /// UTF-8 bytes of text, reasoning and tool arguments so far.
    pub fn output_text_bytes(&self) -> u64 {
        self.output_text_bytes
    }

    /// Whole images so far (partial previews do not count).
    pub fn images(&self) -> u64 {
        u64::from(self.images)
    }

    /// Every choice that was seen has its finish reason (or the answer's closing event came).
    pub fn finished(&self) -> bool {
        let all_choices =
            self.choices_seen != 0 && self.choices_seen == self.choices_finished && !self.too_many_choices;
        all_choices || self.completed
    }

    /// `[DONE]` came.
    pub fn done(&self) -> bool {
        self.done
    }

    /// Takes one whole event, as [`event_end`] cut it.
    pub fn observe(&mut self, event: &[u8]) -> Seen {
        let fields = Fields::of(event);
        let Some(data) = fields.data else {
            return if fields.other { Seen::Other } else { Seen::Comment };
        };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return Seen::Done;
        }
        let mut chunk = Chunk::default();
        let read = self.chunk(data, &mut chunk);
        if chunk.error || fields.event == Some(b"error") {
            return Seen::Error;
        }
        match (read, chunk.choices) {
            (Err(_), _) => Seen::Other,
            (Ok(()), Some(0)) if chunk.usage => Seen::UsageOnly,
            (Ok(()), Some(1..)) => Seen::Content,
            (Ok(()), None) if chunk.typed => Seen::Content,
            _ => Seen::Other,
        }
    }

    fn chunk(&mut self, data: &[u8], chunk: &mut Chunk) -> Result<()> {
        let mut scanner = Scanner::new(data);
        if scanner.kind()? != Kind::Object {
            return scanner.skip();
        }
        each_member(&mut scanner, |key, scanner| match key {
            b"choices" => {
                chunk.choices = Some(0);
                each_object(scanner, |scanner| {
                    chunk.choices = chunk.choices.map(|count| count.saturating_add(1));
                    let choice = usage::choice(scanner)?;
                    self.choice(choice);
                    Ok(())
                })
            }
            b"usage" => {
                if let Some(counts) = usage::read(scanner, self.endpoint)? {
                    chunk.usage = true;
                    self.usage = Some(counts);
                }
                Ok(())
            }
            b"error" => {
                chunk.error = usage::is_error_value(scanner)?;
                Ok(())
            }
            b"type" if !self.has_choices() && scanner.kind()? == Kind::String => {
                chunk.typed = true;
                self.typed(scanner.string()?.raw);
                Ok(())
            }
            b"delta" if self.endpoint == Endpoint::Audio && scanner.kind()? == Kind::String => {
                self.output_text_bytes += scanner.string()?.decoded_len();
                Ok(())
            }
            _ => scanner.skip(),
        })
    }

    fn has_choices(&self) -> bool {
        matches!(self.endpoint, Endpoint::Chat | Endpoint::Completions)
    }

    fn choice(&mut self, choice: usage::Choice) {
        self.output_text_bytes += choice.text_bytes;
        if choice.index >= CHOICES_MAX {
            self.too_many_choices = true;
            return;
        }
        let bit = 1_u128 << choice.index;
        self.choices_seen |= bit;
        if choice.finished {
            self.choices_finished |= bit;
        }
    }

    /// Streams of images and audio name their events: `image_generation.completed`, `speech.audio.done`, `transcript.text.done`.
    fn typed(&mut self, name: &[u8]) {
        if name.ends_with(b".completed") {
            self.completed = true;
            self.images = self.images.saturating_add(1);
        } else if name.ends_with(b".done") {
            self.completed = true;
        }
    }
}

/// What the JSON of one event holds.
#[derive(Default)]
struct Chunk {
    choices: Option<u32>,
    usage: bool,
    error: bool,
    typed: bool,
}

/// The lines of one event.
struct Fields<'e> {
    data: Option<Cow<'e, [u8]>>,
    event: Option<&'e [u8]>,
    /// A line that is neither data nor a comment.
    other: bool,
}

impl<'e> Fields<'e> {
    fn of(event: &'e [u8]) -> Self {
        let mut fields = Self { data: None, event: None, other: false };
        let mut rest = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
        while !rest.is_empty() {
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, behind) = rest.split_at(length);
            rest = behind.get(1..).unwrap_or_default();
            if !line.is_empty() {
                fields.line(line);
            }
        }
        fields
    }

    fn line(&mut self, line: &'e [u8]) {
        if self.data.is_none()
            && let Some(value) = line.strip_prefix(b"data:")
        {
            self.data = Some(Cow::Borrowed(value.strip_prefix(b" ").unwrap_or(value)));
            return;
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"" => {}
            b"data" => match &mut self.data {
                None => self.data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            b"event" => {
                self.event = Some(value);
                self.other = true;
            }
            _ => self.other = true,
        }
    }
}

#[cfg(test)]
mod tests;
