//! Request bodies: the few facts that policy needs, read in one checked pass; and the splice that changes only what must change.
//!
//! A key that decides something (`model`, `stream`, limits, the content that is counted) may stand in the body once: JSON readers differ in
//! which of two they believe, and the upstream's reader is not ours. Escaped spellings (`"mod\u0065l"`) count as the key they spell.
//! All other members are checked for syntax only and travel as they are.

mod content;
mod field;
mod splice;

use tollway_policy::{admission::Endpoint, refusal::Refusal};

use crate::{
    Span,
    json::{self, Kind, Scanner, Text},
    refuse::unreadable,
};
use content::Content;
use field::Field;
pub(crate) use splice::{Edits, whole};
pub use splice::{Piece, Plan, plan};

/// A longer model name is nobody's.
pub const MODEL_BYTES_MAX: u64 = 256;
/// No count in a request means more than this; larger numbers are mistakes, and sums of them must not wrap.
const NUMBER_MAX: u64 = 1 << 40;

/// What `stream_options` says about usage, and where to change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncludeUsage {
    /// No `stream_options` member.
    NoOptions,
    /// `stream_options` is null; the span is the `null`.
    Null {
        value: Span,
    },
    /// An object without `include_usage`; the position is just behind its `{`.
    Absent {
        insert_at: u32,
    },
    /// `include_usage` is false or null; the span is that value.
    False {
        value: Span,
    },
    True,
}

/// What policy needs to know of a request body. Spans lie in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The model's name as it stands between its quotes; see [`model_name`].
    pub model: Span,
    pub model_escaped: bool,
    pub stream: bool,
    pub include_usage: IncludeUsage,
    /// `max_tokens` or `max_completion_tokens`.
    pub max_output: Option<u64>,
    /// The values themselves (also a null), for replacing them.
    pub max_tokens_value: Option<Span>,
    pub max_completion_tokens_value: Option<Span>,
    /// `n`, at least 1.
    pub choices: u64,
    /// UTF-8 bytes of the text that an upstream would count as input (protocols.md, "Counting when usage is missing"). A token id counts 4.
    pub text_bytes: u64,
    /// Unicode scalar values of a speech request's `input`.
    pub characters: u64,
    /// Images asked for; 0 at other endpoints.
    pub images: u64,
    /// Messages, tools and media parts (images, audio, files) of a chat: each costs input tokens beyond its text.
    pub messages: u64,
    pub tools: u64,
    pub media_parts: u64,
    /// Just behind the body's `{`.
    pub insert_at: u32,
}

/// Reads a JSON body. 400 `invalid_json` when it is no JSON object, else 400 `invalid_request` naming the first wrong member.
pub fn scan(body: &[u8], endpoint: Endpoint) -> Result<Facts, Refusal> {
    if body.is_empty() {
        return Err(Refusal::invalid_json("The body is empty. Send a JSON object."));
    }
    if let Err(error) = json::check_utf8(body) {
        return Err(unreadable(error, 0));
    }
    let mut reading = Reading::new(body, endpoint);
    if let Err(error) = reading.body() {
        return Err(unreadable(error, reading.scanner.position()));
    }
    reading.facts()
}

/// The model's name with its escapes undone: PHP writes `a\/b` for `a/b`.
pub fn model_name<'a>(facts: &Facts, body: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let raw = facts.model.of(body);
    if !facts.model_escaped {
        return raw;
    }
    scratch.clear();
    json::decode_into(raw, scratch);
    scratch
}

/// One pass over a body. A wrong member does not end it: bad JSON further on is the graver fault and is told first.
struct Reading<'b> {
    scanner: Scanner<'b>,
    endpoint: Endpoint,
    seen: u32,
    problem: Option<(&'static str, &'static str)>,
    insert_at: usize,
    model: Option<Text<'b>>,
    stream: bool,
    include_usage: IncludeUsage,
    max_tokens: (Option<u64>, Option<Span>),
    max_completion_tokens: (Option<u64>, Option<Span>),
    choices: u64,
    content: Content,
}

impl<'b> Reading<'b> {
    fn new(body: &'b [u8], endpoint: Endpoint) -> Self {
        Self {
            scanner: Scanner::new(body),
            endpoint,
            seen: 0,
            problem: None,
            insert_at: 0,
            model: None,
            stream: false,
            include_usage: IncludeUsage::NoOptions,
            max_tokens: (None, None),
            max_completion_tokens: (None, None),
            choices: 1,
            content: Content::default(),
        }
    }

    fn body(&mut self) -> json::Result<()> {
        self.scanner.whitespace();
        if self.scanner.kind()? != Kind::Object {
            return Err(json::JsonError::Syntax);
        }
        self.scanner.enter()?;
        self.insert_at = self.scanner.position();
        let mut first = true;
        while let Some(key) = self.scanner.next_key(first)? {
            first = false;
            let Some(field) = key.as_key(|name| Field::of(name, self.endpoint)) else {
                self.scanner.skip()?;
                continue;
            };
            if self.seen & field.bit() != 0 {
                self.wrong(field.name(), "stands in the body twice");
            }
            self.seen |= field.bit();
            self.member(field)?;
        }
        self.scanner.end()
    }

    fn wrong(&mut self, param: &'static str, what: &'static str) {
        self.problem.get_or_insert((param, what));
    }

    fn member(&mut self, field: Field) -> json::Result<()> {
        match field {
            Field::Model => self.model(),
            Field::Stream => {
                self.stream = self.flag(field.name())? == Some(true);
                Ok(())
            }
            Field::StreamOptions => self.stream_options(),
            Field::MaxTokens => {
                self.max_tokens = self.count(field.name())?;
                Ok(())
            }
            Field::MaxCompletionTokens => {
                self.max_completion_tokens = self.count(field.name())?;
                Ok(())
            }
            Field::N => {
                let count = self.count(field.name())?.0;
                if count == Some(0) {
                    self.wrong(field.name(), "must be at least 1");
                }
                self.choices = count.unwrap_or(1).max(1);
                Ok(())
            }
            Field::Tools | Field::Functions => self.content.tools(&mut self.scanner),
            Field::Messages | Field::Prompt | Field::Input | Field::Query | Field::Documents => {
                if let Err(what) = self.content.read(&mut self.scanner, self.endpoint)? {
                    self.wrong(field.name(), what);
                }
                Ok(())
            }
        }
    }

    fn model(&mut self) -> json::Result<()> {
        if self.scanner.kind()? != Kind::String {
            self.wrong("model", "must be a string");
            return self.scanner.skip();
        }
        let model = self.scanner.string()?;
        match model.decoded_len() {
            0 => self.wrong("model", "must not be empty"),
            1..=MODEL_BYTES_MAX => {}
            _ => self.wrong("model", "must not be longer than 256 bytes"),
        }
        self.model = Some(model);
        Ok(())
    }

    /// True, false, or null for "not stated".
    fn flag(&mut self, param: &'static str) -> json::Result<Option<bool>> {
        let value = match self.scanner.kind()? {
            Kind::True => Some(true),
            Kind::False => Some(false),
            Kind::Null => None,
            _ => {
                self.wrong(param, "must be true or false");
                None
            }
        };
        self.scanner.skip()?;
        Ok(value)
    }

    /// A whole number or null, and where it stands.
    fn count(&mut self, param: &'static str) -> json::Result<(Option<u64>, Option<Span>)> {
        let start = self.scanner.position();
        let number = match self.scanner.kind()? {
            Kind::Number => {
                let number = self.scanner.unsigned()?.filter(|number| *number <= NUMBER_MAX);
                if number.is_none() {
                    self.wrong(param, "must be a whole number, zero or more, without fraction or exponent");
                }
                number
            }
            kind => {
                if kind != Kind::Null {
                    self.wrong(param, "must be a whole number");
                }
                self.scanner.skip()?;
                None
            }
        };
        Ok((number, Some(Span::new(start, self.scanner.position()))))
    }

    fn stream_options(&mut self) -> json::Result<()> {
        let start = self.scanner.position();
        match self.scanner.kind()? {
            Kind::Object => {}
            kind => {
                if kind != Kind::Null {
                    self.wrong("stream_options", "must be an object");
                }
                self.scanner.skip()?;
                self.include_usage = IncludeUsage::Null { value: Span::new(start, self.scanner.position()) };
                return Ok(());
            }
        }
        self.scanner.enter()?;
        self.include_usage = IncludeUsage::Absent { insert_at: crate::to_u32(self.scanner.position()) };
        let mut first = true;
        while let Some(key) = self.scanner.next_key(first)? {
            first = false;
            if !key.as_key(|name| name == b"include_usage") {
                self.scanner.skip()?;
                continue;
            }
            if !matches!(self.include_usage, IncludeUsage::Absent { .. }) {
                self.wrong("stream_options.include_usage", "stands in the body twice");
            }
            let start = self.scanner.position();
            let wanted = self.flag("stream_options.include_usage")?;
            let value = Span::new(start, self.scanner.position());
            self.include_usage = if wanted == Some(true) { IncludeUsage::True } else { IncludeUsage::False { value } };
        }
        Ok(())
    }

    fn facts(self) -> Result<Facts, Refusal> {
        if let Some((param, what)) = self.problem {
            return Err(Refusal::invalid(param, format!("`{param}` {what}.")));
        }
        if let Some(missing) = Field::required(self.endpoint).iter().find(|field| self.seen & field.bit() == 0) {
            return Err(Refusal::invalid(missing.name(), format!("`{}` is missing.", missing.name())));
        }
        let max_output = match (self.max_tokens.0, self.max_completion_tokens.0) {
            (Some(old), Some(new)) if old != new => {
                let message = "`max_tokens` and `max_completion_tokens` differ. Send one of them.";
                return Err(Refusal::invalid("max_tokens", message));
            }
            (old, new) => old.or(new),
        };
        let model = self.model.unwrap_or_default();
        Ok(Facts {
            model: Span::new(model.start, model.start + model.raw.len()),
            model_escaped: model.escaped,
            stream: self.stream,
            include_usage: self.include_usage,
            max_output,
            max_tokens_value: self.max_tokens.1,
            max_completion_tokens_value: self.max_completion_tokens.1,
            choices: self.choices,
            text_bytes: self.content.text_bytes,
            characters: self.content.characters,
            images: if self.endpoint == Endpoint::Images { self.choices } else { 0 },
            messages: self.content.messages,
            tools: self.content.tools,
            media_parts: self.content.media_parts,
            insert_at: crate::to_u32(self.insert_at),
        })
    }
}

#[cfg(test)]
mod tests;
