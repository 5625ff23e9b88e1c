//! The ground truth: one entry per attempt, what was asked with whose key, what was sent, how it ended, and when the client left.
//!
//! Bounded; the oldest entries go first. A test waits for entries to begin, to hold (in a stall) or to end; it never needs to sleep.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::Notify;

use crate::payload::Tokens;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Running,
    /// In a stall: nothing more will come, the connection is open.
    Holding,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    Complete,
    Cut,
    Reset,
    /// Held to the end of patience (`hold_ms_max`), or until the simulator stopped.
    Stalled,
    ClientGone,
    /// The request itself was no good, or the simulator broke off.
    Error,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) model: String,
    pub(crate) path: String,
    /// The `x-client-request-id` (or `x-request-id`) that came with the request.
    pub(crate) request_id: Option<String>,
    /// The bearer as it came: every key here is a made-up one.
    pub(crate) credential: Option<String>,
    /// Head and body as they stood on the wire.
    pub(crate) request_bytes: usize,
    pub(crate) request_head: String,
    pub(crate) request_body: String,
    pub(crate) status: u16,
    /// Without head and framing.
    pub(crate) body_bytes_sent: usize,
    /// UTF-8 bytes of text (reasoning and tool arguments too) that were sent whole.
    pub(crate) content_bytes: usize,
    /// The truth; `usage_reported` is what the answer claimed, as far as it got.
    pub(crate) tokens: Tokens,
    pub(crate) usage_reported: Option<serde_json::Value>,
    pub(crate) state: State,
    pub(crate) ended: Option<Ended>,
    /// After the request had been read.
    pub(crate) client_hung_up_ms: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) started_ms: u64,
    /// Which connection of this simulator it came on: a test sees reuse.
    pub(crate) connection: u64,
}

#[derive(Debug)]
pub(crate) struct Log {
    entries_max: usize,
    entries: Mutex<VecDeque<Arc<Mutex<Entry>>>>,
    changed: Notify,
}

/// Which entries a reader wants, and what to wait for first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) model: Option<String>,
    pub(crate) started: usize,
    pub(crate) holding: usize,
    pub(crate) ended: usize,
    pub(crate) timeout: Duration,
}

impl Log {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries_max, entries: Mutex::default(), changed: Notify::new() }
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.entries_max > 0
    }

    pub(crate) fn begin(self: &Arc<Self>, entry: Entry) -> Ticket {
        let entry = Arc::new(Mutex::new(entry));
        let mut entries = locked(&self.entries);
        if entries.len() >= self.entries_max {
            entries.pop_front();
        }
        entries.push_back(Arc::clone(&entry));
        drop(entries);
        self.changed.notify_waiters();
        Ticket { log: Arc::clone(self), entry, began: Instant::now(), closed: false }
    }

    pub(crate) fn clear(&self) {
        locked(&self.entries).clear();
    }

    fn read(&self, wish: &Wish) -> Vec<Entry> {
        let all = locked(&self.entries);
        let wanted = |entry: &Entry| wish.model.as_ref().is_none_or(|model| *model == entry.model);
        all.iter().map(|entry| locked(entry).clone()).filter(wanted).collect()
    }

    /// The entries, once the wish is met or its time is over; the flag says which.
    pub(crate) async fn wait(&self, wish: &Wish) -> (bool, Vec<Entry>) {
        let deadline = tokio::time::Instant::now() + wish.timeout;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Enrolled before the look, so that a change between look and wait is not missed.
            changed.as_mut().enable();
            let entries = self.read(wish);
            let count = |state: State| entries.iter().filter(|entry| entry.state == state).count();
            let met = entries.len() >= wish.started
                && count(State::Holding) >= wish.holding
                && count(State::Ended) >= wish.ended;
            if met {
                return (true, entries);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return (false, self.read(wish));
            }
        }
    }
}

/// An open entry. Dropped without a word (the simulator stops, a task panics), it closes as an error, or as stalled if it was held.
#[derive(Debug)]
pub(crate) struct Ticket {
    log: Arc<Log>,
    entry: Arc<Mutex<Entry>>,
    began: Instant,
    closed: bool,
}

impl Ticket {
    /// Notes what has been sent, and that nothing more will come for now.
    pub(crate) fn hold(&mut self, note: impl FnOnce(&mut Entry)) {
        let mut entry = locked(&self.entry);
        note(&mut entry);
        entry.state = State::Holding;
        drop(entry);
        self.log.changed.notify_waiters();
    }

    pub(crate) fn close(mut self, ended: Ended, note: impl FnOnce(&mut Entry)) {
        note(&mut locked(&self.entry));
        self.end(ended);
    }

    fn end(&mut self, ended: Ended) {
        self.closed = true;
        let duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut entry = locked(&self.entry);
        entry.state = State::Ended;
        entry.ended = Some(ended);
        entry.duration_ms = Some(duration_ms);
        entry.client_hung_up_ms = (ended == Ended::ClientGone).then_some(duration_ms);
        drop(entry);
        self.log.changed.notify_waiters();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.closed {
            let held = locked(&self.entry).state == State::Holding;
            self.end(if held { Ended::Stalled } else { Ended::Error });
        }
    }
}

pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A panic elsewhere leaves plain data behind, which is still true.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
