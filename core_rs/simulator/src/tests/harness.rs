//! A blocking client without opinions: it sends what it is told and shows the bytes that came back, and how the connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Config, Simulator};

/// Long enough for a slow machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Sim(pub(super) Simulator);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Reset,
}

/// All that came over a connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
}

pub(super) struct Client(pub(super) TcpStream);

impl Sim {
    pub(super) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        Self(Simulator::start(config).unwrap())
    }

    pub(super) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.0.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    /// One request on a connection of its own, which the client does not close: all bytes up to the server's close.
    pub(super) fn wire(&self, path: &str, body: &Value) -> Wire {
        let mut client = self.client();
        client.send(&request(path, &body.to_string(), "Connection: close\r\n"));
        client.rest()
    }

    pub(super) fn chat(&self, model: &str) -> Wire {
        self.wire("/v1/chat/completions", &chat(model))
    }

    pub(super) fn stream(&self, model: &str) -> Wire {
        self.wire("/v1/chat/completions", &stream(model))
    }

    /// Script of the model `m`, for what a name cannot hold.
    pub(super) fn plan(&self, attempts: &Value) {
        let wire = self.wire("/__sim/plan", &json!({"model": "m", "attempts": attempts}));
        assert_eq!(wire.status(), 200, "{}", wire.text());
    }

    pub(super) fn get(&self, path: &str) -> Wire {
        let mut client = self.client();
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"));
        client.rest()
    }

    pub(super) fn log(&self, query: &str) -> Vec<Value> {
        let wire = self.get(&format!("/__sim/log?{query}"));
        assert_eq!(wire.status(), 200, "{query}: {}", wire.text());
        wire.json().as_array().unwrap().clone()
    }

    /// The one entry there is, once it has ended.
    pub(super) fn entry(&self) -> Value {
        let log = self.log("wait_ended=1");
        assert_eq!(log.len(), 1);
        log[0].clone()
    }

    pub(super) fn stats(&self) -> Value {
        self.get("/__sim/stats").json()
    }
}

impl Client {
    pub(super) fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).unwrap();
    }

    /// Everything until the server closes.
    pub(super) fn rest(&mut self) -> Wire {
        let mut bytes = Vec::new();
        let end = match self.0.read_to_end(&mut bytes) {
            Ok(_) => End::Closed,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
        };
        Wire { bytes, end }
    }

    /// What is there already, without waiting for more.
    pub(super) fn here(&mut self) -> Vec<u8> {
        self.0.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        let error = self.0.read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        self.0.set_nonblocking(false).unwrap();
        bytes
    }

    /// Reads until `needle` has come.
    pub(super) fn until(&mut self, needle: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(needle.as_bytes()) {
            self.0.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
        bytes
    }

    pub(super) fn leave(self) {
        self.0.shutdown(Shutdown::Both).unwrap();
    }
}

impl Wire {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(super) fn head(&self) -> String {
        self.text().split_once("\r\n\r\n").expect("a head").0.to_owned()
    }

    pub(super) fn status(&self) -> u16 {
        self.text().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.head().lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    }

    /// The body as the framing gives it: chunks, and whether the framing came to its end.
    pub(super) fn chunks(&self) -> (Vec<Vec<u8>>, bool) {
        let at = self.bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let mut rest = &self.bytes[at..];
        if self.header("transfer-encoding").is_none() {
            let whole = self.header("content-length").is_none_or(|length| length == rest.len().to_string());
            return (vec![rest.to_vec()], whole);
        }
        let mut chunks = Vec::new();
        while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
            if size == 0 {
                return (chunks, &rest[end..] == b"\r\n\r\n");
            }
            let Some(chunk) = rest.get(end + 2..end + 2 + size) else { break };
            chunks.push(chunk.to_vec());
            rest = &rest[end + 2 + size + 2..];
        }
        (chunks, false)
    }

    pub(super) fn body(&self) -> Vec<u8> {
        self.chunks().0.concat()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The data of each event; `[DONE]` as a string.
    pub(super) fn events(&self) -> Vec<Value> {
        let body = String::from_utf8(self.body()).unwrap().replace("\r\n", "\n").replace('\r', "\n");
        body.split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::from(data)))
            .collect()
    }

    /// The text of all events, or of the plain answer.
    pub(super) fn content(&self) -> String {
        let plain =
            |json: &Value| json.pointer("/choices/0/message/content").and_then(Value::as_str).map(str::to_owned);
        if self.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            return plain(&self.json()).unwrap();
        }
        let delta =
            |event: &Value| event.pointer("/choices/0/delta/content").and_then(Value::as_str).map(str::to_owned);
        self.events().iter().filter_map(delta).collect()
    }
}

pub(super) fn request(path: &str, body: &str, fields: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(super) fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "How do bridges carry travellers?"}]})
}

pub(super) fn stream(model: &str) -> Value {
    let mut body = chat(model);
    body["stream"] = true.into();
    body["stream_options"] = json!({"include_usage": true});
    body
}
