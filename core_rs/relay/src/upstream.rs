//! Getting a connection to an upstream: a pooled one that is still open, or a new one, within the phases' time.

use crate::counters::add;
use crate::resolve::ADDRESSES_MAX;
use crate::shard::Shard;
use crate::socket::{Socket, Wait, Watch, guarded};
use crate::timers::Timer;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tollway_policy::snapshot::Upstream;

/// The client's side of a wait, and the limits of the request as a whole.
pub(crate) struct Side<'a> {
    pub(crate) client: &'a TcpStream,
    pub(crate) watch: &'a mut Watch,
    pub(crate) timer: &'a Timer,
    /// Monotonic ms at which the whole request is over.
    pub(crate) deadline_ms: u64,
}

impl Side<'_> {
    /// Starts a phase that may last `phase_ms`, never beyond the request's own end.
    pub(crate) fn phase(&self, now_ms: u64, phase_ms: u64) {
        self.timer.set((now_ms + phase_ms).min(self.deadline_ms));
    }
}

/// An upstream's own figure, or the node's default.
pub(crate) fn or_default(own_ms: u32, default_ms: u64) -> u64 {
    if own_ms == 0 { default_ms } else { u64::from(own_ms) }
}

/// A connection that lay in the pool. It may have been closed in the very moment it is used: the caller tries again.
pub(crate) async fn pooled(shard: &Shard, upstream: &Upstream) -> Option<Socket> {
    while let Some(mut socket) = shard.pool.take(upstream) {
        if socket.still_open().await {
            add(&shard.counters.upstream_reuses, 1);
            return Some(socket);
        }
    }
    None
}

/// A new connection.
pub(crate) async fn connect(shard: &Shard, upstream: &Upstream, side: &mut Side<'_>) -> Result<Socket, Wait> {
    let settings = &shard.node.config.settings;
    let now_ms = shard.coarse_ms();
    side.phase(now_ms, or_default(upstream.timeouts.connect_ms, settings.connect_ms));
    let private = upstream.private_address_allowed;
    let dial = async {
        let addresses = shard.names.lookup(&upstream.host, upstream.port, private, now_ms).await?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the upstream's name has no address");
        for address in addresses.iter().take(ADDRESSES_MAX) {
            match TcpStream::connect(address).await {
                Ok(tcp) => return Ok(tcp),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    // Boxed: connecting is rare, and its state would otherwise lie in every idle stream's task.
    let tcp = guarded(Box::pin(dial), side.client, side.watch, side.timer).await??;
    tcp.set_nodelay(true)?;
    add(&shard.counters.upstream_connects, 1);
    if !upstream.tls {
        return Ok(Socket::Plain(tcp));
    }
    side.phase(shard.coarse_ms(), or_default(upstream.timeouts.tls_ms, settings.tls_ms));
    let name = ServerName::try_from(upstream.host.trim_matches(['[', ']']).to_string())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the upstream's host is no server name"))?;
    let connector = tokio_rustls::TlsConnector::from(shard.node.tls.clone());
    let tls = guarded(Box::pin(connector.connect(name, tcp)), side.client, side.watch, side.timer).await??;
    Ok(Socket::Tls(Box::new(tls)))
}

/// The one TLS configuration: certificates are always verified, against the built-in roots and the operator's own file.
pub(crate) fn tls_config(ca_file: &str) -> Result<Arc<rustls::ClientConfig>, String> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if !ca_file.is_empty() {
        let named = |what: &dyn std::fmt::Display| format!("config: settings.ca_file: {ca_file}: {what}");
        for certificate in CertificateDer::pem_file_iter(ca_file).map_err(|e| named(&e))? {
            roots.add(certificate.map_err(|e| named(&e))?).map_err(|e| named(&e))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS: {e}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
