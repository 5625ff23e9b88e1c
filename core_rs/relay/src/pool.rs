//! Upstream connections of one thread that wait for their next request.
//!
//! A connection goes back only when its answer ended exactly where the framing says; anything else closes it.

use crate::socket::Socket;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use tollway_policy::snapshot::Upstream;

/// Which connections are interchangeable: the same scheme and authority, and the same permission to lead to a private address. A connection that
/// was made under that permission serves nobody who lacks it.
#[derive(PartialEq, Eq, Hash, Clone, Debug)]
struct Origin {
    tls: bool,
    private_allowed: bool,
    authority: Box<str>,
}

impl Origin {
    fn of(upstream: &Upstream) -> Origin {
        let Upstream { tls, private_address_allowed: private_allowed, authority, .. } = upstream;
        Origin { tls: *tls, private_allowed: *private_allowed, authority: authority.clone() }
    }

    fn fits(&self, upstream: &Upstream) -> bool {
        self.tls == upstream.tls
            && self.private_allowed == upstream.private_address_allowed
            && self.authority == upstream.authority
    }
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
    pub(crate) fn take(&self, upstream: &Upstream) -> Option<Socket> {
        let mut idle = self.idle.borrow_mut();
        let (_, queue) = idle.iter_mut().find(|(origin, _)| origin.fits(upstream))?;
        queue.pop_back().map(|i| i.socket)
    }

    pub(crate) fn put(&self, upstream: &Upstream, socket: Socket, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        let found = idle.iter_mut().find(|(origin, _)| origin.fits(upstream));
        let queue = match found {
            Some((_, queue)) => queue,
            None => idle.entry(Origin::of(upstream)).or_default(),
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
