//! Threads and listeners: each thread has a current_thread runtime and, when there are several, a listener of its own on the same port.
//!
//! Everything that can fail at a start fails in `start`: sockets are bound and runtimes built before the first thread runs.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;

use crate::config::Config;
use crate::connection;
use crate::dispatch::{Shared, Thread};
use crate::log::Log;
use crate::plan::Plans;
use crate::stats::Counters;
use crate::unreachable::Unreachable;

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    live: Arc<Live>,
    threads: Vec<JoinHandle<()>>,
}

/// How many threads still serve.
#[derive(Debug)]
struct Live {
    count: Mutex<usize>,
    changed: Condvar,
}

const BACKLOG: i32 = 4_096;
/// When accept fails (no file descriptors), trying again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

impl Simulator {
    /// Binds, then serves in threads of its own.
    ///
    /// Errors: the address cannot be bound (another simulator on it counts, also with several threads), or a thread cannot be made.
    pub fn start(config: Config) -> io::Result<Self> {
        let count = config.threads.max(1);
        let listeners = listeners(config.listen, count)?;
        let addr = listeners.first().map_or(Ok(config.listen), TcpListener::local_addr)?;
        let counters: Vec<Arc<Counters>> = (0..count).map(|_| Arc::default()).collect();
        let shared = Arc::new(Shared {
            plans: Plans::new(config.plans_max),
            log: Arc::new(Log::new(config.log_entries)),
            counters: counters.clone(),
            unreachable: Unreachable::default(),
            config,
        });
        let (stop, stopped) = watch::channel(false);
        let live = Arc::new(Live { count: Mutex::new(0), changed: Condvar::new() });
        // Made first, so that a failure below drops it and stops the threads that run already.
        let mut simulator = Self { addr, stop, live, threads: Vec::with_capacity(count) };
        for (number, (listener, counters)) in listeners.into_iter().zip(counters).enumerate() {
            let thread = Arc::new(Thread { shared: Arc::clone(&shared), counters, rendered: Mutex::default() });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let guard = Guard::new(&simulator.live);
            let stopped = stopped.clone();
            let body = move || {
                let _guard = guard;
                runtime.block_on(serve(listener, thread, stopped));
            };
            simulator.threads.push(std::thread::Builder::new().name(format!("simulator-{number}")).spawn(body)?);
        }
        Ok(simulator)
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes the listeners and every connection, and returns when that is done.
    pub fn stop(self) {
        drop(self);
    }

    /// Blocks until no thread serves any more.
    pub fn wait(&self) {
        let mut count = self.live.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count > 0 {
            count = self.live.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same for at most `timeout`; true when no thread serves any more. For callers that look after signals in between.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let count = self.live.count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.live.changed.wait_timeout_while(count, timeout, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Fails only when no thread listens any more, which is what is wanted.
        let _ = self.stop.send(true);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Counts a thread from before its start to its end, however it ends.
struct Guard(Arc<Live>);

impl Guard {
    fn new(live: &Arc<Live>) -> Self {
        *live.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(Arc::clone(live))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.changed.notify_all();
    }
}

fn listeners(addr: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    if count == 1 {
        return Ok(vec![bind(addr, false)?]);
    }
    // SO_REUSEPORT would share the port with another simulator without a word: look whether it is free first.
    let addr = bind(addr, false)?.local_addr()?;
    (0..count).map(|_| bind(addr, true)).collect()
}

fn bind(addr: SocketAddr, share: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if share {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn serve(listener: TcpListener, thread: Arc<Thread>, mut stopped: watch::Receiver<bool>) {
    // Fails only without a reactor, and this runs in one.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut number = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if thread.counters.open() >= thread.shared.config.connections_max as u64 {
            thread.counters.turned_away.fetch_add(1, Relaxed);
            continue;
        }
        thread.counters.accepted.fetch_add(1, Relaxed);
        number += 1;
        tokio::spawn(connection::serve(stream, Arc::clone(&thread), number));
    }
}
