"""Whom to believe about where a request comes from: the rule of both halves for the X-Forwarded lists.

The gateway drops what its client sent under these names and writes its own: the peer it saw, `http`, the Host it was
asked for. When that peer is in `trusted_proxies`, the peer's values stay before its own (ARCHITECTURE.md). Each proxy
adds at the end, so a list is believed from its end and as far as its writers are trusted; what a client put before that
is a claim. Only for lists that the gateway wrote. `core_rs/relay/src/forwarded.rs` keeps the same rule.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# ::ffff:a.b.c.d, as a dual-stack socket shows IPv4 peers, counts as a.b.c.d.
_MAPPED_BITS = 96


def network(text: str) -> Network:
    """An address or a CIDR range. Raises ValueError; a range within one interface (`%eth0`) means nothing here."""
    if "%" in text:
        raise ValueError(text)
    found = ipaddress.ip_network(text, strict=False)
    mapped = found.network_address.ipv4_mapped if isinstance(found, ipaddress.IPv6Network) else None
    if mapped is None or found.prefixlen < _MAPPED_BITS:
        return found
    return ipaddress.ip_network((mapped, found.prefixlen - _MAPPED_BITS), strict=False)


@lru_cache(maxsize=16)
def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """All of a setting's ranges, read once."""
    return tuple(network(text) for text in texts)


def is_trusted(text: str, trusted: tuple[str, ...]) -> bool:
    """Whether this is an address, and the operator named it."""
    address = _address(text)
    return address is not None and any(address in known for known in networks(trusted))


def caller(peer: str, seen: str, trusted: tuple[str, ...]) -> str:
    """The last address in `seen` that is no trusted proxy. A malformed entry ends the search at the one behind it."""
    found = peer
    for entry in reversed(_entries(seen)):
        address = _address(entry)
        if address is None:
            break
        found = str(address)
        if not is_trusted(found, trusted):
            break
    return found


def told(said: str, seen: str, trusted: tuple[str, ...]) -> str:
    """What a list of protocols or hosts says: the gateway's own word at its end, or a trusted peer's before that."""
    entries = _entries(said)
    if len(entries) > 1 and entries[-1] and entries[-2] and is_trusted(_entries(seen)[-1], trusted):
        return entries[-2]
    return entries[-1]


def _entries(value: str) -> list[str]:
    return [part.strip(" \t") for part in value.split(",")]


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address
