//! A list of networks: those that a key may be used from, those of the proxies that are believed.

use core::net::{IpAddr, Ipv4Addr};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Some networks; an address may lie in one of them.
#[derive(Clone, Debug, Default)]
pub struct Networks(Box<[IpNet]>);

impl Networks {
    /// Reads `address` or `address/bits` entries.
    ///
    /// # Errors
    /// The first entry that is neither, in words.
    pub fn parse_all<T: AsRef<str>>(texts: &[T]) -> Result<Self, String> {
        let parse_one = |text: &T| {
            parse(text.as_ref()).ok_or_else(|| format!("'{}' is neither an address nor a network", text.as_ref()))
        };
        texts.iter().map(parse_one).collect::<Result<_, _>>().map(Self)
    }

    /// A dual-stack socket shows IPv4 peers as `::ffff:a.b.c.d`: they count as the IPv4 address.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
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
