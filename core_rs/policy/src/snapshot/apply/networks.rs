//! A key's list of networks.

use core::net::{IpAddr, Ipv4Addr};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads `address` or `address/bits` entries.
pub(super) fn parse_all(texts: &[&str]) -> Result<Box<[IpNet]>, String> {
    let parse_one =
        |text: &&str| parse(text).ok_or_else(|| format!("allow_ips: '{text}' is neither an address nor a network"));
    texts.iter().map(parse_one).collect()
}

fn parse(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    match network {
        IpNet::V4(_) => Some(network),
        IpNet::V6(v6) => Some(unmapped(v6).map_or(network, IpNet::V4)),
    }
}

/// `::ffff:a.b.c.d/n` is the IPv4 network that it maps: callers' addresses are compared in that form.
fn unmapped(network: Ipv6Net) -> Option<Ipv4Net> {
    const MAPPED_BITS: u8 = 96;
    let address: Ipv4Addr = network.addr().to_ipv4_mapped()?;
    Ipv4Net::new(address, network.prefix_len().checked_sub(MAPPED_BITS)?).ok()
}
