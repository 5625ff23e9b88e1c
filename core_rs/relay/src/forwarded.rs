//! Whom to believe about where a request comes from: the socket, and what a proxy says that the operator named in `trusted_proxies`.
//!
//! Each proxy adds what it saw at the end of a list, so a list is believed from its end and as far as its writers are trusted; what a client
//! put before that is a claim. From any other peer these lines are dropped (`forwardable_headers`). A head bounds what is read here.

use crate::connection::Connection;
use std::net::IpAddr;
use tollway_policy::networks::Networks;
use tollway_wire::head::{RequestHead, joined_values};

/// Who calls: the peer, or behind trusted proxies the last one named that is not one of them. A malformed entry ends the search.
pub(crate) fn caller_address(c: &Connection, head: &RequestHead) -> IpAddr {
    if !c.is_trusted_proxy {
        return c.address;
    }
    let seen = joined_values(&c.inbuf[..head.len as usize], "x-forwarded-for");
    last_untrusted(c.address, &seen, &c.shard.node.config.trusted_proxies)
}

fn last_untrusted(peer: IpAddr, seen: &[u8], trusted: &Networks) -> IpAddr {
    let mut address = peer;
    for entry in seen.rsplit(|&byte| byte == b',') {
        let Some(named) = std::str::from_utf8(entry.trim_ascii()).ok().and_then(|text| text.parse().ok()) else {
            break;
        };
        address = named;
        if !trusted.contains(named) {
            break;
        }
    }
    address
}

/// The three lines for an inner server: what a trusted proxy says, then what we saw ourselves, so that the last entry is always ours.
pub(crate) fn push_lines(c: &Connection, head: &RequestHead, out: &mut Vec<u8>) {
    let peer = c.address.to_canonical().to_string();
    let own: [(&str, &[u8]); 3] = [
        ("x-forwarded-for", peer.as_bytes()),
        ("x-forwarded-proto", b"http"),
        ("x-forwarded-host", head.host.of(&c.inbuf)),
    ];
    for (name, ours) in own {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        if c.is_trusted_proxy {
            let theirs = joined_values(&c.inbuf[..head.len as usize], name);
            if !theirs.is_empty() {
                out.extend_from_slice(&theirs);
                out.extend_from_slice(b", ");
            }
        }
        out.extend_from_slice(ours);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
