//! What a request is charged for: the reported usage where it is plausible, else counts made from what passed.
//!
//! Nothing delivered costs nothing. Output delivered is never free of charge by a usage that says zero: that counts as no usage at all. What was
//! counted here instead of reported is marked as estimated.

use crate::money::{Counts, TokenKind};

/// Bytes of text per token where the model states none, in 10⁻³.
pub const BYTES_PER_TOKEN_DEFAULT_MILLI: u32 = 4_000;

/// How a request ended, as far as its charge depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the upstream reported, normalised to disjoint counts.
    pub usage: Option<Counts>,
    /// Whether anything of an answer reached the client.
    pub delivered_any: bool,
    /// UTF-8 bytes of delivered text, reasoning and tool arguments.
    pub delivered_output_bytes: u64,
    /// UTF-8 bytes of the request's texts and tools, data URLs left out.
    pub input_text_bytes: u64,
    /// Units that no usage reports: delivered images, processed time, characters to be spoken.
    pub images: u64,
    pub milliseconds: u64,
    pub characters: u64,
}

/// The counts to be charged, and whether they are an estimate.
#[must_use]
pub fn counts(outcome: &Outcome, bytes_per_token_milli: u32) -> (Counts, bool) {
    if !outcome.delivered_any {
        return (Counts::default(), false);
    }
    let reported = outcome.usage.filter(|usage| is_plausible(usage, outcome));
    // Units that were reported although the tokens are not believed still stand.
    let units = outcome.usage.unwrap_or_default();
    let tokens = reported.map_or_else(|| estimated_tokens(outcome, bytes_per_token_milli), |usage| usage.tokens);
    let counts = Counts {
        tokens,
        requests: 1,
        images: units.images.max(outcome.images),
        milliseconds: units.milliseconds.max(outcome.milliseconds),
        characters: units.characters.max(outcome.characters),
    };
    (counts, reported.is_none() && tokens != [0; 10])
}

fn is_plausible(usage: &Counts, outcome: &Outcome) -> bool {
    usage.output_tokens() > 0 || (outcome.delivered_output_bytes == 0 && usage.input_tokens() > 0)
}

fn estimated_tokens(outcome: &Outcome, bytes_per_token_milli: u32) -> [u64; 10] {
    let per_token_milli =
        if bytes_per_token_milli == 0 { BYTES_PER_TOKEN_DEFAULT_MILLI } else { bytes_per_token_milli };
    let tokens_of = |bytes: u64| bytes.saturating_mul(1_000).div_ceil(u64::from(per_token_milli));
    let mut tokens = [0; 10];
    tokens[TokenKind::Input.index()] = tokens_of(outcome.input_text_bytes);
    tokens[TokenKind::Output.index()] = tokens_of(outcome.delivered_output_bytes);
    tokens
}

#[cfg(test)]
mod tests;
