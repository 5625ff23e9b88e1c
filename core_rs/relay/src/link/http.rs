//! The smallest HTTP client that serves the link: one request, one connection, one bounded answer.
//!
//! The link speaks to the control plane a few times a second from its own low-priority thread; pooling would
//! save nothing that can be measured.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest answer the control plane may give on the inner paths.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Posts a msgpack body and returns status and body.
pub(crate) async fn post(
    to: SocketAddr,
    path: &str,
    token: &str,
    body: &[u8],
    within: Duration,
) -> io::Result<(u16, Vec<u8>)> {
    tokio::time::timeout(within, exchange(to, path, token, body))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the control plane did not answer in time")))
}

async fn exchange(to: SocketAddr, path: &str, token: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let mut socket = TcpStream::connect(to).await?;
    socket.set_nodelay(true)?;
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: {to}\r\nx-tollway-node-token: {token}\r\ncontent-type: application/msgpack\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    socket.write_all(&request).await?;
    let mut answer = Vec::new();
    (&mut socket).take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    parse(answer)
}

fn parse(answer: Vec<u8>) -> io::Result<(u16, Vec<u8>)> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the control plane's answer: {what}"));
    let mut ignored = Vec::new();
    let head = tollway_wire::response::parse_response(&answer, &mut ignored)
        .map_err(|_| bad("not HTTP"))?
        .ok_or_else(|| bad("cut in the head"))?;
    let mut rest = answer[head.len as usize..].to_vec();
    match head.framing {
        tollway_wire::response::ResponseFraming::Chunked => {
            let progress =
                tollway_wire::chunked::Decoder::new().decode(&mut rest).map_err(|_| bad("bad chunk framing"))?;
            if !progress.done {
                return Err(bad("cut in the body"));
            }
            rest.truncate(progress.payload);
        }
        tollway_wire::response::ResponseFraming::Length(n) if (rest.len() as u64) < n => {
            return Err(bad("cut in the body"));
        }
        _ => {}
    }
    Ok((head.status, rest))
}
