//! Decides whether a caller may do what it asks: key, address, endpoint, model, limits, then (in [`hold()`]) money.
//!
//! The order is the contract's: whoever is refused for one reason learns nothing about the later ones. Nothing is allocated for a request that
//! passes. What a model the caller may not use and a model that does not exist answer is the same, so that names cannot be probed.

use crate::ids::{Digest, Id};
use crate::lease::AccountLive;
use crate::limits::{LimitSpec, LimitState, LimitView, NotNow};
use crate::refusal::{Code, LimitKind, Refusal, Scope};
use crate::snapshot::accounts::AccountRecord;
use crate::snapshot::keys::{FLAG_ENABLED, KeyRecord, NO_GROUP, Rare};
use crate::snapshot::{Group, Model, Snapshot, pattern};
use core::net::IpAddr;
use std::sync::Arc;

pub use endpoint::Endpoint;
pub use hold::{Demand, Hold, HoldError, Settled, hold};

mod endpoint;
mod hold;

/// Longest part of a client's text that a message repeats.
const ECHO_CHARS_MAX: usize = 100;

/// A key that is known, enabled and not expired, of an enabled account.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'s> {
    snapshot: &'s Snapshot,
    key: &'s KeyRecord,
    rare: Option<&'s Rare>,
    account: &'s AccountRecord,
    /// `None` when the key names a group that its account has left: then it may call nothing.
    group: Option<(&'s Group, &'s LimitState)>,
}

/// Who sent this key. `wall_s` is Unix time: the only clock that an expiry date can mean.
///
/// # Errors
/// 401 for a key that is unknown, disabled or expired, 403 for a disabled account.
#[inline]
pub fn authenticate<'s>(snapshot: &'s Snapshot, digest: &Digest, wall_s: u32) -> Result<Caller<'s>, Refusal> {
    let (key, rare) = snapshot.key(digest).ok_or_else(Refusal::invalid_api_key)?;
    if key.flags & FLAG_ENABLED == 0 {
        return Err(Refusal::new(
            Code::KeyDisabled,
            "This API key is disabled. Enable it in the portal or use another.",
        ));
    }
    if key.expires_s != 0 && key.expires_s <= wall_s {
        return Err(Refusal::new(Code::KeyExpired, "This API key has expired. Make a new one in the portal."));
    }
    // A record without its account cannot be built; should it be, the key is as good as unknown.
    let account = snapshot.account(key.account).ok_or_else(Refusal::invalid_api_key)?;
    if !account.enabled {
        return Err(Refusal::new(
            Code::AccountDisabled,
            "The account of this API key is disabled. Ask the operator of this gateway.",
        ));
    }
    let named = rare.map_or(NO_GROUP, |rare| rare.group);
    let place = if named == NO_GROUP { account.group } else { named };
    let group = snapshot.group(place).zip(account.group_requests(place));
    Ok(Caller { snapshot, key, rare, account, group })
}

impl<'s> Caller<'s> {
    /// Whether the key may be used from this address, which is asked for only if the key has a list.
    ///
    /// # Errors
    /// 403 when the key has a list of addresses and this one is not in it.
    #[inline]
    pub fn check_address(&self, address: impl FnOnce() -> IpAddr) -> Result<(), Refusal> {
        let Some(networks) = self.rare.and_then(|rare| rare.networks.as_ref()) else {
            return Ok(());
        };
        let address = address().to_canonical();
        if networks.contains(address) {
            return Ok(());
        }
        let message = format!(
            "This API key may not be used from {address}. Add the address to the key's list, or call from one that is in it."
        );
        Err(Refusal::new(Code::IpNotAllowed, message))
    }

    /// Whether the key may be used at this endpoint.
    ///
    /// # Errors
    /// 403 when the key is narrowed to other endpoints.
    #[inline]
    pub fn may_use(&self, endpoint: Endpoint) -> Result<(), Refusal> {
        let allowed = self.rare.map_or(0, |rare| rare.endpoints);
        if allowed == 0 || allowed & endpoint.bit() != 0 {
            return Ok(());
        }
        let message = format!("This API key may not use the endpoint '{}'. Use a key that may.", endpoint.as_str());
        Err(Refusal::new(Code::EndpointNotAllowed, message))
    }

    /// The model that a request names.
    ///
    /// # Errors
    /// 404 for one that is unknown, disabled or out of this key's reach; 400 for one of another kind, or one that has no price yet.
    #[inline]
    pub fn model(&self, name: &[u8], endpoint: Endpoint) -> Result<&'s Arc<Model>, Refusal> {
        let model =
            self.snapshot.model(name).filter(|model| self.reaches(model)).ok_or_else(|| model_not_found(name))?;
        if !endpoint.serves(model.kind) {
            return Err(wrong_kind(model, endpoint));
        }
        if !is_priced(model) {
            let message = format!(
                "The model '{}' has no price yet, so it cannot be called. Ask the operator of this gateway.",
                model.name
            );
            return Err(Refusal { param: Some("model"), ..Refusal::new(Code::ModelPriceMissing, message) });
        }
        Ok(model)
    }

    /// Every model that this key may call.
    pub fn models(&self) -> impl Iterator<Item = &'s Arc<Model>> + use<'s> {
        let caller = *self;
        self.snapshot.models().iter().filter(move |model| caller.reaches(model) && is_priced(model))
    }

    fn reaches(&self, model: &Model) -> bool {
        model.enabled
            && self.group.is_some_and(|(group, _)| group.allows(model))
            && self
                .rare
                .and_then(|rare| rare.models.as_deref())
                .is_none_or(|patterns| pattern::any_matches(patterns, &model.name))
    }

    #[must_use]
    #[inline]
    pub fn key_id(&self) -> Id {
        self.key.id
    }

    #[must_use]
    #[inline]
    pub fn account_id(&self) -> Id {
        self.account.live.id()
    }

    #[must_use]
    #[inline]
    pub fn account_live(&self) -> &'s Arc<AccountLive> {
        &self.account.live
    }

    /// The multiplier of the group that this key calls in, in 10⁻⁶.
    #[must_use]
    #[inline]
    pub fn multiplier_micro(&self) -> u64 {
        self.group.map_or(crate::money::MULTIPLIER_ONE_MICRO, |(group, _)| group.multiplier_micro)
    }
}

fn is_priced(model: &Model) -> bool {
    model.free || model.price.is_some()
}

fn model_not_found(name: &[u8]) -> Refusal {
    let shown: String = String::from_utf8_lossy(name).chars().take(ECHO_CHARS_MAX).collect();
    let message = format!(
        "The model '{shown}' does not exist, or this API key may not call it. GET /v1/models lists those it may."
    );
    Refusal { param: Some("model"), ..Refusal::new(Code::ModelNotFound, message) }
}

fn wrong_kind(model: &Model, endpoint: Endpoint) -> Refusal {
    let (name, kind, endpoint) = (&model.name, model.kind.as_str(), endpoint.as_str());
    Refusal::invalid(
        "model",
        format!("The model '{name}' is of kind '{kind}' and cannot be called at the endpoint '{endpoint}'."),
    )
}

/// One limit that a request must pass.
#[derive(Clone, Copy)]
struct Gate<'a> {
    scope: Scope,
    spec: LimitSpec,
    state: &'a LimitState,
}

impl<'s> Caller<'s> {
    /// The limits on requests that hold for this caller, narrowest first. Tokens and concurrency will stand here too.
    #[inline]
    fn gates<'a>(&self, model: Option<&'a Model>) -> [Option<Gate<'a>>; 4]
    where
        's: 'a,
    {
        let gate =
            |scope, rpm, state: &'a LimitState| LimitSpec::per_minute(rpm).map(|spec| Gate { scope, spec, state });
        [
            self.snapshot.line(self.key.line).and_then(|line| gate(Scope::Key, self.key.rpm, &line.requests)),
            gate(Scope::Account, self.account.rpm, &self.account.live.requests),
            self.group.and_then(|(group, state)| gate(Scope::Group, group.rpm, state)),
            model.and_then(|model| gate(Scope::Model, model.rpm, &model.live.requests)),
        ]
    }

    /// Takes one request from every limit of the key, its account and its group.
    ///
    /// # Errors
    /// 429 when one of them has no room; then none was taken from.
    #[inline]
    pub fn take_limits(&self, now_ns: u64) -> Result<(), Refusal> {
        self.take(None, now_ns)
    }

    /// As [`Caller::take_limits`], and from the model's own limit, which all callers share.
    ///
    /// # Errors
    /// 429 when one of them has no room; then none was taken from.
    #[inline]
    pub fn take_limits_for(&self, model: &Model, now_ns: u64) -> Result<(), Refusal> {
        self.take(Some(model), now_ns)
    }

    #[inline]
    fn take(&self, model: Option<&Model>, now_ns: u64) -> Result<(), Refusal> {
        let gates = self.gates(model);
        for (index, gate) in gates.iter().enumerate() {
            let Some(gate) = gate else { continue };
            if let Err(not_now) = gate.state.take(gate.spec, 1, now_ns) {
                for taken in gates.iter().take(index).flatten() {
                    taken.state.refund(taken.spec, 1);
                }
                return Err(limited(gate, not_now));
            }
        }
        Ok(())
    }

    /// Gives back what `take_limits_for` took: a request that is refused afterwards uses up no limit.
    pub fn refund_limits(&self, model: &Model) {
        for gate in self.gates(Some(model)).iter().flatten() {
            gate.state.refund(gate.spec, 1);
        }
    }

    /// The tightest limit on requests of the key, its account and its group, for `x-ratelimit-*`.
    #[must_use]
    pub fn limit_view(&self, now_ns: u64) -> Option<LimitView> {
        let views = self.gates(None).into_iter().flatten().map(|gate| gate.state.view(gate.spec, now_ns));
        views.min_by_key(|view| (view.remaining, view.limit))
    }
}

fn limited(gate: &Gate<'_>, not_now: NotNow) -> Refusal {
    // One request always fits a bucket of at least one, so "too large" cannot be; it would be a wait without end.
    let retry_after_ns = match not_now {
        NotNow::Wait { retry_after_ns } => retry_after_ns,
        NotNow::TooLarge => u64::MAX,
    };
    let (scope, limit) = (gate.scope.as_str(), gate.spec.limit());
    let wait_ms = retry_after_ns.div_ceil(1_000_000);
    let message =
        format!("The limit of {limit} requests per minute of this {scope} is reached. Retry in {wait_ms} ms.");
    Refusal::limited(gate.scope, LimitKind::Requests, retry_after_ns, message)
}

#[cfg(test)]
mod tests;
