//! Upstream connections of one thread that wait for their next request.
//!
//! A connection goes back only when its answer ended exactly where the framing says; anything else closes it.

use crate::socket::Socket;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

/// Which connections are interchangeable: the same scheme and authority.
#[derive(PartialEq, Eq, Hash, Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) tls: bool,
    pub(crate) authority: Box<str>,
}

struct Idle {
    socket: Socket,
    since_ms: u64,
}

pub(crate) struct Pool {
    idle: RefCell<HashMap<Origin, VecDeque<Idle>>>,
    idle_max: usize,
    idle_ms: u64,
}

impl Pool {
    pub(crate) fn new(idle_max: usize, idle_ms: u64) -> Pool {
        Pool { idle: RefCell::default(), idle_max, idle_ms }
    }

    /// The connection used last: the likeliest to be alive and warm.
    pub(crate) fn take(&self, tls: bool, authority: &str) -> Option<Socket> {
        let mut idle = self.idle.borrow_mut();
        let (_, queue) = idle.iter_mut().find(|(origin, _)| origin.tls == tls && *origin.authority == *authority)?;
        queue.pop_back().map(|i| i.socket)
    }

    pub(crate) fn put(&self, tls: bool, authority: &str, socket: Socket, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        let found = idle.iter_mut().find(|(origin, _)| origin.tls == tls && *origin.authority == *authority);
        let queue = match found {
            Some((_, queue)) => queue,
            None => idle.entry(Origin { tls, authority: authority.into() }).or_default(),
        };
        if queue.len() < self.idle_max {
            queue.push_back(Idle { socket, since_ms: now_ms });
        }
    }

    /// Once a second: closes what has been idle for too long, oldest first.
    pub(crate) fn sweep(&self, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        for queue in idle.values_mut() {
            while queue.front().is_some_and(|i| i.since_ms + self.idle_ms <= now_ms) {
                queue.pop_front();
            }
        }
        idle.retain(|_, queue| !queue.is_empty());
    }

    pub(crate) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }
}
