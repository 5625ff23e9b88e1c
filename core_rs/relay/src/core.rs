//! The core as its host sees it: configured once, started once, fed with snapshots, drained and stopped.

use crate::config::Config;
use crate::counters::{add, sub};
use crate::desk::{Ask, LeaseDesk};
use crate::journal::reader::Reader;
use crate::journal::recovery;
use crate::journal::writer::ThreadJournal;
use crate::link;
use crate::listener::{self, Phase};
use crate::node::Node;
use crate::upstream::tls_config;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How often a drain looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(10);
/// A drain keeps idle connections so long: who is in the middle of sending would find it closed, and not know whether the request
/// was taken. Busy clients come by within this time and are told `Connection: close`.
const IDLE_GRACE: Duration = Duration::from_secs(1);
/// What is cut at the end of a drain gets so long to say so.
const CUT_GRACE: Duration = Duration::from_secs(2);
/// Settled rows that the reporter holds in memory; the rest waits on disk.
const PENDING_ROWS_MAX: usize = 8_192;

/// One gateway core per process.
pub struct Core {
    node: Arc<Node>,
    asks: Mutex<Option<mpsc::Receiver<Ask>>>,
    running: Mutex<Option<Running>>,
}

struct Running {
    threads: Vec<JoinHandle<()>>,
    phase: watch::Sender<Phase>,
    link: JoinHandle<()>,
    link_stop: watch::Sender<bool>,
}

impl Core {
    /// Reads the configuration. Nothing is opened yet; snapshots can be applied already.
    pub fn new(config: &[u8]) -> Result<Core, String> {
        let config = Config::parse(config)?;
        let tls = tls_config(&config.settings.ca_file)?;
        let (desk, asks) = mpsc::channel(config.settings.lease_queue_max.max(1));
        let node = Arc::new(Node::new(config, LeaseDesk(desk), tls)?);
        Ok(Core { node, asks: Mutex::new(Some(asks)), running: Mutex::new(None) })
    }

    /// Opens the journal, adopts what dead predecessors left, and serves.
    pub fn start(&self) -> Result<(), String> {
        let mut running = lock(&self.running);
        let Some(asks) = lock(&self.asks).take() else { return Err("the core was started already".into()) };
        let config = &self.node.config;
        let own = recovery::lock_folder(&config.journal_dir, config.epoch)
            .map_err(|e| format!("journal_dir: {}: {e}", config.journal_dir.display()))?
            .ok_or_else(|| format!("journal_dir: {}: another process has it", config.journal_dir.display()))?;
        let adopted =
            recovery::adopt_siblings(&config.journal_dir, config.epoch).map_err(|e| format!("journal_dir: {e}"))?;
        let listeners =
            config.listen_fds.iter().map(|fd| listener::adopt(*fd).map_err(|e| format!("listen_fds: {fd}: {e}")));
        let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
        let journals: Vec<_> = (0..listeners.len())
            .map(|thread| {
                let settings = &config.settings;
                let folder = config.journal_dir.clone();
                ThreadJournal::new(thread, folder, settings.journal_segment_bytes, settings.journal_segments_max)
            })
            .collect();
        let (link_stop, stop) = watch::channel(false);
        let reader = Reader::new(journals.clone(), PENDING_ROWS_MAX);
        let parts = link::Parts { node: self.node.clone(), asks, reader, own, adopted, stop };
        let (link, background) = start_link(parts)?;
        let (phase, phases) = watch::channel(Phase::Serve);
        let mut threads = Vec::with_capacity(listeners.len());
        for (thread, (listener, journal)) in listeners.into_iter().zip(journals).enumerate() {
            let (node, background, phases) = (self.node.clone(), background.clone(), phases.clone());
            let spawned = std::thread::Builder::new().name(format!("core-{thread}")).spawn(move || {
                let counters = node.counters[thread].clone();
                add(&counters.alive, 1);
                // A thread that could not go on shows as one less in `core_threads`.
                let _ = listener::run(node, thread, listener, journal, background, phases);
                sub(&counters.alive, 1);
            });
            threads.push(spawned.map_err(|e| format!("core thread {thread}: {e}"))?);
        }
        *running = Some(Running { threads, phase, link, link_stop });
        Ok(())
    }

    /// Puts a snapshot in force. JSON either way; the error keeps the old one.
    pub fn apply(&self, snapshot: &[u8]) -> Result<String, String> {
        self.node.apply(snapshot)
    }

    /// The state, as JSON.
    pub fn status(&self) -> String {
        self.node.status()
    }

    /// Stops accepting and waits until nothing runs any more, at most `timeout_ms`; what still runs then is told so and
    /// settled. True: everything came to its own end.
    pub fn drain(&self, timeout_ms: u64) -> bool {
        let (began, within) = (Instant::now(), Duration::from_millis(timeout_ms));
        self.node.start_draining();
        self.enter(Phase::Drain);
        wait_until(IDLE_GRACE.min(within), || self.node.connections() == 0);
        self.node.end_idle();
        self.enter(Phase::CloseIdle);
        if wait_until(within.saturating_sub(began.elapsed()), || self.node.in_flight() == 0) {
            return true;
        }
        self.node.cut_short.store(true, Ordering::Relaxed);
        self.enter(Phase::Cut);
        wait_until(CUT_GRACE, || self.node.in_flight() == 0);
        false
    }

    fn enter(&self, phase: Phase) {
        if let Some(running) = &*lock(&self.running) {
            running.phase.send_if_modified(|now| {
                let forward = phase > *now;
                *now = phase.max(*now);
                forward
            });
        }
    }

    /// Ends the threads; what still runs is voided. The journal is reported as far as the control plane answers.
    pub fn stop(&self) {
        self.enter(Phase::Stop);
        let Some(running) = lock(&self.running).take() else { return };
        for thread in running.threads {
            let _ = thread.join();
        }
        let _ = running.link_stop.send(true);
        let _ = running.link.join();
    }
}

fn wait_until(within: Duration, done: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if done() {
            return true;
        }
        if started.elapsed() >= within {
            return false;
        }
        std::thread::sleep(DRAIN_POLL);
    }
}

/// A poisoned lock means that a host thread panicked between two field reads; the value is whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the link's thread and returns its runtime's handle, on which names are resolved too.
fn start_link(parts: link::Parts) -> Result<(JoinHandle<()>, tokio::runtime::Handle), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| format!("link: {e}"))?;
    let handle = runtime.handle().clone();
    let thread = std::thread::Builder::new()
        .name("core-link".into())
        .spawn(move || runtime.block_on(link::run(parts)))
        .map_err(|e| format!("link: {e}"))?;
    Ok((thread, handle))
}
