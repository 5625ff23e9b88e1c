//! Money before work: what a request can cost at most is taken out of the account's lease before the upstream is dialled.
//!
//! The bound needs no tokenizer: a byte-level tokenizer makes at most one token of a byte. A request that states no output cap is bounded by the
//! model's; where the wallet cannot pay that, and only after more was asked of it, the cap shrinks to what it can pay and goes upstream.

use super::{Caller, Endpoint};
use crate::ids::Id;
use crate::lease::AccountLive;
use crate::money::{Ask, Counts, Price, Usd, bound_nano, charge_nano};
use crate::refusal::{Code, Refusal};
use crate::snapshot::Model;
use std::sync::Arc;

/// Tokens of a chat template around what the body says. The JSON around each message is longer than the template around it, so a constant
/// covers the begin and end marks.
const INPUT_OVERHEAD_TOKENS: u64 = 64;
/// The output cap of a model that states none.
const OUTPUT_TOKENS_DEFAULT: u64 = 16_384;
/// A shrunk cap below this is of no use to anybody.
const OUTPUT_TOKENS_MIN: u64 = 16;
/// How often a shrunk hold is tried again when others take from the same wallet meanwhile.
const SHRINK_TRIES: u32 = 4;

/// What a request asks for, as far as it bounds the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    pub endpoint: Endpoint,
    /// Bytes of the body that can turn into input tokens.
    pub body_bytes: u64,
    /// The request's own output cap (`max_completion_tokens`, else `max_tokens`).
    pub max_output: Option<u64>,
    /// Answers asked for (`n`); 0 counts as 1.
    pub choices: u64,
    pub images: u64,
    pub characters: u64,
    pub milliseconds_max: u64,
}

/// Why there is no hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldError {
    /// What is leased here does not cover it; ask for more, then try again with `finally`.
    NeedsLease {
        needed_nano: i64,
        free_nano: i64,
    },
    Refused(Refusal),
}

/// Money set aside for one request. Whatever happens to the request, it ends in exactly one of settle and void; dropping it is void.
#[derive(Debug)]
pub struct Hold {
    pub amount_nano: i64,
    /// The output cap to be sent upstream, where the wallet pays for less than the model could write.
    pub output_cap: Option<u64>,
    pub multiplier_micro: u64,
    pub key_id: Id,
    pub account_id: Id,
    account: Arc<AccountLive>,
    model: Arc<Model>,
    is_open: bool,
}

/// What a settled request cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub charge_nano: i64,
    /// What the usage costs beyond the hold: the operator's loss, never the customer's.
    pub excess_nano: i64,
}

/// Sets aside what the request can cost at most. `finally` is false as long as more can still be leased.
///
/// # Errors
/// `NeedsLease` when too little is free here; with `finally`, 402 in its place.
#[inline]
pub fn hold(caller: &Caller<'_>, model: &Arc<Model>, demand: &Demand, finally: bool) -> Result<Hold, HoldError> {
    let account = caller.account_live();
    let multiplier_micro = caller.multiplier_micro();
    let open = |amount_nano, output_cap| Hold {
        amount_nano,
        output_cap,
        multiplier_micro,
        key_id: caller.key_id(),
        account_id: caller.account_id(),
        account: Arc::clone(account),
        model: Arc::clone(model),
        is_open: true,
    };
    let Some(price) = price_of(model) else {
        return Ok(open(0, None));
    };
    let bound = Bound { price, demand, multiplier_micro };
    let cap = demand.max_output.unwrap_or_else(|| cap_of(model));
    let needed_nano = bound.nano(cap);
    if account.try_hold(needed_nano) {
        return Ok(open(needed_nano, None));
    }
    if !finally {
        return Err(HoldError::NeedsLease { needed_nano, free_nano: account.free() });
    }
    let may_shrink = demand.max_output.is_none() && demand.endpoint.writes_text();
    for _ in 0..if may_shrink { SHRINK_TRIES } else { 0 } {
        let Some(cap) = bound.affordable(account.free(), cap) else {
            break;
        };
        let amount_nano = bound.nano(cap);
        if account.try_hold(amount_nano) {
            return Ok(open(amount_nano, Some(cap)));
        }
    }
    let least_nano = if may_shrink { bound.nano(OUTPUT_TOKENS_MIN.min(cap)) } else { needed_nano };
    Err(HoldError::Refused(too_little(least_nano, account.free(), may_shrink)))
}

/// A free model has no price, whatever its row says.
fn price_of(model: &Model) -> Option<&Arc<Price>> {
    if model.free { None } else { model.price.as_ref() }
}

fn cap_of(model: &Model) -> u64 {
    if model.max_output == 0 { OUTPUT_TOKENS_DEFAULT } else { model.max_output }
}

/// The cost bound of one demand, as a function of its output cap.
struct Bound<'a> {
    price: &'a Price,
    demand: &'a Demand,
    multiplier_micro: u64,
}

impl Bound<'_> {
    fn nano(&self, output_cap: u64) -> i64 {
        let demand = self.demand;
        let answers = match demand.endpoint {
            Endpoint::Images => demand.images.max(demand.choices).max(1),
            Endpoint::Embeddings | Endpoint::Moderations | Endpoint::Rerank => 0, // these write no tokens
            Endpoint::Chat | Endpoint::Completions | Endpoint::Audio => demand.choices.max(1),
        };
        let ask = Ask {
            input_tokens_max: demand.body_bytes.saturating_add(INPUT_OVERHEAD_TOKENS),
            output_tokens_max: output_cap.saturating_mul(answers),
            images: demand.images,
            milliseconds_max: demand.milliseconds_max,
            characters: demand.characters,
            requests: 1,
        };
        bound_nano(self.price, &ask, self.multiplier_micro)
    }

    /// The largest cap up to `cap_max` that `free_nano` pays, if it is worth having. The bound grows with the cap, so halving finds it.
    fn affordable(&self, free_nano: i64, cap_max: u64) -> Option<u64> {
        let mut low = OUTPUT_TOKENS_MIN.min(cap_max);
        if self.nano(low) > free_nano {
            return None;
        }
        let mut high = cap_max;
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.nano(middle) <= free_nano {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        Some(low)
    }
}

fn too_little(needed_nano: i64, free_nano: i64, even_shrunk: bool) -> Refusal {
    let advice = if even_shrunk { "Add credit or send less." } else { "Add credit, send less, or lower max_tokens." };
    let (needed, free) = (Usd(needed_nano), Usd(free_nano.max(0)));
    let message = format!("The request may cost up to {needed} USD, but only {free} USD is available. {advice}");
    Refusal::new(Code::InsufficientBalance, message)
}

impl Hold {
    #[must_use]
    pub fn account(&self) -> &Arc<AccountLive> {
        &self.account
    }

    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The price version that this hold was made with and that it is settled with, whatever the snapshot says by then.
    #[must_use]
    pub fn price(&self) -> Option<&Arc<Price>> {
        price_of(&self.model)
    }

    /// What these counts cost, and what of it the hold does not cover.
    #[must_use]
    pub fn quote(&self, counts: &Counts) -> Settled {
        let cost_nano = self.price().map_or(0, |price| charge_nano(price, counts, self.multiplier_micro));
        let charge_nano = cost_nano.min(self.amount_nano);
        Settled { charge_nano, excess_nano: cost_nano - charge_nano }
    }

    /// Charges what was used; the rest of the hold is free again.
    pub fn settle(mut self, counts: &Counts) -> Settled {
        let settled = self.quote(counts);
        self.is_open = false;
        self.account.settle(self.amount_nano, settled.charge_nano);
        settled
    }

    /// Charges nothing.
    pub fn void(self) {
        drop(self);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_open {
            self.account.give_back(self.amount_nano);
        }
    }
}

#[cfg(test)]
mod tests;
