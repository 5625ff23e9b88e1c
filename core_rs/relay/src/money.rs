//! The money phase: a hold out of the lease that this process has, and a question to the control plane when that is too little.

use crate::connection::{Connection, Stop};
use crate::desk::Asked;
use crate::socket::{Wait, Watch, guarded};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tollway_policy::admission::{self, Caller, Demand, Hold, HoldError};
use tollway_policy::refusal::Refusal;
use tollway_policy::snapshot::Model;

/// Between questions while another node gives its part back.
const RECALL_POLL: Duration = Duration::from_millis(50);
/// This first form asks for all that the wallet has.
const WANT_ALL_NANO: i64 = i64::MAX;

/// Holds what the request may cost. Waits for a lease at most `lease_wait_ms`; 402 only when the wallet itself has too little.
pub(crate) async fn hold(
    c: &mut Connection,
    caller: &Caller<'_>,
    model: &Arc<Model>,
    demand: &Demand,
    deadline_ms: u64,
) -> Result<Hold, Stop> {
    match admission::hold(caller, model, demand, false) {
        Ok(hold) => Ok(hold),
        Err(HoldError::Refused(refusal)) => Err(refusal.into()),
        Err(HoldError::NeedsLease { .. }) => {
            let account = caller.account_live().id();
            if !c.shard.is_dry(account)
                && let Some(hold) = Box::pin(lease(c, caller, model, demand, deadline_ms)).await?
            {
                return Ok(hold);
            }
            finally(caller, model, demand)
        }
    }
}

/// With what there is: perhaps less output, else 402.
fn finally(caller: &Caller<'_>, model: &Arc<Model>, demand: &Demand) -> Result<Hold, Stop> {
    admission::hold(caller, model, demand, true).map_err(|error| match error {
        HoldError::Refused(refusal) => Stop::Refused(refusal),
        HoldError::NeedsLease { .. } => Stop::Refused(Refusal::internal()),
    })
}

async fn lease(
    c: &mut Connection,
    caller: &Caller<'_>,
    model: &Arc<Model>,
    demand: &Demand,
    deadline_ms: u64,
) -> Result<Option<Hold>, Stop> {
    let shard = c.shard.clone();
    let account = caller.account_live();
    let until_ms = (shard.coarse_ms() + shard.node.config.settings.lease_wait_ms).min(deadline_ms);
    let mut watch = Watch::default();
    loop {
        let state = shard.node.wallets_changed.load(Ordering::Acquire);
        c.timer.timer.set(until_ms);
        let ask = shard.node.desk.ask(account.clone(), WANT_ALL_NANO);
        let asked = match guarded(ask, &c.client, &mut watch, &c.timer.timer).await {
            Ok(asked) => asked,
            Err(Wait::TimedOut) => Asked::Unavailable,
            Err(_) => return Err(Stop::Gone),
        };
        match asked {
            Asked::Granted(_) => match admission::hold(caller, model, demand, false) {
                Ok(hold) => return Ok(Some(hold)),
                Err(_) => {
                    shard.mark_dry(account.id(), state);
                    return Ok(None);
                }
            },
            // Somebody else's request may have freed what this one needs.
            Asked::Elsewhere => {
                if let Ok(hold) = admission::hold(caller, model, demand, false) {
                    return Ok(Some(hold));
                }
                if shard.coarse_ms() >= until_ms {
                    return Err(Refusal::wallet_unavailable().into());
                }
                tokio::time::sleep(RECALL_POLL).await;
            }
            Asked::Unavailable => return Err(Refusal::wallet_unavailable().into()),
        }
    }
}
