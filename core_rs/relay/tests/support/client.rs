//! A client that shows every byte and how the connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// No answer in this time fails the test; it is not a measure of anything.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    pub socket: TcpStream,
    rest: Vec<u8>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The framing said where the body ends, and it ended there.
    pub whole: bool,
}

impl Response {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// `error.code`.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().into()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Client {
    pub fn connect(to: SocketAddr) -> Client {
        let socket = TcpStream::connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, rest: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    pub fn request(method: &str, path: &str, key: &str, body: &str) -> String {
        let authorization = if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A request with header lines (`Name: value\r\n` each) and a body of the test's own.
    pub fn raw(method: &str, path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: gateway\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    pub fn call(&mut self, method: &str, path: &str, key: &str, body: &str) -> Response {
        self.send(Client::request(method, path, key, body));
        self.response()
    }

    pub fn close_write(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// More bytes, or false at the end (FIN or reset).
    fn fill(&mut self) -> bool {
        let mut page = [0; 16 << 10];
        match self.socket.read(&mut page) {
            Ok(0) => false,
            Ok(n) => {
                self.rest.extend_from_slice(&page[..n]);
                true
            }
            Err(e) if e.kind() == ErrorKind::ConnectionReset => false,
            Err(e) => panic!("the gateway went silent: {e}; had {:?}", String::from_utf8_lossy(&self.rest)),
        }
    }

    /// True when the gateway has closed and nothing more came.
    pub fn is_closed(&mut self) -> bool {
        self.rest.is_empty() && !self.fill()
    }

    /// Reads until the text has been seen.
    pub fn read_until(&mut self, text: &str) -> String {
        while !String::from_utf8_lossy(&self.rest).contains(text) {
            assert!(self.fill(), "closed before {text:?}; had {:?}", String::from_utf8_lossy(&self.rest));
        }
        String::from_utf8_lossy(&self.rest).into_owned()
    }

    /// The response, or None where the connection ended before its head.
    pub fn answer(&mut self) -> Option<Response> {
        while !self.rest.windows(4).any(|w| w == b"\r\n\r\n") {
            if !self.fill() {
                return None;
            }
        }
        Some(self.response())
    }

    /// One whole response, or what came of it.
    pub fn response(&mut self) -> Response {
        let mut response = self.head_only();
        let status = response.status;
        if status == 100 {
            return self.response();
        }
        if response.header("transfer-encoding").is_some() {
            response.whole = self.chunks(&mut response.body);
        } else if let Some(length) = response.header("content-length").and_then(|n| n.parse::<usize>().ok()) {
            while self.rest.len() < length && self.fill() {}
            response.whole = self.rest.len() >= length;
            response.body = self.rest.drain(..length.min(self.rest.len())).collect();
        } else if !matches!(status, 204 | 304) {
            while self.fill() {}
            response.body = std::mem::take(&mut self.rest);
        }
        response
    }

    /// The head of an answer to HEAD: what follows it belongs to the next answer.
    pub fn head_only(&mut self) -> Response {
        while !self.rest.windows(4).any(|w| w == b"\r\n\r\n") {
            assert!(self.fill(), "closed in the head: {:?}", String::from_utf8_lossy(&self.rest));
        }
        let end = self.rest.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(self.rest.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body: Vec::new(), whole: true }
    }

    /// Removes chunk framing; false when the last chunk never came.
    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let line = loop {
                match self.rest.windows(2).position(|w| w == b"\r\n") {
                    Some(at) => break at,
                    None if self.fill() => {}
                    None => return false,
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&self.rest[..line]).unwrap(), 16).unwrap();
            while self.rest.len() < line + 2 + size + 2 {
                if !self.fill() {
                    return false;
                }
            }
            let chunk: Vec<u8> = self.rest.drain(..line + 2 + size + 2).collect();
            assert_eq!(&chunk[line + 2 + size..], b"\r\n");
            if size == 0 {
                return true;
            }
            body.extend_from_slice(&chunk[line + 2..line + 2 + size]);
        }
    }
}
