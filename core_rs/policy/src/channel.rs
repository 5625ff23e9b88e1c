//! Which channel serves a request, whether a failed attempt may be followed by another, and what the client is told when none was good.
//!
//! One layer retries, and only here: at most two more attempts, only before the first byte to the client, only for failures that say nothing
//! about the request, and only while the upstream's budget has room, so that an outage is not made worse by those who wait for it to end.

use crate::refusal::Refusal;
use crate::snapshot::{Channel, Model};

pub use crate::retry::RetryBudget;

/// Attempts after the first.
pub const RETRIES_MAX: u32 = 2;

/// What an upstream's pacing makes a client wait when the upstream does not say.
const PACED_RETRY_NS: u64 = 1_000_000_000;

/// How an attempt failed before anything of its answer went to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptFailure {
    /// No connection, or no TLS.
    Connect,
    /// The connection broke before the answer was whole, or before its first byte.
    Reset,
    /// A status that is not a success.
    Status(u16),
    FirstByteTimeout,
    /// A success that is none: no JSON where JSON is due, a wrong content type, an error as body or as first event.
    BadAnswer,
}

impl AttemptFailure {
    /// Whether another channel might do better with the same request.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Connect | Self::Reset | Self::FirstByteTimeout | Self::BadAnswer => true,
            Self::Status(status) => matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 529),
        }
    }

    /// Whether the upstream judged the request itself: its status, and its body if that is an OpenAI error, are the client's answer.
    #[must_use]
    pub const fn is_about_the_request(self) -> bool {
        matches!(self, Self::Status(400 | 409 | 422))
    }
}

/// Picks among the channels that can be used and were not tried: the lowest priority tier that has one, inside it by weight.
///
/// `random` is any uniformly drawn number. A weight of 0 is a stand-by: it is picked only when its tier has nothing else left.
#[must_use]
pub fn pick<'m>(model: &'m Model, tried: &[u16], random: u64) -> Option<(u16, &'m Channel)> {
    let usable = || {
        let numbered = (0u16..).zip(model.channels.iter());
        numbered.filter(|(index, channel)| {
            channel.upstream.enabled && channel.upstream.provider.speaks_openai() && !tried.contains(index)
        })
    };
    let priority = usable().map(|(_, channel)| channel.priority).min()?;
    let tier = || usable().filter(|(_, channel)| channel.priority == priority);
    let weight_sum: u64 = tier().map(|(_, channel)| u64::from(channel.weight)).sum();
    if weight_sum == 0 {
        let count = tier().count() as u64;
        return tier().nth(scaled(random, count) as usize);
    }
    let mut left = scaled(random, weight_sum);
    tier().find(|(_, channel)| {
        let weight = u64::from(channel.weight);
        let hit = left < weight;
        left = left.saturating_sub(weight);
        hit
    })
}

/// A number below `bound`, uniform when `random` is: the high half of a product, which needs no division and has no bias that matters here.
fn scaled(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

/// Whether to try another channel. Says yes at most as often as the upstream's budget allows; a yes is taken from the budget.
#[must_use]
pub fn may_retry(failure: AttemptFailure, attempts_made: u32, budget: &RetryBudget, now_ns: u64) -> bool {
    attempts_made <= RETRIES_MAX && failure.is_retryable() && budget.take_retry(now_ns)
}

/// What the client is told when this was the last attempt.
///
/// For a failure that [is about the request](AttemptFailure::is_about_the_request) the upstream's own status and OpenAI error go out instead;
/// this refusal is for the case that its body is none.
#[must_use]
pub fn client_answer(failure: AttemptFailure) -> Refusal {
    match failure {
        AttemptFailure::FirstByteTimeout => Refusal::upstream_timeout(),
        AttemptFailure::Status(429) => Refusal::upstream_rate_limited(PACED_RETRY_NS),
        AttemptFailure::Status(status @ (400 | 409 | 422)) => Refusal::new(
            crate::refusal::Code::InvalidRequest,
            format!("The model's provider refused the request as invalid (status {status}). Change the request."),
        ),
        AttemptFailure::Status(status) => Refusal::upstream_error(format!(
            "The model's provider answered with status {status}. Retry, or use another model."
        )),
        AttemptFailure::Connect => {
            Refusal::upstream_error("The model's provider could not be reached. Retry, or use another model.")
        }
        AttemptFailure::Reset => Refusal::upstream_error(
            "The model's provider broke off before its answer was whole. Retry, or use another model.",
        ),
        AttemptFailure::BadAnswer => Refusal::upstream_error(
            "The model's provider sent an answer that cannot be used. Retry, or use another model.",
        ),
    }
}

#[cfg(test)]
mod tests;
