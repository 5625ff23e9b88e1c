"""Ids: text and bytes are images of each other; what is malformed is refused."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from tollway import ids

pytestmark = pytest.mark.unit


@given(st.binary(min_size=16, max_size=16))
def test_bytes_and_text_are_images(raw: bytes) -> None:
    text = ids.from_bytes(raw, "key")
    assert ids.to_bytes(text, "key") == raw
    assert text == f"key_{ULID.from_bytes(raw)}"


def test_ids_ascend_also_within_a_millisecond_and_across_threads() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(ids.new_id("req") for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 2_000
    mine = [ids.new_id("req") for _ in range(1_000)]
    assert mine == sorted(mine)


@pytest.mark.parametrize(
    "text",
    ["", "key_", "key_01", "acc_" + "0" * 26, "key_" + "8" + "0" * 25, "key_" + "0" * 25 + "U", "key_" + "0" * 25 + "a",
     "key_" + "0" * 27, "key_ " + "0" * 25, "key_" + "0" * 12 + "_" + "0" * 13, "key_" + "0" * 25 + "٣", "0" * 26],
)  # fmt: skip
def test_what_is_malformed_is_refused(text: str) -> None:
    assert not ids.is_id(text, "key")
    with pytest.raises(ValueError):
        ids.to_bytes(text, "key")


def test_bytes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        ids.from_bytes(b"short", "key")
