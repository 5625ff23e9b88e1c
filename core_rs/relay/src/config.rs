//! Decides nothing: turns the bytes that the host process hands over into checked values, once, at start.
//!
//! The environment is read in one place, the control package's settings; the core gets plain JSON and refuses it whole,
//! naming the field, when a value cannot be worked with.

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use tollway_policy::networks::Networks;

/// What the host gives (`ARCHITECTURE.md`, "The core, from Python").
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConfig {
    node: String,
    epoch: u64,
    journal_dir: PathBuf,
    version: String,
    listen_fds: Vec<i32>,
    pepper: String,
    node_api: String,
    node_token: String,
    control: Option<String>,
    #[serde(default)]
    test_hooks: bool,
    #[serde(default)]
    expose_metrics: bool,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    #[serde(default)]
    settings: Settings,
}

/// Bounds and phase time-outs. Every queue, buffer, retry and wait of the relay has its limit here.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Largest request body in bytes; one more is 413.
    pub(crate) body_bytes_max: u64,
    /// Largest request head in bytes.
    pub(crate) head_bytes_max: usize,
    /// Largest SSE event, hence line, in bytes.
    pub(crate) sse_line_bytes_max: usize,
    /// Answers up to this size are held until whole.
    pub(crate) held_answer_bytes_max: usize,
    /// Time a client has to send its request head.
    pub(crate) client_head_ms: u64,
    /// TCP connect to an upstream.
    pub(crate) connect_ms: u64,
    /// TLS handshake with an upstream.
    pub(crate) tls_ms: u64,
    /// From the request's last byte to the answer's first.
    pub(crate) first_byte_ms: u64,
    /// Silence between two reads of an answer.
    pub(crate) idle_ms: u64,
    /// A client that takes nothing for so long is dropped.
    pub(crate) write_stall_ms: u64,
    /// One request altogether.
    pub(crate) total_ms: u64,
    /// A kept-alive client connection without a request.
    pub(crate) keepalive_ms: u64,
    /// An SSE comment goes to the client after so much upstream silence.
    pub(crate) heartbeat_ms: u64,
    /// Time running requests have once the process was told to stop.
    pub(crate) drain_ms: u64,
    /// Client connections per process.
    pub(crate) connections_max: usize,
    /// Idle upstream connections kept per core thread.
    pub(crate) upstream_idle_max: usize,
    /// How long an idle upstream connection is kept.
    pub(crate) upstream_idle_ms: u64,
    /// After a refused lease the wallet is not asked for again for so long, unless a snapshot says that it changed.
    pub(crate) lease_retry_ms: u64,
    /// How long a request waits for a lease.
    pub(crate) lease_wait_ms: u64,
    /// Lease requests that may wait at once.
    pub(crate) lease_queue_max: usize,
    /// Settled rows are reported at least so often …
    pub(crate) report_ms: u64,
    /// … and in batches of at most so many.
    pub(crate) report_rows_max: usize,
    /// Journal segments per core thread; when all are full, paid work is refused.
    pub(crate) journal_segments_max: usize,
    /// Size of one journal segment.
    pub(crate) journal_segment_bytes: usize,
    /// Host names resolved to addresses are kept for so long.
    pub(crate) resolve_ms: u64,
    /// More trust anchors than the built-in ones: a PEM file; empty for none.
    pub(crate) ca_file: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            body_bytes_max: 20 << 20,
            head_bytes_max: 16 << 10,
            sse_line_bytes_max: 1 << 20,
            held_answer_bytes_max: 256 << 10,
            client_head_ms: 10_000,
            connect_ms: 2_000,
            tls_ms: 3_000,
            first_byte_ms: 120_000,
            idle_ms: 60_000,
            write_stall_ms: 60_000,
            total_ms: 600_000,
            keepalive_ms: 75_000,
            heartbeat_ms: 15_000,
            drain_ms: 120_000,
            connections_max: 16_000,
            upstream_idle_max: 1_024,
            upstream_idle_ms: 60_000,
            lease_retry_ms: 250,
            lease_wait_ms: 2_000,
            lease_queue_max: 1_024,
            report_ms: 200,
            report_rows_max: 512,
            journal_segments_max: 64,
            journal_segment_bytes: 4 << 20,
            resolve_ms: 30_000,
            ca_file: String::new(),
        }
    }
}

/// The checked form.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) node: String,
    pub(crate) epoch: u64,
    pub(crate) journal_dir: PathBuf,
    pub(crate) version: String,
    /// One listening socket per core thread.
    pub(crate) listen_fds: Vec<i32>,
    pub(crate) pepper: [u8; 32],
    pub(crate) node_api: SocketAddr,
    pub(crate) node_token: Secret,
    pub(crate) control: Option<SocketAddr>,
    pub(crate) test_hooks: bool,
    pub(crate) expose_metrics: bool,
    /// Peers whose `X-Forwarded-*` lines are believed.
    pub(crate) trusted_proxies: Networks,
    pub(crate) settings: Settings,
}

/// A string that never prints.
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    /// Reads the host's JSON. The error names the field.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Config, String> {
        let raw: RawConfig = serde_json::from_slice(bytes).map_err(|e| format!("config: {e}"))?;
        let address = |field: &str, text: &str| {
            text.parse::<SocketAddr>().map_err(|_| format!("config: {field}: \"{text}\" is not host:port"))
        };
        if raw.listen_fds.is_empty() {
            return Err("config: listen_fds: at least one listening socket is needed".into());
        }
        if raw.settings.head_bytes_max > crate::buffers::PAGE {
            return Err(format!("config: settings.head_bytes_max: at most {}", crate::buffers::PAGE));
        }
        if raw.settings.journal_segment_bytes < 64 << 10 || raw.settings.journal_segments_max < 2 {
            return Err("config: settings.journal_*: segments of at least 64 KiB, at least two of them".into());
        }
        Ok(Config {
            pepper: parse_hex32(&raw.pepper).ok_or("config: pepper: 64 hexadecimal digits are needed")?,
            node_api: address("node_api", &raw.node_api)?,
            control: raw.control.as_deref().map(|c| address("control", c)).transpose()?,
            node: raw.node,
            epoch: raw.epoch,
            journal_dir: raw.journal_dir,
            version: raw.version,
            listen_fds: raw.listen_fds,
            node_token: Secret(raw.node_token),
            test_hooks: raw.test_hooks,
            expose_metrics: raw.expose_metrics,
            trusted_proxies: Networks::parse_all(&raw.trusted_proxies)
                .map_err(|wrong| format!("config: trusted_proxies: {wrong}"))?,
            settings: raw.settings,
        })
    }
}

fn parse_hex32(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut out = [0u8; 32];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let digits = std::str::from_utf8(pair).ok()?;
        *slot = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests;
