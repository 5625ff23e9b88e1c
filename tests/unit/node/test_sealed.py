"""The snapshot on disk: what was filed comes back in order, what was tampered with does not come back at all."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tollway.crypto import Vault
from tollway.node.sealed import SealedStore

pytestmark = pytest.mark.unit


def snapshot(generation: int, base: int = 0, note: str = "") -> bytes:
    tables: list[Any] = [None, None, [[note]]] if base else [[], [], [[note]]]
    return msgspec.msgpack.encode([1, generation, base, *tables, [], [], []])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def store(folder: Path) -> SealedStore:
    return SealedStore(folder, Vault([b"k" * 32]), deltas_max=4)


def sealed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.sealed"))


def test_nothing_filed_loads_nothing(store: SealedStore) -> None:
    assert store.load() == []


def test_a_whole_one_and_its_deltas_come_back_in_order(store: SealedStore) -> None:
    bodies = [snapshot(8), snapshot(9, 8), snapshot(11, 9)]
    for body in bodies:
        store.save(body)
    assert store.load() == bodies


def test_the_next_whole_one_replaces_them(store: SealedStore, folder: Path) -> None:
    for body in (snapshot(8), snapshot(9, 8), snapshot(10)):
        store.save(body)
    assert store.load() == [snapshot(10)]
    assert sealed(folder) == ["snapshot.sealed"]


def test_no_secret_is_readable_on_disk(store: SealedStore, folder: Path) -> None:
    store.save(snapshot(1, note="sk-upstream-credential"))
    content = (folder / "snapshot.sealed").read_bytes()
    assert b"sk-upstream-credential" not in content
    assert (folder / "snapshot.sealed").stat().st_mode & 0o077 == 0


def test_it_never_goes_back_to_an_older_one(store: SealedStore) -> None:
    store.save(snapshot(8))
    store.save(snapshot(7))
    store.save(snapshot(9, 8))
    store.save(snapshot(9, 8, note="again"))
    assert store.load() == [snapshot(8), snapshot(9, 8)]


def test_a_delta_that_does_not_follow_is_not_kept(store: SealedStore) -> None:
    store.save(snapshot(8))
    store.save(snapshot(12, 11))
    assert store.load() == [snapshot(8)]


@pytest.mark.parametrize("at", [0, 12, 20, 40, -1])
def test_a_changed_byte_anywhere_and_it_is_ignored(
    store: SealedStore, folder: Path, caplog: pytest.LogCaptureFixture, at: int
) -> None:
    store.save(snapshot(8))
    path = folder / "snapshot.sealed"
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        assert store.load() == []
    assert "does not open" in caplog.text


def test_a_truncated_file_is_ignored(store: SealedStore, folder: Path) -> None:
    store.save(snapshot(8))
    path = folder / "snapshot.sealed"
    for size in (0, 5, 20, path.stat().st_size - 1):
        path.write_bytes(path.read_bytes()[:size])
        assert store.load() == []


def test_a_delta_does_not_pass_for_a_whole_one(store: SealedStore, folder: Path) -> None:
    store.save(snapshot(8))
    store.save(snapshot(9, 8))
    (folder / "delta-9.sealed").replace(folder / "snapshot.sealed")
    assert store.load() == []


def test_another_installation_cannot_open_it(store: SealedStore, folder: Path) -> None:
    store.save(snapshot(8))
    assert SealedStore(folder, Vault([b"x" * 32])).load() == []


def test_a_damaged_delta_ends_the_chain_there(store: SealedStore, folder: Path) -> None:
    for body in (snapshot(8), snapshot(9, 8), snapshot(10, 9)):
        store.save(body)
    (folder / "delta-9.sealed").write_bytes(b"damaged")
    assert store.load() == [snapshot(8)]


def test_many_deltas_are_merged_into_a_whole_one(store: SealedStore, folder: Path) -> None:
    store.save(snapshot(1, note="first"))
    for generation in range(2, 7):
        store.save(snapshot(generation, generation - 1, note=f"note {generation}"))
    assert sealed(folder) == ["snapshot.sealed"]
    assert store.load() == [snapshot(6, note="note 6")]


def test_left_over_deltas_of_before_the_whole_one_are_skipped(store: SealedStore, folder: Path) -> None:
    store.save(snapshot(8))
    store.save(snapshot(9, 8))
    left_over = (folder / "delta-9.sealed").read_bytes()
    store.save(snapshot(10))
    (folder / "delta-9.sealed").write_bytes(left_over)
    store.save(snapshot(11, 10))
    assert store.load() == [snapshot(10), snapshot(11, 10)]
