//! What an answer used, in the disjoint counts that prices apply to.
//!
//! Upstreams count the same tokens in several places: OpenAI's `prompt_tokens` includes the cached ones and `completion_tokens` the reasoning,
//! Anthropic's `input_tokens` excludes the cached ones. Here every token lands in exactly one count (money.md, "Units"). Numbers are
//! believed only as far as they can be: parts never exceed their whole, nothing exceeds [`TOKENS_MAX`].

mod choice;

use tollway_policy::{
    admission::Endpoint,
    money::{Counts, TokenKind},
};

use crate::json::{self, Kind, Result, Scanner, each_member, each_object};
pub(crate) use choice::{Choice, choice};

/// More tokens than any request can use; a larger number is a fault of the upstream and is cut to this.
pub const TOKENS_MAX: u64 = 1 << 40;

/// What a whole JSON answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub valid_json: bool,
    /// A top-level `error` that is an object or a text: a failure, whatever the status says.
    pub is_error: bool,
    pub usage: Option<Counts>,
    /// UTF-8 bytes of text, reasoning and tool arguments; not counted where a usage states output.
    pub output_text_bytes: u64,
    /// Images in `data`, at the images endpoints.
    pub images: u64,
}

/// Reads a usage object. `None`: no count that we know stands in it.
pub fn counts(usage_object: &[u8]) -> Option<Counts> {
    let mut scanner = Scanner::new(usage_object);
    scanner.whitespace();
    read(&mut scanner, Endpoint::Chat).ok().flatten()
}

/// Reads a whole answer in one checked pass.
pub fn answer(body: &[u8], endpoint: Endpoint) -> Answer {
    let mut answer = Answer::default();
    let mut choices = None;
    let read = json::check_utf8(body).and_then(|()| {
        let mut scanner = Scanner::new(body);
        scanner.whitespace();
        if scanner.kind()? == Kind::Object {
            each_member(&mut scanner, |key, scanner| member(&mut answer, &mut choices, key, scanner, endpoint))?;
        } else {
            scanner.skip()?;
        }
        scanner.end()
    });
    if read.is_err() {
        return Answer::default();
    }
    // The text is only counted where no usage says what was written: nearly never.
    let told = answer.usage.is_some_and(|usage| usage.output_tokens() > 0);
    if let Some((start, end)) = choices.filter(|_| !told) {
        let mut scanner = Scanner::new(body.get(start..end).unwrap_or_default());
        let counted = each_object(&mut scanner, |scanner| {
            answer.output_text_bytes += choice(scanner)?.text_bytes;
            Ok(())
        });
        if counted.is_err() {
            return Answer::default();
        }
    }
    Answer { valid_json: true, ..answer }
}

fn member(
    answer: &mut Answer,
    choices: &mut Option<(usize, usize)>,
    key: &[u8],
    scanner: &mut Scanner<'_>,
    endpoint: Endpoint,
) -> Result<()> {
    match key {
        b"error" => {
            answer.is_error = is_error_value(scanner)?;
            Ok(())
        }
        b"usage" => {
            answer.usage = read(scanner, endpoint)?.or(answer.usage);
            Ok(())
        }
        b"choices" => {
            let start = scanner.position();
            scanner.skip()?;
            *choices = Some((start, scanner.position()));
            Ok(())
        }
        b"data" if endpoint == Endpoint::Images => each_object(scanner, |scanner| {
            answer.images += 1;
            scanner.skip()
        }),
        b"text" if endpoint == Endpoint::Audio && scanner.kind()? == Kind::String => {
            answer.output_text_bytes += scanner.string()?.decoded_len();
            Ok(())
        }
        // verbose_json of transcriptions; a usage object, where there is one, says the same or more.
        b"duration" if endpoint == Endpoint::Audio => {
            if let Some(milliseconds) = milliseconds(scanner)?.filter(|_| answer.usage.is_none()) {
                answer.usage = Some(Counts { milliseconds, ..Counts::default() });
            }
            Ok(())
        }
        _ => scanner.skip(),
    }
}

/// Whether the value of an `error` member says that there is one. Passes over it.
pub(crate) fn is_error_value(scanner: &mut Scanner<'_>) -> Result<bool> {
    match scanner.kind()? {
        Kind::Object => scanner.skip().map(|()| true),
        Kind::String => Ok(!scanner.string()?.raw.is_empty()),
        _ => scanner.skip().map(|()| false),
    }
}

/// Counts as an upstream states them; `None`: not stated.
#[derive(Clone, Copy, Debug, Default)]
struct Stated {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    /// `input_tokens` beside `cache_*_input_tokens` is Anthropic's way of counting: the input excludes the cached part.
    native_input: bool,
    native_cache: bool,
    cached: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    audio_input: u64,
    image_input: u64,
    reasoning: u64,
    audio_output: u64,
    image_output: u64,
    milliseconds: Option<u64>,
}

/// Reads the usage value that the scanner stands on; null and the like are no usage.
pub(crate) fn read(scanner: &mut Scanner<'_>, endpoint: Endpoint) -> Result<Option<Counts>> {
    if scanner.kind()? != Kind::Object {
        return scanner.skip().map(|()| None);
    }
    let mut stated = Stated::default();
    each_member(scanner, |key, scanner| stated.member(key, scanner))?;
    Ok(stated.counts(endpoint))
}

impl Stated {
    fn member(&mut self, key: &[u8], scanner: &mut Scanner<'_>) -> Result<()> {
        match key {
            b"prompt_tokens" => self.input = tokens(scanner)?.or(self.input),
            b"input_tokens" => {
                let stated = tokens(scanner)?;
                self.native_input |= stated.is_some() && self.input.is_none();
                self.input = self.input.or(stated);
            }
            b"completion_tokens" => self.output = tokens(scanner)?.or(self.output),
            b"output_tokens" => {
                let stated = tokens(scanner)?;
                self.output = self.output.or(stated);
            }
            b"total_tokens" => self.total = tokens(scanner)?,
            b"prompt_tokens_details" | b"input_tokens_details" | b"input_token_details" => {
                self.details(scanner, Self::input_detail)?;
            }
            b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details" => {
                self.details(scanner, Self::output_detail)?;
            }
            b"cache_read_input_tokens" => {
                let stated = tokens(scanner)?;
                self.native_cache |= stated.is_some();
                self.cached = self.cached.max(stated.unwrap_or(0));
            }
            b"cache_creation_input_tokens" => {
                let stated = tokens(scanner)?;
                self.native_cache |= stated.is_some();
                self.cache_write_5m = self.cache_write_5m.max(stated.unwrap_or(0));
            }
            b"cache_creation" => self.details(scanner, Self::cache_creation)?,
            b"prompt_cache_hit_tokens" => self.cached = self.cached.max(tokens(scanner)?.unwrap_or(0)),
            b"seconds" | b"duration" => self.milliseconds = milliseconds(scanner)?,
            _ => scanner.skip()?,
        }
        Ok(())
    }

    fn details(&mut self, scanner: &mut Scanner<'_>, set: fn(&mut Self, &[u8], u64)) -> Result<()> {
        if scanner.kind()? != Kind::Object {
            return scanner.skip();
        }
        each_member(scanner, |key, scanner| {
            if let Some(count) = tokens(scanner)? {
                set(self, key, count);
            }
            Ok(())
        })
    }

    fn input_detail(&mut self, key: &[u8], count: u64) {
        match key {
            b"cached_tokens" => self.cached = self.cached.max(count),
            b"cache_write_tokens" | b"cache_creation_tokens" => self.cache_write_5m = self.cache_write_5m.max(count),
            b"audio_tokens" => self.audio_input = count,
            b"image_tokens" => self.image_input = count,
            _ => {}
        }
    }

    fn output_detail(&mut self, key: &[u8], count: u64) {
        match key {
            b"reasoning_tokens" => self.reasoning = count,
            b"audio_tokens" => self.audio_output = count,
            b"image_tokens" => self.image_output = count,
            _ => {}
        }
    }

    /// The split of `cache_creation_input_tokens` by how long the cache keeps it.
    fn cache_creation(&mut self, key: &[u8], count: u64) {
        if key == b"ephemeral_1h_input_tokens" {
            self.cache_write_1h = count;
        }
    }

    /// Every token into one count. What a part claims beyond its whole is cut off, in the order of the lines below.
    fn counts(mut self, endpoint: Endpoint) -> Option<Counts> {
        if self.input.is_none() && self.output.is_none() && self.total.is_none() && self.milliseconds.is_none() {
            return None;
        }
        let total = self.total.unwrap_or(0);
        let output = self.output.unwrap_or_else(|| self.input.map_or(0, |input| total.saturating_sub(input)));
        let input = self.input.unwrap_or_else(|| total.saturating_sub(output));
        let mut tokens = [0; 10];
        let mut set = |kind: TokenKind, count: u64| tokens[kind.index()] = count;

        self.cache_write_1h = self.cache_write_1h.min(self.cache_write_5m);
        self.cache_write_5m -= self.cache_write_1h;
        let (mut input_left, mut output_left) = (input, output);
        if self.native_input && self.native_cache {
            input_left =
                input_left.saturating_add(self.cached).saturating_add(self.cache_write_5m + self.cache_write_1h);
        }
        set(TokenKind::CacheRead, take(&mut input_left, self.cached));
        set(TokenKind::CacheWrite5m, take(&mut input_left, self.cache_write_5m));
        set(TokenKind::CacheWrite1h, take(&mut input_left, self.cache_write_1h));
        set(TokenKind::AudioInput, take(&mut input_left, self.audio_input));
        set(TokenKind::ImageInput, take(&mut input_left, self.image_input));
        set(TokenKind::Input, input_left);

        let hidden = self.hidden_reasoning(input, output);
        output_left = output_left.saturating_add(hidden);
        set(TokenKind::Reasoning, take(&mut output_left, self.reasoning.max(hidden)));
        set(TokenKind::AudioOutput, take(&mut output_left, self.audio_output));
        // An image model answers in image tokens, whether it splits them out or not.
        let images = if endpoint == Endpoint::Images { output_left } else { self.image_output };
        set(TokenKind::ImageOutput, take(&mut output_left, images));
        set(TokenKind::Output, output_left);
        Some(Counts { tokens, milliseconds: self.milliseconds.unwrap_or(0), ..Counts::default() })
    }

    /// Reasoning that stands outside `completion_tokens`: xAI states it apart, Gemini's OpenAI endpoint shows it in `total_tokens` only. The
    /// caller had it made, and the upstream charges for it.
    fn hidden_reasoning(&self, input: u64, output: u64) -> u64 {
        let beyond = self.total.unwrap_or(0).saturating_sub(input.saturating_add(output));
        let stated_apart = self.reasoning > 0 && beyond == self.reasoning;
        let unstated = self.reasoning == 0 && !self.native_cache && self.cached != beyond && self.output.is_some();
        if stated_apart || unstated { beyond } else { 0 }
    }
}

fn take(left: &mut u64, claimed: u64) -> u64 {
    let taken = claimed.min(*left);
    *left -= taken;
    taken
}

/// A count of tokens; not a number: `None`. Negative is 0, a fraction is rounded up, an absurd one is cut to [`TOKENS_MAX`].
fn tokens(scanner: &mut Scanner<'_>) -> Result<Option<u64>> {
    // Counts are nearly always a few digits; everything else takes the exact way.
    if let Some(count) = scanner.small_integer() {
        return Ok(Some(count.min(TOKENS_MAX)));
    }
    Ok(thousandths(scanner)?.map(|number| number.div_ceil(1000).min(TOKENS_MAX)))
}

fn milliseconds(scanner: &mut Scanner<'_>) -> Result<Option<u64>> {
    Ok(thousandths(scanner)?.map(|number| number.min(TOKENS_MAX)))
}

/// A decimal number times 1000, rounded up. An exponent is not read: counts are not written so.
fn thousandths(scanner: &mut Scanner<'_>) -> Result<Option<u64>> {
    if scanner.kind()? != Kind::Number {
        return scanner.skip().map(|()| None);
    }
    let text = scanner.number()?;
    if text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return Ok(None);
    }
    if text.first() == Some(&b'-') {
        return Ok(Some(0));
    }
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let digits = |text: &[u8]| {
        text.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    };
    let whole = digits(parts.next().unwrap_or_default());
    let fraction = parts.next().unwrap_or_default();
    let places = fraction.get(..fraction.len().min(3)).unwrap_or_default();
    let scaled = digits(places) * [1000, 100, 10, 1][places.len()];
    let more = u64::from(fraction.iter().skip(3).any(|digit| *digit != b'0'));
    Ok(Some(whole.saturating_mul(1000).saturating_add(scaled + more)))
}

#[cfg(test)]
mod tests;
