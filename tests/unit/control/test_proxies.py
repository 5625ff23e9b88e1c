"""The ranges of `trusted_proxies`: how they may be written, and in which spelling the core gets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tollway.node.host import core_config
from tollway.node.identity import Identity
from tollway.proxies import is_trusted, network
from tollway.settings import Settings

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.7", "10.0.0.7/32"),
        ("10.0.0.7/24", "10.0.0.0/24"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.7", "10.0.0.7/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
    ],
)
def test_a_range_has_one_spelling(text: str, expected: str) -> None:
    assert str(network(text)) == expected


def test_an_address_is_looked_up_among_ranges_of_both_kinds() -> None:
    trusted = ("2001:db8::/32", "::ffff:10.0.0.0/104")
    for text in ("10.1.1.1", "::ffff:10.1.1.1", "2001:db8::1"):
        assert is_trusted(text, trusted), text
    for text in ("11.1.1.1", "2001:db9::1", "", "10.1.1.1:80", "10.1.1.1%eth0", "proxy"):
        assert not is_trusted(text, trusted), text
    assert not is_trusted("10.1.1.1", ())


def test_the_core_gets_them_in_that_spelling(tmp_path: Path) -> None:
    who = Identity("node_x", 1, tmp_path)
    for given, expected in (((), []), (("10.0.0.7/255.255.255.0", "::1"), ["10.0.0.0/24", "::1/128"])):
        config = core_config(Settings(trusted_proxies=given), who, b"p", "t", 1, (3,))
        assert json.loads(config)["trusted_proxies"] == expected
