//! Reports: settled rows go to the control plane until it has acknowledged each; then the journal forgets them.

use super::{CALL, http};
use crate::journal::reader::Reader;
use crate::journal::recovery::{self, Folder};
use crate::node::Node;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tollway_policy::ids::Id;

/// Between attempts while the control plane does not answer.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts of the last report when the process ends. What is left then is in the journal, and the successor reports it.
const LAST_ATTEMPTS: u32 = 6;

/// An idle node still reports so often: the answer tells which leases are wanted elsewhere.
const IDLE_REPORT: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Acknowledged {
    acked: usize,
    /// Accounts whose free lease another node, or the operator, waits for.
    #[serde(default)]
    recall: Vec<serde_bytes::ByteBuf>,
}

/// Money on its way back to a wallet: out of the lease already, named by its own number until it is acknowledged.
struct Returned {
    seq: u64,
    account: Id,
    nano: i64,
}

/// Follows this process's own journal until told to stop, and then until all of it is told.
pub(crate) async fn serve(
    node: Arc<Node>,
    control: SocketAddr,
    reader: Reader,
    own: Folder,
    mut stop: watch::Receiver<bool>,
) {
    let every = Duration::from_millis(node.config.settings.report_ms);
    let mut reporter =
        Reporter { node, control, reader, returns: Returns::default(), held_at: None, last_sent: Instant::now() };
    let mut failures = 0;
    loop {
        let stopping = *stop.borrow();
        match reporter.round(every, stopping).await {
            Ok(Round::NothingLeft) if stopping => break,
            Ok(Round::More) => failures = 0,
            Ok(_) => {
                failures = 0;
                if !stopping {
                    tokio::select! {
                        () = tokio::time::sleep(every) => {}
                        _ = stop.changed() => {}
                    }
                }
            }
            Err(()) => {
                failures += 1;
                reporter.node.link_up.store(false, Ordering::Relaxed);
                if stopping && failures >= LAST_ATTEMPTS {
                    return; // what is left is in the journal, and the successor adopts it
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
    let report = Report { epoch: reporter.node.config.epoch, rows: &[], held: &[], returned: &[], last: true };
    if send(&reporter.node, control, &report).await.is_ok() {
        // Everything is acknowledged and closed: nothing is left for a successor to adopt.
        let _ = std::fs::remove_dir_all(&own.path);
    }
}

/// What a round of reporting has left to do.
enum Round {
    /// At once again: more rows wait, or money was called back.
    More,
    Done,
    /// Nothing waits, nothing is held, nothing is on its way back.
    NothingLeft,
}

struct Reporter {
    node: Arc<Node>,
    control: SocketAddr,
    reader: Reader,
    returns: Returns,
    /// When the leases were last looked through.
    held_at: Option<Instant>,
    last_sent: Instant,
}

impl Reporter {
    /// Reads on in the journal and sends one report if there is something to say, or nothing was said for a while.
    async fn round(&mut self, every: Duration, stopping: bool) -> Result<Round, ()> {
        let node = &self.node;
        if self.reader.poll().is_err() {
            node.journal_errors.fetch_add(1, Ordering::Relaxed);
        }
        node.journal_unacked.store(self.reader.pending() as u64, Ordering::Relaxed);
        if node.is_draining() {
            self.returns.take(node, |_| true);
        }
        let rows_max = node.config.settings.report_rows_max;
        let rows: Vec<&[u8]> = self.reader.batch(rows_max).map(|p| p.row.as_slice()).collect();
        // Looking through all leases costs more than a batch of rows does: once per interval, however fast the rows come.
        let held_due = stopping || self.held_at.is_none_or(|at| at.elapsed() >= every);
        let held = if held_due { node.held_changes() } else { Vec::new() };
        let idle = rows.is_empty() && held.is_empty() && self.returns.open.is_empty();
        if idle && (stopping || self.last_sent.elapsed() < IDLE_REPORT) {
            return Ok(if held_due { Round::NothingLeft } else { Round::Done });
        }
        let returned = &self.returns.open;
        let report = Report { epoch: node.config.epoch, rows: &rows, held: &held, returned, last: false };
        let answer = send(node, self.control, &report).await?;
        self.last_sent = Instant::now();
        node.held_told(&held);
        if held_due {
            self.held_at = Some(self.last_sent);
        }
        self.returns.open.clear();
        let heads = self.reader.acknowledge(answer.acked);
        node.settle_acknowledged(heads.iter().map(|h| (h.account, h.charge_nano)));
        let recalled = !answer.recall.is_empty();
        if recalled {
            self.returns.take(node, |id| answer.recall.iter().any(|r| r.as_slice() == id.0));
        }
        Ok(if recalled || self.reader.pending() >= rows_max { Round::More } else { Round::Done })
    }
}

/// A node without a control plane (its address is not configured) keeps its journal and waits for the end.
pub(crate) async fn without_control(_reader: Reader, _own: Folder, mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Settles what dead predecessors left, each under its own epoch.
pub(crate) async fn inherited(node: Arc<Node>, control: SocketAddr, folders: Vec<Folder>) {
    for folder in folders {
        let Ok(rows) = recovery::last_rows(&folder.path) else {
            node.journal_errors.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let mut at = 0;
        let mut closed = false;
        while !closed {
            let end = (at + node.config.settings.report_rows_max).min(rows.len());
            let batch: Vec<&[u8]> = rows[at..end].iter().map(|(_, row)| row.as_slice()).collect();
            let last = end == rows.len();
            let report = Report { epoch: folder.epoch, rows: &batch, held: &[], returned: &[], last };
            match send(&node, control, &report).await {
                Ok(answer) => {
                    at += answer.acked.min(batch.len());
                    closed = last && at == rows.len();
                }
                Err(()) => tokio::time::sleep(RETRY).await,
            }
        }
        let _ = std::fs::remove_dir_all(&folder.path);
    }
}

/// Parts of leases that go back to their wallets.
#[derive(Default)]
struct Returns {
    made: u64,
    open: Vec<Returned>,
}

impl Returns {
    fn take(&mut self, node: &Node, wanted: impl Fn(Id) -> bool) {
        for (account, nano) in node.take_free(wanted) {
            self.made += 1;
            self.open.push(Returned { seq: self.made, account, nano });
        }
    }
}

/// One report as it goes out. The rows are copied as they stand in the journal.
struct Report<'a> {
    epoch: u64,
    rows: &'a [&'a [u8]],
    held: &'a [(Id, i64)],
    returned: &'a [Returned],
    last: bool,
}

async fn send(node: &Node, control: SocketAddr, report: &Report<'_>) -> Result<Acknowledged, ()> {
    let mut body = Vec::with_capacity(256 + report.rows.iter().map(|r| r.len()).sum::<usize>());
    report.encode(&node.config.node, &mut body).map_err(|_| ())?;
    match http::post(control, "/internal/node/report", &node.config.node_token.0, &body, CALL).await {
        Ok((200, bytes)) => rmp_serde::from_slice(&bytes).map_err(|_| ()),
        _ => Err(()),
    }
}

impl Report<'_> {
    /// `{node, epoch, settles: [row…], held: [[account, nano]…], returned: [[seq, account, nano]…], final}` by hand: the rows are msgpack already.
    fn encode(&self, node: &str, out: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
        fn value<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) -> Result<(), rmp_serde::encode::Error> {
            rmp_serde::encode::write(out, value)
        }
        fn array(out: &mut Vec<u8>, length: usize) {
            out.push(0xdd);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
        out.push(0x80 | 6);
        value(out, &"node")?;
        value(out, &node)?;
        value(out, &"epoch")?;
        value(out, &self.epoch)?;
        value(out, &"settles")?;
        array(out, self.rows.len());
        for row in self.rows {
            out.extend_from_slice(row);
        }
        value(out, &"held")?;
        array(out, self.held.len());
        for (account, nano) in self.held {
            array(out, 2);
            value(out, &serde_bytes::Bytes::new(&account.0))?;
            value(out, nano)?;
        }
        value(out, &"returned")?;
        array(out, self.returned.len());
        for part in self.returned {
            array(out, 3);
            value(out, &part.seq)?;
            value(out, &serde_bytes::Bytes::new(&part.account.0))?;
            value(out, &part.nano)?;
        }
        value(out, &"final")?;
        value(out, &self.last)
    }
}
