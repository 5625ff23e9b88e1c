"""Secrets: made well, kept well, opened only where they belong."""

from __future__ import annotations

import hashlib
import hmac
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway import crypto
from tollway.errors import SettingsError

pytestmark = pytest.mark.unit
OLD, NEW = b"o" * 32, b"n" * 32


@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_is_sealed_opens_in_its_place_only(plain: bytes, place: str) -> None:
    vault = crypto.Vault([NEW])
    sealed = vault.seal(plain, place)
    assert vault.open(sealed, place) == plain
    with pytest.raises(crypto.SealError):
        vault.open(sealed, place + "x")


@given(st.integers(0, 8 * (1 + 4 + 12 + 6 + 16) - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    vault = crypto.Vault([NEW])
    sealed = bytearray(vault.seal(b"secret", "p"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(crypto.SealError):
        vault.open(bytes(sealed), "p")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 17, b"\x02" * 60])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(crypto.SealError):
        crypto.Vault([NEW]).open(sealed, "p")


def test_rotation_opens_the_old_seals_with_the_new_and_keeps_the_pepper() -> None:
    before, after = crypto.Vault([OLD]), crypto.Vault([NEW, OLD])
    sealed = before.seal(b"s", "p")
    assert after.open(sealed, "p") == b"s"
    assert after.needs_reseal(sealed)
    assert not after.needs_reseal(after.seal(b"s", "p"))
    assert after.key_pepper == before.key_pepper
    assert after.derive("csrf") == before.derive("csrf") != before.key_pepper


def test_derivation_is_hkdf_with_the_label_of_the_contract() -> None:
    """RFC 5869, written out: the core's side and backups depend on it never changing."""
    pseudorandom = hmac.digest(b"\0" * 32, NEW, "sha256")
    expected = hmac.digest(pseudorandom, b"key-pepper\x01", "sha256")
    assert crypto.Vault([NEW]).key_pepper == expected


def test_a_key_is_well_made() -> None:
    secret = crypto.KeySecret.generate()
    text = secret.reveal()
    assert text.startswith("sk-tw-")
    assert len(text) == 6 + 43 + 6
    assert secret.is_well_formed()
    assert secret.hint() == f"{text[:10]}…{text[-4:]}"
    pepper = b"p" * 32
    assert secret.digest(pepper) == hmac.new(pepper, text.encode(), hashlib.sha256).digest()
    assert len({crypto.KeySecret.generate().reveal() for _ in range(100)}) == 100


@given(st.integers(0, 54), st.sampled_from("abcXYZ019-_é"))
def test_a_mistyped_key_is_noticed(at: int, char: str) -> None:
    text = crypto.KeySecret.generate().reveal()
    typed = text[:at] + char + text[at + 1 :]
    assert crypto.is_well_formed(typed, "sk-tw-") == (typed == text)


def test_a_secret_never_prints() -> None:
    secret = crypto.KeySecret("sk-tw-visible")
    assert "visible" not in f"{secret} {secret!r} {[secret]}"
    assert repr(crypto.Vault([NEW])) == "Vault(***)"
    assert secret == crypto.Secret("sk-tw-visible")


@pytest.mark.parametrize(
    ("text", "shown"), [("sk-abcdefghijklmnop9f3k", "sk-a…9f3k"), ("short", "…"), ("twelve chars", "…hars")]
)
def test_a_hint_shows_less_than_half(text: str, shown: str) -> None:
    assert crypto.hint(text) == shown


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = crypto.load_vault("", folder)
    path = folder / "secret.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert crypto.load_vault("", folder).key_pepper == first.key_pepper
    assert [entry.name for entry in folder.iterdir()] == ["secret.key"], "no draft is left behind"
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        crypto.load_vault("", folder)


def test_two_processes_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    peppers: list[bytes] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait()
        peppers.append(crypto.load_vault("", tmp_path).key_pepper)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(peppers) == 8
    assert len(set(peppers)) == 1


@pytest.mark.parametrize("text", ["xyz", "00", "0" * 63, "g" * 64])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="64 hex"):
        crypto.load_vault(text, Path("/nonexistent"))


def test_an_empty_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.touch(0o600)
    with pytest.raises(SettingsError, match="restore"):
        crypto.load_vault("", tmp_path)
    assert path.read_text() == ""


def test_the_node_token_is_kept_or_given(tmp_path: Path) -> None:
    token = crypto.load_node_token("", tmp_path)
    assert len(token) >= 32
    assert crypto.load_node_token("", tmp_path) == token
    assert crypto.load_node_token("t" * 32, tmp_path) == "t" * 32
