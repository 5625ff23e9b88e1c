//! Leases: a request that finds its wallet short asks here, once per account at a time, and waits for the answer.

use super::{CALL, http};
use crate::desk::{Ask, Asked};
use crate::node::Node;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Answers questions until the desk is closed. Several questions about one account share one call.
pub(crate) async fn serve(node: Arc<Node>, control: SocketAddr, mut asks: mpsc::Receiver<Ask>) {
    let seq = Arc::new(AtomicU64::new(1));
    let mut waiting: HashMap<Id, Vec<oneshot::Sender<Asked>>> = HashMap::new();
    let (done, mut finished) = mpsc::channel::<(Id, Asked)>(64);
    loop {
        tokio::select! {
            ask = asks.recv() => {
                let Some(ask) = ask else { return };
                let account = ask.account.id();
                let queue = waiting.entry(account).or_default();
                queue.push(ask.reply);
                if queue.len() == 1 {
                    let (node, done, seq) = (node.clone(), done.clone(), seq.fetch_add(1, Ordering::Relaxed));
                    tokio::spawn(async move {
                        let asked = acquire(&node, control, seq, &ask.account, ask.want_nano).await;
                        let _ = done.send((account, asked)).await;
                    });
                }
            }
            answer = finished.recv() => {
                let Some((account, asked)) = answer else { return };
                for reply in waiting.remove(&account).unwrap_or_default() {
                    let _ = reply.send(asked);
                }
            }
        }
    }
}

/// One call; repeated once under the same number when the answer was lost, which the control plane answers alike.
async fn acquire(node: &Node, control: SocketAddr, seq: u64, account: &Arc<AccountLive>, want_nano: i64) -> Asked {
    let request = Request {
        node: &node.config.node,
        epoch: node.config.epoch,
        seq,
        account: &account.id().0,
        want: want_nano.max(0) as u64,
    };
    let Ok(body) = rmp_serde::to_vec_named(&request) else { return Asked::Unavailable };
    for _ in 0..2 {
        let Ok((200, answer)) =
            http::post(control, "/internal/node/lease", &node.config.node_token.0, &body, CALL).await
        else {
            continue;
        };
        let Ok(Granted { granted, elsewhere }) = rmp_serde::from_slice(&answer) else { return Asked::Unavailable };
        let granted = i64::try_from(granted).unwrap_or(0);
        if granted > 0 {
            account.grant(granted);
            node.leased(account);
        }
        return if granted == 0 && elsewhere > 0 { Asked::Elsewhere } else { Asked::Granted(granted) };
    }
    Asked::Unavailable
}
