//! An upstream that does exactly what a test tells it, per connection and request, and remembers what it was sent.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// One thing to do in answer to a request.
#[derive(Clone, Debug)]
pub enum Act {
    Send(String),
    Bytes(Vec<u8>),
    /// Wait for the test's word (`Upstream::go`).
    Await,
    /// Close with FIN.
    Close,
    /// Close with RST.
    Reset,
    /// Wait until the gateway hangs up, then report it.
    Hangup,
}

pub type Script = dyn Fn(&Request) -> Vec<Act> + Send + Sync;

#[derive(Clone, Debug)]
pub struct Request {
    /// How many requests this upstream had before.
    pub number: usize,
    pub head: String,
    pub body: String,
    /// The body as it came; `body` shows bytes that are no UTF-8 as question marks.
    pub bytes: Vec<u8>,
}

impl Request {
    /// The value of a header line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The path of the request line.
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

pub struct Upstream {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    go: Sender<()>,
    hangups: Receiver<()>,
    received: Receiver<()>,
    stop: Arc<AtomicBool>,
}

impl Upstream {
    pub fn start(script: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Script> = Arc::new(script);
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (go, gone) = channel();
        let gone = Arc::new(Mutex::new(gone));
        let (hung, hangups) = channel();
        let (receive, received) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopping) = (requests.clone(), stop.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                if stopping.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(socket) = socket else { return };
                let (script, seen, gone) = (script.clone(), seen.clone(), gone.clone());
                let signals = Signals { hung: hung.clone(), receive: receive.clone() };
                std::thread::spawn(move || serve(socket, &*script, &seen, &gone, &signals));
            }
        });
        Upstream { address, requests, go, hangups, received, stop }
    }

    /// Answers every request with this text.
    pub fn answering(text: String) -> Upstream {
        Upstream::start(move |_| vec![Act::Send(text.clone())])
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn go(&self) {
        self.go.send(()).unwrap();
    }

    /// Waits until one more request has arrived.
    pub fn wait_for_request(&self) {
        self.received.recv_timeout(PATIENCE).expect("no request arrived");
    }

    /// Waits until the gateway has hung up on a connection whose script said so.
    pub fn wait_for_hangup(&self) {
        self.hangups.recv_timeout(PATIENCE).expect("the gateway did not hang up");
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// A JSON answer with its length.
pub fn json(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The head of an event stream.
pub fn stream_head() -> String {
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".into()
}

/// One chunk of the framing.
pub fn framed(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

pub const LAST: &str = "0\r\n\r\n";

/// What an upstream tells its test.
struct Signals {
    hung: Sender<()>,
    receive: Sender<()>,
}

fn serve(
    mut socket: TcpStream,
    script: &Script,
    seen: &Mutex<Vec<Request>>,
    gone: &Mutex<Receiver<()>>,
    signals: &Signals,
) {
    socket.set_nodelay(true).unwrap();
    let mut rest = Vec::new();
    while let Some((head, bytes)) = read_request(&mut socket, &mut rest) {
        let request = {
            let mut seen = seen.lock().unwrap();
            let body = String::from_utf8_lossy(&bytes).into_owned();
            let request = Request { number: seen.len(), head, body, bytes };
            seen.push(request.clone());
            request
        };
        let _ = signals.receive.send(());
        for act in script(&request) {
            match act {
                Act::Send(text) => {
                    if socket.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
                Act::Bytes(bytes) => {
                    if socket.write_all(&bytes).is_err() {
                        return;
                    }
                }
                Act::Await => gone.lock().unwrap().recv_timeout(PATIENCE).expect("the test never said go"),
                Act::Close => return,
                Act::Reset => {
                    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
                    return;
                }
                Act::Hangup => {
                    let mut byte = [0];
                    while matches!(socket.read(&mut byte), Ok(n) if n > 0) {}
                    let _ = signals.hung.send(());
                    return;
                }
            }
        }
    }
}

pub fn read_request(socket: &mut impl Read, rest: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let mut page = [0; 16 << 10];
    loop {
        if let Some(end) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(rest[..end + 4].to_vec()).unwrap();
            let length: usize =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if rest.len() >= end + 4 + length {
                let body = rest[end + 4..end + 4 + length].to_vec();
                rest.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        match socket.read(&mut page) {
            Ok(n) if n > 0 => rest.extend_from_slice(&page[..n]),
            _ => return None,
        }
    }
}
