//! The core threads: one runtime, one listening socket, one of everything each. They share what `Node` holds and nothing else.

use crate::journal::writer::{ThreadJournal, Writer};
use crate::node::Node;
use crate::resolve::Names;
use crate::router;
use crate::shard::Shard;
use crate::timers::SWEEP_MS;
use std::io;
use std::net::TcpListener;
use std::os::fd::FromRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Said to a client that comes when all places are taken. It must cost next to nothing.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 137\r\n\r\n{\"error\":{\"message\":\"The gateway has no free connection. Retry in a second.\",\"type\":\"overloaded_error\",\"param\":null,\"code\":\"overloaded\"}}";
/// Pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Sweeps between two looks at the idle upstream connections: one a second.
const SWEEPS_PER_POOL_SWEEP: u32 = 10;

/// What the threads are to do. Only ever goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serve,
    /// Accept nothing more; let what runs run; whoever comes on a kept connection is answered and told that it closes.
    Drain,
    /// Close what idles.
    CloseIdle,
    /// The drain time is over.
    Cut,
    Stop,
}

/// Takes over a listening socket that the host process inherited or made for us.
#[expect(unsafe_code, reason = "a descriptor number from the host can only be adopted by asserting its ownership")]
pub(crate) fn adopt(fd: i32) -> io::Result<TcpListener> {
    if fd < 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "listen_fds: a descriptor is negative"));
    }
    // SAFETY: the host hands over each descriptor exactly once (ARCHITECTURE.md, "listen_fds") and does not use or close it
    // afterwards, so this is its only owner. Whether it is open and listens is checked by the calls below, which fail otherwise.
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    listener.local_addr()?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Runs one core thread until the phase says stop.
pub(crate) fn run(
    node: Arc<Node>,
    thread: usize,
    listener: TcpListener,
    journal: Arc<ThreadJournal>,
    background: tokio::runtime::Handle,
    phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    // A local runtime polls a woken task straight from its queue; a `LocalSet` would schedule each twice.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(async move {
        let names = Names::new(background, node.config.settings.resolve_ms);
        let shard = Rc::new(Shard::new(node, thread, Writer::new(journal), names));
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::task::spawn_local(sweep(shard.clone()));
        serve(shard, listener, phase).await;
        Ok(())
    })
}

async fn serve(shard: Rc<Shard>, listener: tokio::net::TcpListener, mut phase: watch::Receiver<Phase>) {
    let connections_max = shard.node.config.settings.connections_max.div_ceil(shard.node.config.listen_fds.len());
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, from)) => {
                    let _ = client.set_nodelay(true);
                    if shard.timers.len() >= connections_max {
                        let _ = client.try_write(FULL);
                        continue;
                    }
                    tokio::task::spawn_local(router::serve(shard.clone(), client, from.ip()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow() > Phase::Serve {
                    break;
                }
            }
        }
    }
    drop(listener);
    loop {
        let now = *phase.borrow_and_update();
        match now {
            Phase::Serve | Phase::Drain => {}
            Phase::CloseIdle => shard.timers.fire_idle(),
            Phase::Cut => shard.timers.fire_all(),
            Phase::Stop => break,
        }
        if phase.changed().await.is_err() {
            break;
        }
    }
    shard.pool.clear();
}

async fn sweep(shard: Rc<Shard>) {
    let mut every = tokio::time::interval(Duration::from_millis(SWEEP_MS));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut ticks = 0u32;
    loop {
        every.tick().await;
        let now_ms = shard.tick();
        shard.timers.sweep(now_ms);
        ticks = ticks.wrapping_add(1);
        if ticks.is_multiple_of(SWEEPS_PER_POOL_SWEEP) {
            shard.pool.sweep(now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_canned_answer_has_the_length_that_it_says() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
