//! One upstream connection, plain or under TLS, and the small reads and writes that a task does with it.
//!
//! Reads go through `poll_read`: after a short read it knows the socket is empty and saves the EAGAIN system call. Readiness
//! is polled first, a pooled buffer taken second (`buffers.rs`).

use crate::buffers::Buffers;
use crate::timers::Timer;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Pieces of one vectored write. More are written in several calls.
const SLICES_MAX: usize = 16;

/// Up to this size the pieces of a write are copied together first.
const TOGETHER_BYTES_MAX: usize = 8 << 10;

/// A connection to an upstream.
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why waiting for bytes ended without any.
#[derive(Debug)]
pub(crate) enum Wait {
    /// The socket failed. What it said is the kernel's affair: all failures of a kind are answered alike.
    Io,
    /// The phase's deadline has passed.
    TimedOut,
    /// The client hung up meanwhile.
    ClientGone,
}

impl From<io::Error> for Wait {
    fn from(_: io::Error) -> Wait {
        Wait::Io
    }
}

impl Socket {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Socket::Plain(tcp) => tcp,
            Socket::Tls(tls) => tls.get_ref().0,
        }
    }

    /// True when nothing was received while the connection lay idle: stale readiness is not death, only a read tells.
    pub(crate) async fn still_open(&mut self) -> bool {
        let mut byte = [0u8; 1];
        poll_fn(|cx| {
            if self.tcp().poll_read_ready(cx).is_pending() {
                return Poll::Ready(true);
            }
            let mut buffer = ReadBuf::new(&mut byte);
            Poll::Ready(self.poll_read(cx, &mut buffer).is_pending())
        })
        .await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Socket::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buffer),
        }
    }

    /// Reads into a buffer that is taken from the pool when there is something to read, and given back when there is not.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        pool: &Buffers,
        into: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Socket::Plain(tcp) => poll_fill_tcp(tcp, cx, pool, into, false),
            Socket::Tls(tls) => {
                if into.capacity() == 0 {
                    *into = pool.page();
                }
                let read = tokio_util::io::poll_read_buf(Pin::new(tls.as_mut()), cx, into);
                if read.is_pending() && into.is_empty() {
                    pool.give_page(std::mem::take(into));
                }
                read
            }
        }
    }

    /// Writes all pieces. Under TLS they are copied together first: one record, one system call.
    pub(crate) async fn write_pieces(&mut self, pieces: &[&[u8]], timer: &Timer) -> Result<(), Wait> {
        match self {
            Socket::Plain(tcp) => write_pieces(tcp, pieces, timer).await,
            Socket::Tls(tls) => {
                let whole = pieces.concat();
                let mut at = 0;
                while at < whole.len() {
                    at += poll_fn(|cx| match Pin::new(tls.as_mut()).poll_write(cx, &whole[at..]) {
                        Poll::Pending if timer.expired(cx) => Poll::Ready(Err(Wait::TimedOut)),
                        other => other.map_err(Wait::from),
                    })
                    .await?;
                }
                poll_fn(|cx| match Pin::new(tls.as_mut()).poll_flush(cx) {
                    Poll::Pending if timer.expired(cx) => Poll::Ready(Err(Wait::TimedOut)),
                    other => other.map_err(Wait::from),
                })
                .await
            }
        }
    }
}

#[inline]
fn poll_fill_tcp(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    pool: &Buffers,
    into: &mut Vec<u8>,
    is_big: bool,
) -> Poll<io::Result<usize>> {
    if into.capacity() == 0 {
        ready!(tcp.poll_read_ready(cx))?;
        *into = pool.page_or_big(is_big);
    }
    let read = tokio_util::io::poll_read_buf(Pin::new(tcp), cx, into);
    if read.is_pending() && into.is_empty() {
        pool.give_page(std::mem::take(into));
    }
    read
}

/// Reads from the client. 0 = it has closed.
pub(crate) async fn fill_client(
    tcp: &mut TcpStream,
    pool: &Buffers,
    into: &mut Vec<u8>,
    timer: &Timer,
) -> Result<usize, Wait> {
    fill_next(tcp, pool, into, false, timer).await
}

/// The same for a request's first bytes. `is_big`: the request is probably larger than a page, and is to be read in one go.
pub(crate) async fn fill_next(
    tcp: &mut TcpStream,
    pool: &Buffers,
    into: &mut Vec<u8>,
    is_big: bool,
    timer: &Timer,
) -> Result<usize, Wait> {
    poll_fn(|cx| match poll_fill_tcp(tcp, cx, pool, into, is_big) {
        Poll::Pending if timer.expired(cx) => Poll::Ready(Err(Wait::TimedOut)),
        other => other.map_err(Wait::from),
    })
    .await
}

/// Watches a client that should be silent while its answer is made.
#[derive(Default)]
pub(crate) struct Watch {
    /// It has sent more already (a pipelined request): its end can only be seen by reading, so the watch stops.
    talks: bool,
}

impl Watch {
    /// Ready when the client has gone. A half-closed client counts as gone, as it does in nginx.
    #[inline]
    fn poll_gone(&mut self, client: &TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        if self.talks {
            return Poll::Pending;
        }
        let mut byte = [0u8; 1];
        match client.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(n)) if n > 0 => {
                self.talks = true;
                Poll::Pending
            }
            Poll::Ready(_) => Poll::Ready(()),
        }
    }
}

/// Reads from the upstream, or learns that the client has gone or the deadline has passed. 0 = the upstream has closed.
pub(crate) async fn fill_upstream(
    upstream: &mut Socket,
    pool: &Buffers,
    into: &mut Vec<u8>,
    client: &TcpStream,
    watch: &mut Watch,
    timer: &Timer,
) -> Result<usize, Wait> {
    poll_fn(|cx| {
        if watch.poll_gone(client, cx).is_ready() {
            return Poll::Ready(Err(Wait::ClientGone));
        }
        match upstream.poll_fill(cx, pool, into) {
            Poll::Pending if timer.expired(cx) => Poll::Ready(Err(Wait::TimedOut)),
            other => other.map_err(Wait::from),
        }
    })
    .await
}

/// Waits for another future under the same three endings.
pub(crate) async fn guarded<F: Future>(
    future: F,
    client: &TcpStream,
    watch: &mut Watch,
    timer: &Timer,
) -> Result<F::Output, Wait> {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        if watch.poll_gone(client, cx).is_ready() {
            return Poll::Ready(Err(Wait::ClientGone));
        }
        if timer.expired(cx) { Poll::Ready(Err(Wait::TimedOut)) } else { Poll::Pending }
    })
    .await
}

thread_local! {
    /// Where small writes are put together. Copying a few kilobytes costs less than a vectored write does.
    static TOGETHER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(TOGETHER_BYTES_MAX));
}

/// Polls one write of all pieces, from the start, through one buffer.
fn poll_write_together(tcp: &mut TcpStream, pieces: &[&[u8]], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    TOGETHER.with_borrow_mut(|buffer| {
        buffer.clear();
        for piece in pieces {
            buffer.extend_from_slice(piece);
        }
        Pin::new(tcp).poll_write(cx, buffer)
    })
}

/// Writes all pieces to a TCP socket with as few system calls as it takes.
pub(crate) async fn write_pieces(tcp: &mut TcpStream, pieces: &[&[u8]], timer: &Timer) -> Result<(), Wait> {
    let total: usize = pieces.iter().map(|p| p.len()).sum();
    let mut done = 0;
    if total <= TOGETHER_BYTES_MAX {
        done = poll_fn(|cx| match poll_write_together(tcp, pieces, cx) {
            Poll::Pending if timer.expired(cx) => Poll::Ready(Err(Wait::TimedOut)),
            other => other.map_err(Wait::from),
        })
        .await?;
    }
    while done < total {
        let n = poll_fn(|cx| {
            let mut slices = [IoSlice::new(b""); SLICES_MAX];
            let (mut count, mut skip) = (0, done);
            for piece in pieces {
                if skip >= piece.len() {
                    skip -= piece.len();
                    continue;
                }
                if count == SLICES_MAX {
                    break;
                }
                slices[count] = IoSlice::new(&piece[skip..]);
                skip = 0;
                count += 1;
            }
            match Pin::new(&mut *tcp).poll_write_vectored(cx, &slices[..count]) {
                Poll::Pending if timer.expired(cx) => Poll::Ready(Err(Wait::TimedOut)),
                other => other.map_err(Wait::from),
            }
        })
        .await?;
        if n == 0 {
            return Err(Wait::Io);
        }
        done += n;
    }
    Ok(())
}
