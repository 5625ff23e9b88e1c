//! The node's side of the conversation with the control plane: hello, lease, report.
//!
//! It runs on one thread of its own (`core-link`), so that nothing here ever delays a request. Leases are asked for when a
//! request finds its wallet short; settled rows go out every `report_ms`, or at once while `report_rows_max` wait.
//! What cannot be delivered stays in the journal: the control plane may be away for as long as the journal has room.

mod http;
mod lease;
mod report;

use crate::desk::Ask;
use crate::journal::reader::Reader;
use crate::journal::recovery::Folder;
use crate::node::Node;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How often the control plane hears that the node lives, and which generation it has.
const HELLO: Duration = Duration::from_secs(2);
/// And how often it is tried while the control plane does not answer.
const HELLO_RETRY: Duration = Duration::from_millis(100);
/// One inner call.
const CALL: Duration = Duration::from_secs(5);

/// What the link's thread works with.
pub(crate) struct Parts {
    pub(crate) node: Arc<Node>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) reader: Reader,
    pub(crate) own: Folder,
    pub(crate) adopted: Vec<Folder>,
    /// Becomes true when the core threads have ended: report what is left, say so, and stop.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Runs until told to stop and everything is reported, or until a last attempt has failed.
pub(crate) async fn run(parts: Parts) {
    let Parts { node, asks, reader, own, adopted, stop } = parts;
    let Some(control) = node.config.control else {
        return report::without_control(reader, own, stop).await;
    };
    let hello = tokio::spawn(hello(node.clone(), control));
    let leases = tokio::spawn(lease::serve(node.clone(), control, asks));
    let inherited = tokio::spawn(report::inherited(node.clone(), control, adopted));
    report::serve(node, control, reader, own, stop).await;
    for task in [hello, leases, inherited] {
        task.abort();
    }
}

#[derive(serde::Serialize)]
struct Hello<'a> {
    node: &'a str,
    epoch: u64,
    address: String,
    generation: u64,
    version: &'a str,
}

/// The generation that the control plane is at.
#[derive(serde::Deserialize)]
struct Heard {
    generation: u64,
}

async fn hello(node: Arc<Node>, control: std::net::SocketAddr) {
    loop {
        let body = Hello {
            node: &node.config.node,
            epoch: node.config.epoch,
            address: node.config.node_api.to_string(),
            generation: node.snapshot.load().generation(),
            version: &node.config.version,
        };
        let Ok(body) = rmp_serde::to_vec_named(&body) else { continue };
        let said = http::post(control, "/internal/node/hello", &node.config.node_token.0, &body, CALL).await;
        let heard = said.ok().filter(|(status, _)| *status == 200);
        node.link_up.store(heard.is_some(), Ordering::Relaxed);
        // Both halves start at once: whoever is first asks again soon, so that a key made right after the start is known.
        let pause = if heard.is_some() { HELLO } else { HELLO_RETRY };
        let current = heard.and_then(|(_, bytes)| rmp_serde::from_slice::<Heard>(&bytes).ok());
        if let Some(Heard { generation }) = current {
            node.confirm_generation(generation);
        }
        tokio::time::sleep(pause).await;
    }
}
