//! The request that is sent: bytes made once, with a hole for the key.
//!
//! The body reads like a chat (sentences, a quotation or a line break here and there), because a gateway scans it, and its cost depends on
//! what it finds. The head is what an SDK sends.

use serde_json::json;

#[derive(Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    key_at: usize,
    key_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) model: &'a str,
    pub(crate) stream: bool,
    /// Size of the JSON body; what is smaller than the smallest chat becomes that.
    pub(crate) body_bytes: usize,
    pub(crate) key_bytes: usize,
}

impl Template {
    pub(crate) fn new(host: &str, shape: &Shape<'_>) -> Self {
        let body = body(shape);
        let mut bytes = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\nUser-Agent: tollway-bench\r\nAuthorization: Bearer "
        )
        .into_bytes();
        let key_at = bytes.len();
        bytes.resize(key_at + shape.key_bytes, b'-');
        bytes.extend_from_slice(format!("\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(&body);
        Self { bytes, key_at, key_bytes: shape.key_bytes }
    }

    /// A copy for one connection, which writes keys into it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    pub(crate) fn put_key(&self, copy: &mut [u8], key: &[u8]) {
        copy[self.key_at..self.key_at + self.key_bytes].copy_from_slice(key);
    }
}

fn body(shape: &Shape<'_>) -> Vec<u8> {
    let whole = |text: &str| {
        json!({
            "model": shape.model,
            "messages": [{"role": "system", "content": "You answer briefly."}, {"role": "user", "content": text}],
            "max_tokens": 256,
            "temperature": 0.7,
            "stream": shape.stream,
        })
        .to_string()
        .into_bytes()
    };
    let missing = shape.body_bytes.saturating_sub(whole("").len());
    let mut text = String::new();
    for number in 1.. {
        let line = match number % 4 {
            0 => "She said \"not today\" and closed the ledger.\n".to_owned(),
            1 => format!("Sentence {number} of a text that somebody wants to have summed up. "),
            2 => "Tolls were paid per wagon, by weight and by distance, and written down at once. ".to_owned(),
            _ => "Prüfe bitte auch die Fußnoten; they matter. ".to_owned(),
        };
        if whole(&text).len() + line.len() + 8 > shape.body_bytes || text.len() > missing {
            break;
        }
        text.push_str(&line);
    }
    let short = shape.body_bytes.saturating_sub(whole(&text).len());
    text.push_str(&".".repeat(short));
    whole(&text)
}

/// Keys to choose from, all of one length.
#[derive(Debug)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    pub(crate) each: usize,
}

impl Keys {
    /// One key, or the lines of a file.
    pub(crate) fn read(key: Option<String>, file: Option<String>) -> Result<Self, String> {
        let bytes = match (key, file) {
            (Some(key), None) => key.into_bytes(),
            (None, Some(file)) => std::fs::read(&file).map_err(|e| format!("--key-file {file}: {e}"))?,
            _ => return Err("one of --key and --key-file is needed".to_owned()),
        };
        Self::from_lines(&bytes)
    }

    fn from_lines(lines: &[u8]) -> Result<Self, String> {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let each = lines.iter().position(|byte| *byte == b'\n').unwrap_or(lines.len());
        let mut bytes = Vec::with_capacity(lines.len());
        for key in lines.split(|byte| *byte == b'\n') {
            if key.len() != each || each == 0 {
                return Err("keys must be of one length".to_owned());
            }
            bytes.extend_from_slice(key);
        }
        Ok(Self { bytes, each })
    }

    pub(crate) fn count(&self) -> usize {
        self.bytes.len() / self.each
    }

    /// The key of this number, counted around.
    pub(crate) fn get(&self, number: u64) -> &[u8] {
        let start = (number % self.count() as u64) as usize * self.each;
        &self.bytes[start..start + self.each]
    }
}

/// Random enough to choose keys: xorshift64*.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests;
