//! Prices, counts, and the one formula that turns them into nano-USD.
//!
//! Everything is an integer: prices in pico-USD per token or nano-USD per unit, the sum in 128 bits of pico, one rounding up to nano at the very
//! end. So a charge recomputes bit for bit from its stored row, and a bound is never below the charge it was made for.

use crate::ids::Id;
use core::fmt;

/// A multiplier of one, in 10⁻⁶.
pub const MULTIPLIER_ONE_MICRO: u64 = 1_000_000;

/// What a token was. The order is that of the snapshot and of the usage rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TokenKind {
    Input,
    CacheRead,
    CacheWrite5m,
    CacheWrite1h,
    Output,
    Reasoning,
    AudioInput,
    AudioOutput,
    ImageInput,
    ImageOutput,
}

impl TokenKind {
    pub const ALL: [Self; 10] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Output,
        Self::Reasoning,
        Self::AudioInput,
        Self::AudioOutput,
        Self::ImageInput,
        Self::ImageOutput,
    ];

    /// Its place in [`Price::token_pico`] and [`Counts::tokens`].
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
            Self::ImageInput => "image_input",
            Self::ImageOutput => "image_output",
        }
    }

    /// Whether the model made it, as against was given it.
    #[must_use]
    #[inline]
    pub const fn is_output(self) -> bool {
        matches!(self, Self::Output | Self::Reasoning | Self::AudioOutput | Self::ImageOutput)
    }
}

/// One version of a model's prices; defaults are already filled in. A version never changes, a new one supersedes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub id: Id,
    pub token_pico: [u64; 10],
    pub request_nano: u64,
    pub image_nano: u64,
    pub second_nano: u64,
    pub character_pico: u64,
}

/// What a request used. The token counts are disjoint: a cached token is not also an input token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub tokens: [u64; 10],
    pub requests: u64,
    pub images: u64,
    pub milliseconds: u64,
    pub characters: u64,
}

/// The most that a request can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    pub input_tokens_max: u64,
    pub output_tokens_max: u64,
    pub images: u64,
    pub milliseconds_max: u64,
    pub characters: u64,
    /// 1 for a request that is answered.
    pub requests: u64,
}

impl Counts {
    #[must_use]
    pub fn input_tokens(&self) -> u64 {
        self.sum(false)
    }

    #[must_use]
    pub fn output_tokens(&self) -> u64 {
        self.sum(true)
    }

    fn sum(&self, output: bool) -> u64 {
        let kinds = TokenKind::ALL.iter().filter(|kind| kind.is_output() == output);
        kinds.fold(0, |sum: u64, kind| sum.saturating_add(self.tokens[kind.index()]))
    }
}

impl Price {
    /// The highest price that a token of the input, or of the output, can have.
    fn highest_pico(&self, output: bool) -> u64 {
        let kinds = TokenKind::ALL.iter().filter(|kind| kind.is_output() == output);
        kinds.map(|kind| self.token_pico[kind.index()]).max().unwrap_or(0)
    }

    fn units_pico(&self, requests: u64, images: u64, milliseconds: u64, characters: u64) -> u128 {
        let nano_to_pico = 1_000;
        product(self.request_nano, requests)
            .saturating_add(product(self.image_nano, images))
            .saturating_mul(nano_to_pico)
            // nano per second is pico per millisecond
            .saturating_add(product(self.second_nano, milliseconds))
            .saturating_add(product(self.character_pico, characters))
    }
}

/// What the counts cost: the exact sum times the multiplier (in 10⁻⁶), rounded up once.
#[must_use]
pub fn charge_nano(price: &Price, counts: &Counts, multiplier_micro: u64) -> i64 {
    let tokens = price
        .token_pico
        .iter()
        .zip(&counts.tokens)
        .fold(0u128, |sum, (&pico, &n)| sum.saturating_add(product(pico, n)));
    let units = price.units_pico(counts.requests, counts.images, counts.milliseconds, counts.characters);
    nano_rounded_up(tokens.saturating_add(units), multiplier_micro)
}

/// What the request can cost at most: never below [`charge_nano`] of any counts inside `ask`.
#[must_use]
pub fn bound_nano(price: &Price, ask: &Ask, multiplier_micro: u64) -> i64 {
    let input = product(price.highest_pico(false), ask.input_tokens_max);
    let output = product(price.highest_pico(true), ask.output_tokens_max);
    let units = price.units_pico(ask.requests, ask.images, ask.milliseconds_max, ask.characters);
    nano_rounded_up(input.saturating_add(output).saturating_add(units), multiplier_micro)
}

#[inline]
fn product(price: u64, count: u64) -> u128 {
    u128::from(price) * u128::from(count) // 64 × 64 bits always fit
}

/// Saturation is safe: whatever reached the top of 128 bits is far above the top of the result.
fn nano_rounded_up(pico: u128, multiplier_micro: u64) -> i64 {
    const PICO_MICRO_PER_NANO: u128 = 1_000 * 1_000_000;
    let nano = pico.saturating_mul(u128::from(multiplier_micro)).div_ceil(PICO_MICRO_PER_NANO);
    i64::try_from(nano).unwrap_or(i64::MAX)
}

/// An amount as decimal USD: at least two places, at most nine, no zeros at the end beyond the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usd(pub i64);

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nano = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (mut fraction, mut places) = (nano % 1_000_000_000, 9);
        while places > 2 && fraction % 10 == 0 {
            fraction /= 10;
            places -= 1;
        }
        write!(f, "{sign}{}.{fraction:0places$}", nano / 1_000_000_000)
    }
}

#[cfg(test)]
mod tests;
