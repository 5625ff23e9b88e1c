//! Leases: a request that finds its wallet short asks here, once per account at a time, and waits for the answer.

use super::{CALL, http};
use crate::desk::{Ask, Asked};
use crate::node::Node;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tollway_policy::ids::Id;
use tollway_policy::lease::AccountLive;

#[derive(Serialize)]
struct Request<'a> {
    node: &'a str,
    epoch: u64,
    seq: u64,
    #[serde(with = "serde_bytes")]
    account: &'a [u8],
    want: u64,
}

#[derive(Deserialize)]
struct Granted {
    granted: u64,
    /// Free parts of the same wallet's other leases.
    #[serde(default)]
    elsewhere: u64,
}

/// Calls without an answer that are remembered, one per account. What others may have been lent waits for the end of the epoch.
const UNANSWERED_MAX: usize = 65_536;

/// The numbers of calls. A call whose answer never came may have lent money all the same: its number goes into the account's next call, which the
/// control plane answers as it did then. Under a new number that money would be nobody's, and its owner told 402.
#[derive(Default)]
struct Numbers {
    last: u64,
    unanswered: HashMap<Id, u64>,
}

impl Numbers {
    fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The numbers to call under, in this order, until one brings money.
    fn of(&mut self, account: Id) -> [Option<u64>; 2] {
        [self.unanswered.remove(&account), Some(self.fresh())]
    }

    fn keep(&mut self, account: Id, seq: u64) {
        if self.unanswered.len() < UNANSWERED_MAX {
            self.unanswered.insert(account, seq);
        }
    }
}

/// Answers questions until the desk is closed. Several questions about one account share one call.
pub(crate) async fn serve(node: Arc<Node>, control: SocketAddr, mut asks: mpsc::Receiver<Ask>) {
    let mut numbers = Numbers::default();
    let mut waiting: HashMap<Id, Vec<oneshot::Sender<Asked>>> = HashMap::new();
    let (done, mut finished) = mpsc::channel::<(Id, Result<Asked, u64>)>(64);
    loop {
        tokio::select! {
            ask = asks.recv() => {
                let Some(ask) = ask else { return };
                let account = ask.account.id();
                let queue = waiting.entry(account).or_default();
                queue.push(ask.reply);
                if queue.len() == 1 {
                    let (node, done, numbers) = (node.clone(), done.clone(), numbers.of(account));
                    tokio::spawn(async move {
                        let asked = acquire(&node, control, numbers, &ask.account, ask.want_nano).await;
                        let _ = done.send((account, asked)).await;
                    });
                }
            }
            answer = finished.recv() => {
                let Some((account, asked)) = answer else { return };
                let asked = asked.unwrap_or_else(|unanswered| {
                    numbers.keep(account, unanswered);
                    Asked::Unavailable
                });
                for reply in waiting.remove(&account).unwrap_or_default() {
                    let _ = reply.send(asked);
                }
            }
        }
    }
}

/// Calls under each number until one brings money. The error is the number of a call that nobody answered.
async fn acquire(
    node: &Node,
    control: SocketAddr,
    numbers: [Option<u64>; 2],
    account: &Arc<AccountLive>,
    want_nano: i64,
) -> Result<Asked, u64> {
    let mut elsewhere = 0;
    for seq in numbers.into_iter().flatten() {
        let request = Request {
            node: &node.config.node,
            epoch: node.config.epoch,
            seq,
            account: &account.id().0,
            want: want_nano.max(0) as u64,
        };
        let answer = call(node, control, &request).await.ok_or(seq)?;
        let granted = i64::try_from(answer.granted).unwrap_or(0);
        if granted > 0 {
            account.grant(granted);
            node.leased(account);
            return Ok(Asked::Granted(granted));
        }
        elsewhere = answer.elsewhere;
    }
    Ok(if elsewhere > 0 { Asked::Elsewhere } else { Asked::Granted(0) })
}

/// One call; repeated once under the same number when the answer was lost, which the control plane answers alike.
async fn call(node: &Node, control: SocketAddr, request: &Request<'_>) -> Option<Granted> {
    let body = rmp_serde::to_vec_named(request).ok()?;
    for _ in 0..2 {
        let said = http::post(control, "/internal/node/lease", &node.config.node_token.0, &body, CALL).await;
        if let Ok((200, answer)) = said {
            return rmp_serde::from_slice(&answer).ok();
        }
    }
    None
}
