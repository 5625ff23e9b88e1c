"""A whole snapshot with its deltas merged says the same as the whole one the publisher would send."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tollway.node.snapshot_head import Head, merge, read_head

pytestmark = pytest.mark.unit
encode = msgspec.msgpack.encode


def account(number: int, name: str) -> list[Any]:
    return [bytes([number]) * 16, name]


def key(number: int, flags: int) -> list[Any]:
    return [bytes([number]) * 32, flags]


def snapshot(
    generation: int, base: int, *, models: Any = None, accounts: Any = (), keys: Any = (), gone: Any = ()
) -> bytes:
    tables: list[Any] = [None, models, None] if base else [[["default"]], models or [], []]
    return encode([1, generation, base, *tables, list(accounts), list(keys), list(gone)])


@pytest.mark.parametrize("generation", [1, 0x7F, 0x80, 0xFFFF, 0x1_0000, 2**40])
def test_the_head_is_read_at_every_width(generation: int) -> None:
    assert read_head(snapshot(generation, 0)) == Head(generation, 0)
    assert read_head(snapshot(generation + 1, generation)) == Head(generation + 1, generation)


@pytest.mark.parametrize(
    "body", [b"", b"\x99", b"\x99\x01", encode({"a": 1}), encode([2, 1, 0]), encode([1, -1, 0]), b"\x93\x01\xcf\x00"]
)
def test_what_is_no_snapshot_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_head(body)


def test_merging_upserts_removes_and_replaces_tables() -> None:
    whole = snapshot(5, 0, models=[["old"]], accounts=[account(1, "a"), account(2, "b")], keys=[key(1, 1), key(2, 1)])
    first = snapshot(6, 5, accounts=[account(2, "B")], keys=[key(3, 1), key(1, 0)])
    second = snapshot(9, 6, models=[["new"]], gone=[bytes([2]) * 32])
    merged = msgspec.msgpack.decode(merge(whole, [first, second]))
    assert merged[:3] == [1, 9, 0]
    assert merged[3:6] == [[["default"]], [["new"]], []]
    assert sorted(merged[6]) == [account(1, "a"), account(2, "B")]
    assert sorted(merged[7]) == [key(1, 0), key(3, 1)]
    assert merged[8] == []


def test_a_gap_is_not_merged_over() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        merge(snapshot(5, 0), [snapshot(8, 7)])
