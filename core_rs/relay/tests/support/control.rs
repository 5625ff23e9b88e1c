//! A stand-in control plane: wallets in a map, reported rows in a list, and ways to be away, forgetful or slow.
//!
//! It keeps the contract's promises: a lease is idempotent by (epoch, seq), a row and a returned part are posted once however often they come.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tollway_policy::ids::Id;

const PATIENCE: Duration = Duration::from_secs(20);

/// A reported row (ARCHITECTURE.md, "A settle row").
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
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
    /// Posted rows, in the order of their first arrival.
    pub rows: Vec<Row>,
    pub held: HashMap<Vec<u8>, i64>,
    /// Calls for a lease, repeated ones included.
    pub leases: usize,
    pub returned: u64,
    pub finals: Vec<u64>,
    pub away: bool,
    /// Reports that came while it was away.
    pub missed: usize,
    /// So many answers are lost on the way, after the work was done.
    pub answers_to_lose: usize,
    /// Calls for a lease wait until this is false.
    pub hold_leases: bool,
    /// Rows that came again, word for word; others would fail the test.
    pub repeated: usize,
    /// An empty wallet points to the leases of other epochs and recalls them.
    pub recalls: bool,
    /// What to say is leased elsewhere, whatever is.
    pub elsewhere: u64,
    /// Accounts that an epoch is to give back with its next report.
    pub recall: HashMap<u64, Vec<[u8; 16]>>,
    /// (epoch, seq) → epoch and row, for idempotence.
    posted: HashMap<(u64, u64), Row>,
    grants: HashMap<(u64, u64), u64>,
    returns: HashMap<(u64, u64), i64>,
    /// What each epoch's lease of a wallet still has: granted − returned − charged.
    pub leased: BTreeMap<(u64, [u8; 16]), i64>,
}

#[derive(Clone)]
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
    epoch: u64,
    seq: u64,
    account: serde_bytes::ByteBuf,
    want: u64,
}

#[derive(serde::Serialize)]
struct Granted {
    granted: u64,
    elsewhere: u64,
}

#[derive(serde::Serialize)]
struct Acknowledged {
    acked: usize,
    recall: Vec<serde_bytes::ByteBuf>,
}

impl Control {
    pub fn start() -> Control {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let books: Arc<(Mutex<Books>, Condvar)> = Arc::default();
        let shared = books.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || answer(socket, &shared));
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

    /// Asserts that every nano is in the wallet, in a lease or charged (I1), and returns wallet, leases, charges.
    pub fn balance(&self, account: Id, deposited: u64) -> (u64, i64, i64) {
        self.with(|books| {
            let wallet = books.wallets[&account.0];
            let leased =
                books.leased.iter().filter(|((_, of), _)| *of == account.0).map(|(_, nano)| *nano).sum::<i64>();
            let charged =
                books.rows.iter().filter(|row| row.account.as_slice() == account.0).map(|row| row.charge).sum();
            assert_eq!(
                wallet as i64 + leased + charged,
                deposited as i64,
                "wallet {wallet}, leased {leased}, charged {charged}"
            );
            assert!(
                books.leased.values().all(|nano| *nano >= 0),
                "more charged or returned than leased: {:?}",
                books.leased
            );
            (wallet, leased, charged)
        })
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

impl Books {
    fn lease(&mut self, lease: &Lease) -> Granted {
        self.leases += 1;
        let account: [u8; 16] = lease.account.as_slice().try_into().unwrap();
        if let Some(granted) = self.grants.get(&(lease.epoch, lease.seq)) {
            return Granted { granted: *granted, elsewhere: 0 };
        }
        let wallet = self.wallets.entry(account).or_default();
        let granted = lease.want.min(*wallet);
        *wallet -= granted;
        self.grants.insert((lease.epoch, lease.seq), granted);
        *self.leased.entry((lease.epoch, account)).or_default() += granted as i64;
        let mut elsewhere = self.elsewhere;
        if self.recalls && granted == 0 {
            for ((epoch, of), nano) in &self.leased {
                if *epoch != lease.epoch && *of == account && *nano > 0 {
                    elsewhere += *nano as u64;
                    self.recall.entry(*epoch).or_default().push(account);
                }
            }
        }
        Granted { granted, elsewhere }
    }

    fn report(&mut self, report: Report) -> Acknowledged {
        let acked = report.settles.len();
        for row in report.settles {
            let account: [u8; 16] = row.account.as_slice().try_into().unwrap();
            if let Some(known) = self.posted.get(&(report.epoch, row.seq)) {
                assert_eq!(*known, row, "the same hold with another row");
                self.repeated += 1;
                continue;
            }
            self.posted.insert((report.epoch, row.seq), row.clone());
            *self.leased.entry((report.epoch, account)).or_default() -= row.charge;
            self.rows.push(row);
        }
        self.held.extend(report.held.into_iter().map(|(account, nano)| (account.into_vec(), nano)));
        for (seq, account, nano) in report.returned {
            if self.returns.insert((report.epoch, seq), nano).is_none() {
                let account = account.as_slice().try_into().unwrap();
                self.returned += nano as u64;
                *self.wallets.entry(account).or_default() += nano as u64;
                *self.leased.entry((report.epoch, account)).or_default() -= nano;
            }
        }
        if report.r#final && !self.finals.contains(&report.epoch) {
            self.finals.push(report.epoch);
        }
        let recall = self.recall.remove(&report.epoch).unwrap_or_default();
        Acknowledged { acked, recall: recall.iter().map(|account| serde_bytes::ByteBuf::from(*account)).collect() }
    }
}

fn answer(mut socket: TcpStream, books: &(Mutex<Books>, Condvar)) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let Some((path, body)) = read(&mut socket) else { return };
    let mut locked = books.0.lock().unwrap();
    if path == "/internal/node/lease" {
        locked = books.1.wait_timeout_while(locked, PATIENCE, |books| books.hold_leases).unwrap().0;
    }
    if locked.away {
        locked.missed += usize::from(path == "/internal/node/report");
        drop(locked);
        books.1.notify_all();
        return;
    }
    let reply = match path.as_str() {
        "/internal/node/lease" => rmp_serde::to_vec_named(&locked.lease(&rmp_serde::from_slice(&body).unwrap())),
        "/internal/node/report" => rmp_serde::to_vec_named(&locked.report(rmp_serde::from_slice(&body).unwrap())),
        _ => rmp_serde::to_vec_named(&HashMap::from([("generation", 0u64)])),
    }
    .unwrap();
    let lost = locked.answers_to_lose > 0 && path != "/internal/node/hello";
    locked.answers_to_lose -= usize::from(lost);
    drop(locked);
    books.1.notify_all();
    if lost {
        return;
    }
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
