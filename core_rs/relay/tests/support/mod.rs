//! A gateway core on loopback with a scripted upstream and a stand-in control plane: real sockets, no Python, no sleeps.
#![expect(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

pub mod client;
pub mod control;
pub mod tls;
pub mod upstream;

pub use client::{Client, Response};
pub use control::Control;
pub use upstream::{Act, Upstream};

use hmac::{Hmac, KeyInit, Mac};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tollway_policy::testing::{AccountSpec, KeySpec, ModelSpec, SnapshotBuilder, UpstreamSpec, id};
use tollway_relay::Core;

/// The key that most tests call with: number 1, of account 1.
pub const KEY: &str = "sk-tw-test-1";
/// The secret between the halves.
pub const NODE_TOKEN: &str = "node-token-of-the-tests";
/// What account 1 has unless a test says otherwise.
pub const BALANCE_NANO: u64 = 1_000_000_000;

pub struct Gateway {
    pub core: Core,
    pub address: SocketAddr,
    pub control: Control,
    /// Parent of the journal folders.
    pub folder: PathBuf,
}

/// What a gateway is started with.
pub struct Setup {
    pub settings: serde_json::Value,
    pub epoch: u64,
    /// Parent of the journal folders; one of its own unless given.
    pub folder: Option<PathBuf>,
    /// A control plane that others use too.
    pub books: Option<Control>,
    pub listener: Option<TcpListener>,
    /// Stand-ins of the inner servers, where the stand-in control plane will not do.
    pub node_api: Option<SocketAddr>,
    pub control: Option<SocketAddr>,
    pub trusted_proxies: Vec<&'static str>,
}

impl Default for Setup {
    fn default() -> Setup {
        let settings = serde_json::json!({});
        let trusted_proxies = Vec::new();
        Setup {
            settings,
            epoch: 1,
            folder: None,
            books: None,
            listener: None,
            node_api: None,
            control: None,
            trusted_proxies,
        }
    }
}

/// Looks until it is so; for what nobody tells.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// The name of a folder that no other test has.
pub fn scratch_folder() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("tollway-relay-{}-{number}", std::process::id()))
}

/// The text of key `number`.
pub fn key_text(number: u64) -> String {
    format!("sk-tw-test-{number}")
}

fn digest(text: &str) -> [u8; 32] {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&[0; 32]).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A key row under the test pepper.
pub fn key(number: u64, account: u64) -> KeySpec {
    KeySpec { digest: digest(&key_text(number)), ..KeySpec::new(number, account) }
}

/// One account with money, one key, one upstream, the model `chat` on it as `up-chat`.
pub fn basic(upstream: SocketAddr) -> SnapshotBuilder {
    let mut model = ModelSpec::chat("chat", &["one"]);
    model.routes[0].upstream_model = "up-chat".into();
    SnapshotBuilder::whole(1)
        .upstream(UpstreamSpec::new("one", &format!("http://{upstream}/v1")))
        .model(model)
        .account(AccountSpec::new(1))
        .key(key(1, 1))
}

impl Gateway {
    pub fn start(snapshot: &SnapshotBuilder) -> Gateway {
        Gateway::with(snapshot, serde_json::json!({}))
    }

    /// With settings of the core changed.
    pub fn with(snapshot: &SnapshotBuilder, settings: serde_json::Value) -> Gateway {
        Gateway::launch(snapshot, Setup { settings, ..Setup::default() })
    }

    /// With whatever differs from the usual; account 1 has money if the control plane is the gateway's own.
    pub fn launch(snapshot: &SnapshotBuilder, setup: Setup) -> Gateway {
        let folder = setup.folder.unwrap_or_else(scratch_folder);
        let control = setup.books.unwrap_or_else(|| {
            let own = Control::start();
            own.fund(id(1), BALANCE_NANO);
            own
        });
        let listener = setup.listener.unwrap_or_else(|| TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        let config = serde_json::json!({
            "node": "node_01J00000000000000000000000", "epoch": setup.epoch, "journal_dir": folder.join(setup.epoch.to_string()),
            "version": "0.1.0", "listen_fds": [listener.into_raw_fd()], "pepper": "00".repeat(32),
            "node_api": setup.node_api.unwrap_or(control.address).to_string(), "node_token": NODE_TOKEN,
            "control": setup.control.unwrap_or(control.address).to_string(), "test_hooks": true, "settings": setup.settings,
            "trusted_proxies": setup.trusted_proxies,
        });
        let core = Core::new(config.to_string().as_bytes()).unwrap();
        core.apply(&snapshot.encode()).unwrap();
        core.start().unwrap();
        Gateway { core, address, control, folder }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn call(&self, method: &str, path: &str, key: &str, body: &str) -> Response {
        self.client().call(method, path, key, body)
    }

    pub fn chat(&self, body: &str) -> Response {
        self.call("POST", "/v1/chat/completions", KEY, body)
    }

    /// Waits until no request runs: an answer is read before its task has quite ended.
    pub fn wait_idle(&self) {
        self.wait("no request to run", |status| status["in_flight"] == 0);
    }

    /// Waits until the status is as wished.
    pub fn wait(&self, what: &str, wished: impl Fn(&serde_json::Value) -> bool) {
        eventually(what, || wished(&self.status()));
    }

    /// Drains and stops; true: all came to its own end.
    pub fn finish(&self) -> bool {
        let drained = self.core.drain(20_000);
        self.core.stop();
        drained
    }

    pub fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.core.status()).unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.core.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub const HELLO: &str = r#"{"model":"chat","messages":[{"role":"user","content":"Hello there"}]}"#;
pub const HELLO_STREAM: &str = r#"{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hello there"}]}"#;

/// An upstream's plain answer with usage.
pub fn completion(prompt: u64, completion: u64) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"up-chat","choices":[{{"index":0,"message":{{"role":"assistant","content":"Hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{}}}}}"#,
        prompt + completion
    )
}

/// One chunk of a stream, as an event.
pub fn chunk(text: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

pub fn finish() -> String {
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".into()
}

pub fn usage_event(prompt: u64, completion: u64) -> String {
    format!(
        "data: {{\"id\":\"c\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion}}}}}\n\n"
    )
}

pub const DONE: &str = "data: [DONE]\n\n";
