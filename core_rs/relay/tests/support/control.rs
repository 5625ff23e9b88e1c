//! A stand-in control plane: wallets in a map, reported rows in a list, and a way to be away.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tollway_policy::ids::Id;

const PATIENCE: Duration = Duration::from_secs(20);

/// A reported row (ARCHITECTURE.md, "A settle row").
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Row {
    pub seq: u64,
    pub request_id: serde_bytes::ByteBuf,
    pub account: serde_bytes::ByteBuf,
    pub key: serde_bytes::ByteBuf,
    pub model: String,
    pub upstream: String,
    pub endpoint: u8,
    pub status: u16,
    pub stream: bool,
    pub estimated: bool,
    pub tokens: [u64; 10],
    pub units: [u64; 4],
    pub price: Option<serde_bytes::ByteBuf>,
    pub multiplier: u64,
    pub hold: i64,
    pub charge: i64,
    pub excess: i64,
    pub attempts: u8,
    pub started_ms: u64,
    pub first_byte_us: u64,
    pub total_us: u64,
    pub outcome: u8,
    pub code: String,
    pub client_request_id: String,
}

#[derive(Default)]
pub struct Books {
    pub wallets: HashMap<[u8; 16], u64>,
    pub rows: Vec<Row>,
    pub held: HashMap<Vec<u8>, i64>,
    pub leases: usize,
    pub returned: u64,
    pub finals: Vec<u64>,
    pub away: bool,
}

pub struct Control {
    pub address: SocketAddr,
    books: Arc<(Mutex<Books>, Condvar)>,
}

#[derive(serde::Deserialize)]
struct Report {
    epoch: u64,
    settles: Vec<Row>,
    held: Vec<(serde_bytes::ByteBuf, i64)>,
    returned: Vec<(u64, serde_bytes::ByteBuf, i64)>,
    r#final: bool,
}

#[derive(serde::Deserialize)]
struct Lease {
    account: serde_bytes::ByteBuf,
    want: u64,
}

impl Control {
    pub fn start() -> Control {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let books: Arc<(Mutex<Books>, Condvar)> = Arc::default();
        let shared = books.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                answer(socket, &shared);
            }
        });
        Control { address, books }
    }

    pub fn fund(&self, account: Id, nano: u64) {
        self.with(|books| *books.wallets.entry(account.0).or_default() += nano);
    }

    pub fn empty(&self, account: Id) {
        self.with(|books| books.wallets.insert(account.0, 0));
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut Books) -> T) -> T {
        let value = f(&mut self.books.0.lock().unwrap());
        self.books.1.notify_all();
        value
    }

    /// Waits until the books are as wished.
    pub fn wait(&self, what: &str, wished: impl Fn(&Books) -> bool) {
        let (lock, changed) = &*self.books;
        let (_books, late) =
            changed.wait_timeout_while(lock.lock().unwrap(), PATIENCE, |books| !wished(books)).unwrap();
        assert!(!late.timed_out(), "never happened: {what}");
    }

    /// The reported rows, once there are `n`.
    pub fn rows(&self, n: usize) -> Vec<Row> {
        self.wait(&format!("{n} rows"), |books| books.rows.len() >= n);
        self.with(|books| books.rows.clone())
    }
}

fn answer(mut socket: TcpStream, books: &(Mutex<Books>, Condvar)) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let Some((path, body)) = read(&mut socket) else { return };
    let mut locked = books.0.lock().unwrap();
    if locked.away {
        return;
    }
    let reply = match path.as_str() {
        "/internal/node/lease" => {
            let lease: Lease = rmp_serde::from_slice(&body).unwrap();
            locked.leases += 1;
            let wallet = locked.wallets.entry(lease.account.as_slice().try_into().unwrap()).or_default();
            let granted = lease.want.min(*wallet);
            *wallet -= granted;
            rmp_serde::to_vec_named(&HashMap::from([("granted", granted)])).unwrap()
        }
        "/internal/node/report" => {
            let report: Report = rmp_serde::from_slice(&body).unwrap();
            let acked = report.settles.len() as u64;
            locked.rows.extend(report.settles);
            locked.held.extend(report.held.into_iter().map(|(account, nano)| (account.into_vec(), nano)));
            for (_, account, nano) in report.returned {
                locked.returned += nano as u64;
                *locked.wallets.entry(account.as_slice().try_into().unwrap()).or_default() += nano as u64;
            }
            if report.r#final {
                locked.finals.push(report.epoch);
            }
            rmp_serde::to_vec_named(&HashMap::from([("acked", acked)])).unwrap()
        }
        _ => rmp_serde::to_vec_named(&HashMap::from([("generation", 0u64)])).unwrap(),
    };
    drop(locked);
    books.1.notify_all();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/msgpack\r\ncontent-length: {}\r\n\r\n", reply.len());
    let _ = socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(&reply));
}

fn read(socket: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut page) = (Vec::new(), [0; 16 << 10]);
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
            let length: usize = head.lines().find_map(|l| l.strip_prefix("content-length: "))?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                let path = head.split(' ').nth(1)?.to_string();
                return Some((path, bytes[end + 4..end + 4 + length].to_vec()));
            }
        }
        match socket.read(&mut page) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&page[..n]),
            _ => return None,
        }
    }
}
