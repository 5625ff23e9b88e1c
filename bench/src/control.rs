//! `control`: a control plane that says yes. It grants every lease amply, acknowledges every reported row, and counts both.
//!
//! The real one's cost is not what the benches measure; that each request is reported and acknowledged is. Answers come from constants and a
//! report is read only as far as its number of rows, so that the load generator keeps the processor they share.

use crate::args::{Args, Options};
use crate::{input_closed, say};
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const OPTIONS: Options =
    &[("listen", "address:port (127.0.0.1:0)"), ("grant-nano", "money in each lease, nano-USD (1000000000000)")];

/// The gateway reports at most 1,024 rows of a few hundred bytes at once.
const REQUEST_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default)]
struct Counts {
    hellos: Cell<u64>,
    leases: Cell<u64>,
    reports: Cell<u64>,
    rows: Cell<u64>,
}

pub(crate) async fn run(args: Args) -> Result<(), String> {
    let listen = args.get("listen", "127.0.0.1:0".to_owned())?;
    let listener = TcpListener::bind(&listen).await.map_err(|e| format!("--listen {listen}: {e}"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    say(&json!({"listening": address.to_string()}))?;
    let grant_nano: u64 = args.get("grant-nano", 1_000_000_000_000)?;
    let counts = Rc::new(Counts::default());
    let accepting = async {
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            tokio::task::spawn_local(serve(socket, counts.clone(), grant_nano));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = input_closed() => {}
    }
    Ok(())
}

/// One request per connection, as the gateway's link asks.
async fn serve(mut socket: TcpStream, counts: Rc<Counts>, grant_nano: u64) {
    let Some((line, body)) = read(&mut socket).await else { return };
    let (status, content_type, answer) = answer(&line, &body, &counts, grant_nano);
    let mut out = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    )
    .into_bytes();
    out.extend_from_slice(&answer);
    let _ = socket.write_all(&out).await;
}

/// The request line and the body; `None` when it does not come whole.
async fn read(socket: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(8 << 10);
    loop {
        if bytes.len() > REQUEST_BYTES_MAX || socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(size) = request.parse(&bytes).ok()? else { continue };
        let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
        let line = format!("{} {}", request.method?, request.path?);
        if bytes.len() >= size + length.unwrap_or(0) {
            bytes.drain(..size);
            return Some((line, bytes));
        }
    }
}

fn answer(line: &str, body: &[u8], counts: &Counts, grant_nano: u64) -> (&'static str, &'static str, Vec<u8>) {
    let bump = |cell: &Cell<u64>, by: u64| cell.set(cell.get() + by);
    let msgpack = "application/msgpack";
    match line {
        "POST /internal/node/hello" => {
            bump(&counts.hellos, 1);
            ("200 OK", msgpack, map("generation", 0))
        }
        "POST /internal/node/lease" => {
            bump(&counts.leases, 1);
            ("200 OK", msgpack, map("granted", grant_nano))
        }
        "POST /internal/node/report" => match rows(body) {
            Some(rows) => {
                bump(&counts.reports, 1);
                bump(&counts.rows, rows);
                ("200 OK", msgpack, map("acked", rows))
            }
            None => ("422 Unprocessable Content", "text/plain", b"a report without settles".to_vec()),
        },
        "GET /counts" => {
            let counts = json!({"hellos": counts.hellos.get(), "leases": counts.leases.get(),
                                "reports": counts.reports.get(), "rows": counts.rows.get()});
            ("200 OK", "application/json", counts.to_string().into_bytes())
        }
        _ => ("404 Not Found", "text/plain", b"not an inner path of the benches' control plane".to_vec()),
    }
}

/// A msgpack map of one short name and one number.
fn map(name: &str, number: u64) -> Vec<u8> {
    let mut out = vec![0x81, 0xa0 | name.len() as u8];
    out.extend_from_slice(name.as_bytes());
    out.push(0xcf);
    out.extend_from_slice(&number.to_be_bytes());
    out
}

/// How many rows a report settles. Its map names node and epoch first; both are skipped, the rows themselves are not read.
fn rows(body: &[u8]) -> Option<u64> {
    let (&map, mut rest) = body.split_first()?;
    if map & 0xf0 != 0x80 {
        return None;
    }
    for _ in 0..map & 0x0f {
        let (name, after) = scalar(rest)?;
        rest = after;
        if name == b"settles" {
            return array_len(rest);
        }
        rest = scalar(rest)?.1;
    }
    None
}

/// A string or an unsigned number, and what follows it.
fn scalar(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&marker, rest) = bytes.split_first()?;
    let (size, rest) = match marker {
        0x00..=0x7f => (0, rest),
        0xa0..=0xbf => (usize::from(marker & 0x1f), rest),
        0xd9 => (usize::from(*rest.first()?), &rest[1..]),
        0xcc..=0xcf => (1 << (marker - 0xcc), rest),
        _ => return None,
    };
    rest.split_at_checked(size)
}

fn array_len(bytes: &[u8]) -> Option<u64> {
    let (&marker, rest) = bytes.split_first()?;
    let width = match marker {
        0x90..=0x9f => return Some(u64::from(marker & 0x0f)),
        0xdc => 2,
        0xdd => 4,
        _ => return None,
    };
    Some(rest.get(..width)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests;
