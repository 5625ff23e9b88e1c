//! One connection: writes a request, reads its answer to the end, and believes nothing that is not whole.

use crate::http::{Body, Head, parse_head};
use crate::stats::{Stats, bump};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One read; also the largest head of an answer.
const BUFFER_BYTES: usize = 16 << 10;
/// A connection attempt, and an answer's silence.
const WAIT: Duration = Duration::from_secs(60);

/// What an answer must be to count as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// The answer is a stream that ends with `[DONE]`.
    pub(crate) stream: bool,
}

pub(crate) struct Client {
    to: SocketAddr,
    socket: Option<TcpStream>,
    buffer: Vec<u8>,
    expected: Expected,
    stats: Rc<Stats>,
}

/// A head that has come, and as much of the body as came with it.
pub(crate) struct Answer {
    head: Head,
    pub(crate) body: Body,
    /// When the first byte of the body was there (for a stream: its first event's).
    first: Option<Instant>,
}

impl Client {
    pub(crate) fn new(to: SocketAddr, expected: Expected, stats: Rc<Stats>) -> Self {
        Self { to, socket: None, buffer: vec![0; BUFFER_BYTES], expected, stats }
    }

    /// Sends and reads one exchange. Latency counts from `since` to the last byte, for a stream to its first.
    pub(crate) async fn exchange(&mut self, request: &[u8], since: Instant) {
        match self.attempt(request).await {
            Ok(answer) => {
                if answer.head.close {
                    self.socket = None;
                }
                let first = answer.first.filter(|_| self.expected.stream);
                self.stats.answered(first.unwrap_or_else(Instant::now).saturating_duration_since(since));
            }
            Err(message) => {
                self.socket = None;
                self.stats.failed(message);
            }
        }
    }

    async fn attempt(&mut self, request: &[u8]) -> Result<Answer, String> {
        let mut answer = self.begin(request).await?;
        while self.more(&mut answer).await? {}
        if self.expected.stream && !answer.body.events.complete() {
            return Err("a stream ended without [DONE]".to_owned());
        }
        Ok(answer)
    }

    /// Sends a request and reads up to the answer's head.
    pub(crate) async fn begin(&mut self, request: &[u8]) -> Result<Answer, String> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        socket.write_all(request).await.map_err(|e| format!("write: {e}"))?;
        bump(&self.stats.sent, 1);
        let mut filled = 0;
        let head = loop {
            filled += read(&mut socket, &mut self.buffer[filled..]).await?;
            if let Some(head) = parse_head(&self.buffer[..filled])? {
                break head;
            }
        };
        if head.status != self.expected.status {
            let text = String::from_utf8_lossy(&self.buffer[head.bytes..filled]);
            return Err(format!("status {}: {text}", head.status));
        }
        let mut answer = Answer { head, body: Body::new(head.framing), first: None };
        self.take(&mut answer, head.bytes, filled)?;
        self.socket = Some(socket);
        Ok(answer)
    }

    /// One more read of the answer; false once it is whole.
    pub(crate) async fn more(&mut self, answer: &mut Answer) -> Result<bool, String> {
        if answer.body.is_done() {
            return Ok(false);
        }
        let socket = self.socket.as_mut().ok_or("no connection")?;
        let filled = read(socket, &mut self.buffer).await?;
        self.take(answer, 0, filled)?;
        Ok(true)
    }

    fn take(&self, answer: &mut Answer, start: usize, end: usize) -> Result<(), String> {
        let (events, bytes) = (answer.body.events.count, answer.body.payload_bytes);
        answer.body.take(&self.buffer[start..end])?;
        if answer.first.is_none() && answer.body.payload_bytes > 0 {
            answer.first = Some(Instant::now());
        }
        self.stats.received(answer.body.events.count - events, answer.body.payload_bytes - bytes);
        Ok(())
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let socket = tokio::time::timeout(WAIT, TcpStream::connect(self.to)).await;
        let socket = socket.map_err(|_| "connect: no answer".to_owned())?.map_err(|e| format!("connect: {e}"))?;
        socket.set_nodelay(true).map_err(|e| format!("connect: {e}"))?;
        bump(&self.stats.connects, 1);
        Ok(socket)
    }
}

/// At least one byte. No timer: it would cost the load generator more than the read; the run's own end bounds the wait.
async fn read(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<usize, String> {
    match socket.read(buffer).await {
        Ok(0) => Err("the answer was cut: the connection closed, or its head is too long".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("read: {error}")),
    }
}
