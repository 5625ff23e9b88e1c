//! Decides which addresses an upstream's name may stand for.
//!
//! Every resolved address is checked, at every resolution: a name that points into a private network is refused unless the
//! operator allowed it for that upstream, whatever it pointed to when it was entered. Names are resolved on the link's
//! thread: the resolver of the C library blocks, and a core thread must not.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

/// Names kept per thread; when full, all are resolved again.
const NAMES_MAX: usize = 1_024;
/// Addresses tried per connect.
pub(crate) const ADDRESSES_MAX: usize = 4;

/// Until when (monotonic ms) which addresses hold.
type Known = (u64, Rc<[SocketAddr]>);

/// One thread's memory of names.
pub(crate) struct Names {
    known: RefCell<HashMap<(Box<str>, u16), Known>>,
    keep_ms: u64,
    /// The link's runtime, where the blocking look-up happens.
    background: tokio::runtime::Handle,
}

impl Names {
    pub(crate) fn new(background: tokio::runtime::Handle, keep_ms: u64) -> Names {
        Names { known: RefCell::default(), keep_ms, background }
    }

    /// The addresses of a host, at most four, all of them allowed.
    pub(crate) async fn lookup(
        &self,
        host: &str,
        port: u16,
        private_allowed: bool,
        now_ms: u64,
    ) -> io::Result<Rc<[SocketAddr]>> {
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let all: Rc<[SocketAddr]> = match literal {
            Ok(ip) => Rc::new([SocketAddr::new(ip, port)]),
            Err(_) => match self.known(host, port, now_ms) {
                Some(addresses) => addresses,
                None => self.resolve(host, port, now_ms).await?,
            },
        };
        if private_allowed {
            return Ok(all);
        }
        let public: Rc<[SocketAddr]> = all.iter().copied().filter(|a| !is_private(a.ip())).collect();
        if public.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the upstream's address is private and not allowed",
            ));
        }
        Ok(public)
    }

    fn known(&self, host: &str, port: u16, now_ms: u64) -> Option<Rc<[SocketAddr]>> {
        let known = self.known.borrow();
        let (until_ms, addresses) = known.get(&(Box::from(host), port))?;
        (*until_ms > now_ms).then(|| addresses.clone())
    }

    async fn resolve(&self, host: &str, port: u16, now_ms: u64) -> io::Result<Rc<[SocketAddr]>> {
        let name = host.to_string();
        let look = self.background.spawn(async move {
            tokio::net::lookup_host((name, port)).await.map(|found| found.take(ADDRESSES_MAX).collect::<Vec<_>>())
        });
        let found = look.await.map_err(io::Error::other)??;
        let addresses: Rc<[SocketAddr]> = found.into();
        let mut known = self.known.borrow_mut();
        if known.len() >= NAMES_MAX {
            known.clear();
        }
        known.insert((Box::from(host), port), (now_ms + self.keep_ms, addresses.clone()));
        Ok(addresses)
    }
}

/// Addresses that are not on the public internet: special-purpose registries of RFC 6890, both families, mapped ones included.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // shared address space, RFC 6598
        || (a == 198 && (b == 18 || b == 19)) // benchmarking, RFC 2544
        || (a == 192 && b == 0 && c == 0) // IETF protocol assignments
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let embedded_v4 = || {
        let [.., high, low] = segments;
        Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
    };
    ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || (segments[0] & 0xfe00) == 0xfc00 // unique local
        || (segments[0] & 0xffc0) == 0xfe80 // link local
        || (segments[0] == 0x2001 && segments[1] == 0xdb8) // documentation
        || (segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] && is_private_v4(embedded_v4())) // NAT64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_spelling() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "224.0.0.1",
            "255.255.255.255",
        ];
        for text in private {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_private_literal_is_refused_unless_allowed() {
        let names = Names::new(tokio::runtime::Handle::current(), 1_000);
        assert_eq!(names.lookup("127.0.0.1", 80, false, 0).await.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(names.lookup("[::1]", 80, true, 0).await.unwrap().len(), 1);
        assert!(names.lookup("localhost", 80, false, 0).await.is_err());
        assert!(!names.lookup("localhost", 80, true, 0).await.unwrap().is_empty());
    }
}
