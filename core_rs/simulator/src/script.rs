//! How a scripted answer behaves. One set of fields, written in two ways: as JSON in a plan, or in a model's name.
//!
//! `script:chunks=8,gap_us=2000,cut=300,no_done` is the grammar of names: pairs with a comma between them, a bare word means `true`, digits
//! a number, all else text. A name is read through the same checks as a plan, so an unknown field or value is an error that names it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Script {
    // What is said.
    /// UTF-8 bytes of text in the whole answer (per choice); a stream spreads them over its chunks.
    pub(crate) bytes: usize,
    /// Size of a whole plain body; the text is stretched to reach it.
    pub(crate) body_bytes: Option<usize>,
    /// Events with text, per choice of a stream.
    pub(crate) chunks: usize,
    /// Size of one such event with its line ends; the text is stretched to reach it.
    pub(crate) chunk_bytes: Option<usize>,
    pub(crate) choices: usize,
    pub(crate) text: Alphabet,
    /// Which member bears the text.
    pub(crate) say: Member,
    /// Makes the line of the first event with text this long.
    pub(crate) line_bytes: Option<usize>,

    // What is said about it.
    pub(crate) usage: Usage,
    /// A stream's last event (`own`), its finish event, or every event with text.
    pub(crate) usage_in: UsagePlace,
    pub(crate) prompt: u64,
    /// Default: one token per four bytes of text, rounded up.
    pub(crate) completion: Option<u64>,
    pub(crate) cached: u64,
    pub(crate) reasoning: u64,

    // When.
    /// Before the head.
    pub(crate) delay_ms: u64,
    /// Between events. Timers tick in milliseconds: shorter gaps come in bursts that keep the average.
    pub(crate) gap_us: u64,
    /// Writes the body in pieces of this size, each a chunk of its own.
    pub(crate) split: Option<usize>,
    /// Writes everything, head and framing too, in pieces of this size.
    pub(crate) wire_split: Option<usize>,

    // In which form.
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    /// Instead of the body that would be due.
    pub(crate) body: Option<String>,
    pub(crate) empty: bool,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    /// Adds fields of padding to the head, this many bytes in all.
    pub(crate) extra_head: usize,
    pub(crate) interim: Option<u16>,
    pub(crate) http10: bool,
    pub(crate) close: bool,
    /// Default: chunked for streams, content for all else.
    pub(crate) length: Option<Length>,
    pub(crate) eol: Eol,
    /// The whole answer, byte for byte, head included. Only stall, cut, reset and the timing still apply.
    pub(crate) raw: Option<String>,

    // What goes wrong.
    pub(crate) stall: Option<Stall>,
    /// Closes (FIN) after n bytes of body.
    pub(crate) cut: Option<usize>,
    /// Resets (RST) after n bytes of body.
    pub(crate) reset: Option<usize>,
    /// Event k of a stream (0 is the very first) is an error, and the last.
    pub(crate) error_event: Option<usize>,
    /// A 200 with the body of an error.
    pub(crate) error_in_200: bool,
    pub(crate) garbage: Option<Garbage>,
    pub(crate) no_finish: bool,
    pub(crate) no_done: bool,
    /// No final chunk; the connection is closed where it would stand.
    pub(crate) no_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Alphabet {
    Ascii,
    /// Characters of two to four bytes, so that a split may fall inside one.
    Wide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Member {
    Content,
    Reasoning,
    Tool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Usage {
    Given,
    Missing,
    /// A thousand times the truth.
    Lying,
    Null,
    /// No output, although there was some.
    Zero,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UsagePlace {
    Own,
    Finish,
    Every,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Length {
    Chunked,
    Content,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Eol {
    Lf,
    Crlf,
    Cr,
}

impl Eol {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
            Self::Cr => "\r",
        }
    }
}

/// Where an answer stops without ending. The connection stays open until the client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stall {
    /// Not a byte is sent. (A connect that hangs is `POST /__sim/unreachable`.)
    Connect,
    /// Inside the head.
    Head,
    /// Between the head and the body.
    First,
    /// Halfway through the body.
    Mid,
    /// Before what ends it: `[DONE]`, or the last byte.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Garbage {
    /// No HTTP at all.
    Http,
    /// A body that is not JSON, under a head that says it is.
    Body,
    /// An event in the middle of a stream whose data is not JSON.
    Event,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            bytes: 64,
            body_bytes: None,
            chunks: 4,
            chunk_bytes: None,
            choices: 1,
            text: Alphabet::Ascii,
            say: Member::Content,
            line_bytes: None,
            usage: Usage::Given,
            usage_in: UsagePlace::Own,
            prompt: 12,
            completion: None,
            cached: 0,
            reasoning: 0,
            delay_ms: 0,
            gap_us: 0,
            split: None,
            wire_split: None,
            status: 200,
            retry_after: None,
            body: None,
            empty: false,
            content_type: None,
            headers: BTreeMap::new(),
            extra_head: 0,
            interim: None,
            http10: false,
            close: false,
            length: None,
            eol: Eol::Lf,
            raw: None,
            stall: None,
            cut: None,
            reset: None,
            error_event: None,
            error_in_200: false,
            garbage: None,
            no_finish: false,
            no_done: false,
            no_end: false,
        }
    }
}

/// A script may not ask for an answer larger than this: it is rendered whole, in memory.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

impl Script {
    /// `None`: the name is not a script's. `Some(Err)`: it wants to be one, and the text says what is wrong.
    pub(crate) fn named(model: &str) -> Option<Result<Self, String>> {
        if let Some(pairs) = model.strip_prefix("script:") {
            return Some(Self::from_pairs(pairs));
        }
        if let Some(size) = model.strip_prefix("json-") {
            return Some(bytes(size).map_or_else(
                || Err(format!("{model}: expected json-SIZE, as in json-1k")),
                |body_bytes| Self { body_bytes: Some(body_bytes), ..Self::default() }.checked(),
            ));
        }
        let numbers = model.strip_prefix("sse-")?;
        let parts: Vec<Option<usize>> = numbers.split('-').map(|part| part.parse().ok()).collect();
        Some(match parts[..] {
            [Some(chunks), Some(gap_us), Some(chunk_bytes)] => {
                Self { chunks, gap_us: gap_us as u64, chunk_bytes: Some(chunk_bytes), ..Self::default() }.checked()
            }
            _ => Err(format!("{model}: expected sse-CHUNKS-GAP_US-CHUNK_BYTES, as in sse-64-0-250")),
        })
    }

    pub(crate) fn from_value(value: Value) -> Result<Self, String> {
        serde_json::from_value::<Self>(value).map_err(|error| format!("the script is wrong: {error}"))?.checked()
    }

    fn from_pairs(pairs: &str) -> Result<Self, String> {
        let mut fields = Map::new();
        for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, "true"));
            let value = match text {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                // The one numeric field that is text: a test may want `Retry-After: soon`.
                _ if name == "retry_after" => Value::from(text),
                _ => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
            };
            fields.insert(name.to_owned(), value);
        }
        Self::from_value(Value::Object(fields))
    }

    fn checked(self) -> Result<Self, String> {
        let per_chunk = self.chunk_bytes.unwrap_or(256);
        let all = self
            .chunks
            .saturating_mul(self.choices)
            .saturating_mul(per_chunk)
            .saturating_add(self.bytes.saturating_mul(self.choices))
            .saturating_add(self.body_bytes.unwrap_or(0))
            .saturating_add(self.line_bytes.unwrap_or(0))
            .saturating_add(self.extra_head);
        if all > ANSWER_BYTES_MAX {
            return Err(format!("the script is wrong: its answer would pass {ANSWER_BYTES_MAX} bytes"));
        }
        if self.choices == 0 || self.split == Some(0) || self.wire_split == Some(0) {
            return Err("the script is wrong: choices, split and wire_split must be 1 or more".to_owned());
        }
        if !(100..=999).contains(&self.status) {
            return Err("the script is wrong: status must have three digits".to_owned());
        }
        Ok(self)
    }
}

/// `512`, `1k`, `20m`.
fn bytes(size: &str) -> Option<usize> {
    let (digits, unit) = match size.as_bytes().last()? {
        b'k' => (&size[..size.len() - 1], 1 << 10),
        b'm' => (&size[..size.len() - 1], 1 << 20),
        _ => (size, 1),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests;
