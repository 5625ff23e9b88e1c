"""A node keeps its id; no epoch is ever given out twice, whoever asks at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tollway import ids
from tollway.node.identity import BadIdentity, claim

pytestmark = pytest.mark.unit


def test_the_node_stays_and_the_epoch_rises(tmp_path: Path) -> None:
    first, second = claim(tmp_path), claim(tmp_path)
    assert ids.is_id(first.node, "node")
    assert (second.node, first.epoch, second.epoch) == (first.node, 1, 2)
    assert second.journal_dir == tmp_path / "journal" / "2"
    assert second.journal_dir.is_dir()


def test_epochs_are_distinct_when_many_claim_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(tmp_path), range(40)))
    assert sorted(identity.epoch for identity in claimed) == list(range(1, 41))
    assert len({identity.node for identity in claimed}) == 1


@pytest.mark.parametrize("name", ["id", "epoch"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe", b"-3"])
def test_a_damaged_file_is_named_and_never_guessed(tmp_path: Path, name: str, content: bytes) -> None:
    claim(tmp_path)
    (tmp_path / "node" / name).write_bytes(content)
    with pytest.raises(BadIdentity, match=name):
        claim(tmp_path)
