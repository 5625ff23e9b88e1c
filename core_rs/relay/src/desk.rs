//! Where requests ask for a lease, and what they are told. The answers are made by `link`, on its own thread.

use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tollway_policy::lease::AccountLive;

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The wallet gave this much; it is in the account's lease already.
    Granted(i64),
    /// The wallet is empty, but another lease of it has a free part, which is being recalled: ask again soon.
    Elsewhere,
    /// The control plane is not to be reached, or too many wait: 503, never 402.
    Unavailable,
}

/// One request's question.
pub(crate) struct Ask {
    pub(crate) account: Arc<AccountLive>,
    pub(crate) want_nano: i64,
    pub(crate) reply: oneshot::Sender<Asked>,
}

/// The end that requests hold.
pub(crate) struct LeaseDesk(pub(crate) mpsc::Sender<Ask>);

impl LeaseDesk {
    /// Asks for money. The answer comes from another thread; the caller bounds its own wait.
    pub(crate) async fn ask(&self, account: Arc<AccountLive>, want_nano: i64) -> Asked {
        let (reply, answer) = oneshot::channel();
        if self.0.try_send(Ask { account, want_nano, reply }).is_err() {
            return Asked::Unavailable; // the queue's bound is reached: shed rather than pile up
        }
        answer.await.unwrap_or(Asked::Unavailable)
    }
}
