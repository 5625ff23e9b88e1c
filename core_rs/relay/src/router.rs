//! From a connection's next head to the handler of its path, with a wall around each request.

use crate::connection::{Connection, Next, Stop, Unread};
use crate::counters::{add, sub};
use crate::exchange::Exchange;
use crate::parsed::Target;
use crate::shard::Shard;
use crate::{endpoint, models, proxy};
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::net::TcpStream;
use tollway_policy::refusal::Refusal;
use tollway_wire::head::{Method, RequestHead};
use tollway_wire::path::{self, Route};

/// Serves a connection to its end.
pub(crate) async fn serve(shard: Rc<Shard>, client: TcpStream, address: IpAddr) {
    let counters = shard.counters.clone();
    add(&counters.connections, 1);
    let timer = shard.timers.register();
    let is_trusted_proxy = shard.node.config.trusted_proxies.contains(address);
    let mut connection = Connection {
        shard,
        client,
        address,
        is_trusted_proxy,
        timer,
        inbuf: Vec::new(),
        consumed: 0,
        unread: Unread::None,
        sends_big: false,
        began: false,
        answers_head: false,
    };
    while connection.guarded_request().await == Next::Keep {}
    connection.shard.buffers.give_page(std::mem::take(&mut connection.inbuf));
    sub(&counters.connections, 1);
}

impl Connection {
    /// One request, with a wall around it: a panic becomes a 500 where that can still be said, and ends this connection only.
    async fn guarded_request(&mut self) -> Next {
        let finished = {
            let mut request = pin!(self.request());
            poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(next)) => Poll::Ready(Some(next)),
                Err(_) => Poll::Ready(None),
            })
            .await
        };
        let Some(next) = finished else {
            add(&self.shard.counters.panics, 1);
            if !self.began {
                let exchange = Exchange::new(&self.shard, None, false);
                self.refuse(&exchange, &Refusal::internal()).await;
            }
            return Next::Close;
        };
        if next == Next::Keep {
            self.forget_request();
        }
        next
    }

    /// Drops the used bytes and keeps what was pipelined behind them.
    fn forget_request(&mut self) {
        if self.consumed >= self.inbuf.len() {
            self.shard.buffers.give_page(std::mem::take(&mut self.inbuf));
        } else {
            self.inbuf.drain(..self.consumed);
        }
        self.consumed = 0;
    }

    async fn request(&mut self) -> Next {
        let mut forward = self.shard.buffers.small();
        let next = match self.read_head(&mut forward).await {
            Ok(head) => {
                let shard = self.shard.clone();
                let counters = &shard.counters;
                add(&counters.in_flight, 1);
                let _ended = InFlight(&shard);
                self.dispatch(&head, &forward).await
            }
            Err(Stop::Gone) => Next::Close,
            Err(Stop::Refused(refusal)) => {
                let exchange = Exchange::new(&self.shard, None, false);
                self.refuse(&exchange, &refusal).await
            }
        };
        self.shard.buffers.give_small(forward);
        next
    }

    async fn dispatch(&mut self, head: &RequestHead, forward: &[u8]) -> Next {
        self.answers_head = head.method == Method::Head;
        let keep_alive = head.keep_alive && !self.shard.node.is_draining();
        let client_id = head.client_request_id.map(|span| span.of(&self.inbuf));
        let mut exchange = Exchange::new(&self.shard, client_id, keep_alive);
        let mut scratch = Vec::new();
        let route = path::route(head.path.of(&self.inbuf), &mut scratch);
        if let Some(refusal) = wrong_method(&route, head, &self.inbuf) {
            return self.refuse(&exchange, &refusal).await;
        }
        match route {
            Route::Relay { endpoint, upstream_suffix, body } if head.method == Method::Post => {
                let target = Target { endpoint, suffix: upstream_suffix, body };
                endpoint::serve(self, head, forward, target, &mut exchange).await
            }
            Route::Relay { .. } | Route::Models | Route::Model(_) if head.method == Method::Options => {
                self.preflight(&exchange).await
            }
            Route::Models => models::list(self, head, &mut exchange).await,
            Route::Model(id) => {
                let id = id.of(&scratch).to_vec();
                models::one(self, head, &mut exchange, &id).await
            }
            Route::NodeApi => Box::pin(proxy::to_node(self, head, &exchange)).await,
            Route::Metrics if self.shard.node.config.expose_metrics => {
                Box::pin(proxy::to_node(self, head, &exchange)).await
            }
            Route::Control => Box::pin(proxy::to_control(self, head, &exchange)).await,
            _ => self.refuse(&exchange, &Refusal::not_found()).await,
        }
    }

    /// A CORS preflight is answered; no origin is allowed until the operator says so, hence no `access-control-*` line.
    async fn preflight(&mut self, exchange: &Exchange) -> Next {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"HTTP/1.1 204 No Content\r\nvary: Origin\r\n");
        crate::exchange::text_line(&mut out, "x-request-id", exchange.id_text.as_bytes());
        self.finish(exchange, out, &[]).await
    }
}

/// 405 with the methods that would do; a preflight is always welcome.
fn wrong_method(route: &Route, head: &RequestHead, inbuf: &[u8]) -> Option<Refusal> {
    let allow = route.allow()?;
    let ours = head.method_text.of(inbuf);
    let fits = allow.split(", ").any(|method| method.as_bytes() == ours) || head.method == Method::Options;
    (!fits).then(|| Refusal::method_not_allowed(allow))
}

/// Counts a running request for as long as it lives, however it ends.
struct InFlight<'a>(&'a Shard);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        sub(&self.0.counters.in_flight, 1);
    }
}

#[cfg(test)]
mod tests {
    /// What a connection's task may take, in bytes: with it stands the gate on an idle stream's memory. A value that is moved from phase to phase lies
    /// in the task once per phase; box it, or pass it by reference.
    const TASK_BYTES_MAX: usize = 4_608;

    #[test]
    fn a_connections_task_is_small() {
        fn size<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size(super::serve);
        assert!(bytes <= TASK_BYTES_MAX, "{bytes}");
    }
}
