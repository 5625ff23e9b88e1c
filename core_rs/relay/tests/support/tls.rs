//! An HTTPS upstream with a certificate authority of its own, which remembers how it was spoken to.

use super::upstream::read_request;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
/// The first byte of a TLS record that carries a handshake; no HTTP request begins with it.
const HANDSHAKE: u8 = 0x16;

/// Signs certificates; gateways trust it if its file is their `ca_file`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = super::scratch_folder();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A server's configuration for these names (or addresses), valid or not any more.
    pub fn server(&self, names: &[&str], is_expired: bool) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_string()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = if is_expired { date_time_ymd(2021, 1, 1) } else { date_time_ymd(2120, 1, 1) };
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What an HTTPS upstream saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub connections: usize,
    /// Connections whose first byte was no handshake.
    pub plaintext: usize,
    /// Heads and bodies of the requests that came through.
    pub requests: Vec<(String, Vec<u8>)>,
}

pub struct TlsUpstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl TlsUpstream {
    /// Answers every request with these pieces, each in a TLS record of its own.
    pub fn answering(config: Arc<ServerConfig>, pieces: Vec<String>) -> TlsUpstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let shared = seen.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (config, shared, pieces) = (config.clone(), shared.clone(), pieces.clone());
                std::thread::spawn(move || serve(socket, config, &shared, &pieces));
            }
        });
        TlsUpstream { address, seen }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(socket: TcpStream, config: Arc<ServerConfig>, seen: &Mutex<Seen>, pieces: &[String]) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    seen.lock().unwrap().connections += 1;
    let mut first = [0];
    if !matches!(socket.peek(&mut first), Ok(1)) {
        return;
    }
    if first[0] != HANDSHAKE {
        seen.lock().unwrap().plaintext += 1;
        return;
    }
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
    let mut rest = Vec::new();
    while let Some(request) = read_request(&mut tls, &mut rest) {
        seen.lock().unwrap().requests.push(request);
        for piece in pieces {
            if tls.write_all(piece.as_bytes()).and_then(|()| tls.flush()).is_err() {
                return;
            }
        }
    }
}

/// The settings of a gateway that trusts this file.
pub fn trusting(file: &Path) -> serde_json::Value {
    serde_json::json!({"ca_file": file.to_str().unwrap()})
}
