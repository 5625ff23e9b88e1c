"""Secrets: one installation key, what is derived from it, what is sealed with it, and the keys that callers show.

The installation key is 32 random bytes in `DATA/secret.key` (mode 0600, made at the first start) or in the environment.
Everything else is derived by HKDF-SHA-256 with a label, so no two uses share a key. The file may hold several lines for
rotation: the first line seals, every line opens, and the last (oldest) line makes the key pepper, because a key's
digest cannot be made again without the key.

Sealed form: 1 byte version (1) · 4 bytes key id · 12 bytes nonce · ciphertext and tag (AES-256-GCM). The additional
data says where a secret belongs; moved elsewhere it does not open.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tollway.errors import SettingsError

ROOT_BYTES: Final = 32
KEY_PREFIX: Final = "sk-tw-"
TOKEN_PREFIX: Final = "twm_"  # noqa: S105  (the visible prefix, not a secret)
_VERSION: Final = b"\x01"
_KID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY_CHARS: Final = 43  # 256 bits in base 62
_CHECK_CHARS: Final = 6  # 32 bits in base 62


class SealError(Exception):
    """A sealed value does not open: other key, other place, or damaged. Says nothing of the content."""


class Vault:
    """The installation's key and what comes from it. Never prints."""

    def __init__(self, roots: list[bytes]) -> None:
        if not roots or any(len(root) != ROOT_BYTES for root in roots):
            raise SettingsError(f"secret_key: each key is {ROOT_BYTES} bytes, written as {ROOT_BYTES * 2} hex digits")
        self._roots = roots
        self._sealers = {self._kid(root): AESGCM(_derive(root, "seal")) for root in roots}
        self._current = self._kid(roots[0])
        self.key_pepper = _derive(roots[-1], "key-pepper")
        """HMAC key of relay keys' digests; the core gets it as 64 hex digits."""

    def __repr__(self) -> str:
        return "Vault(***)"

    @staticmethod
    def _kid(root: bytes) -> bytes:
        return _derive(root, "key-id")[:_KID_BYTES]

    def derive(self, label: str) -> bytes:
        """A 32-byte key for one more use (`csrf`, `snapshot`, `token-pepper` …); stable over rotation."""
        return _derive(self._roots[-1], label)

    def digest(self, label: str, text: str) -> bytes:
        """HMAC-SHA-256 under a derived key: how tokens, codes and links are looked up without being kept."""
        return hmac.digest(self.derive(label), text.encode(), "sha256")

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt for one place (additional data), e.g. `openai-main/cred_01…`."""
        nonce = os.urandom(_NONCE_BYTES)
        head = _VERSION + self._current
        return head + nonce + self._sealers[self._current].encrypt(nonce, plain, head + place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made for the same place. Raises SealError."""
        head, nonce = sealed[: 1 + _KID_BYTES], sealed[1 + _KID_BYTES : 1 + _KID_BYTES + _NONCE_BYTES]
        sealer = self._sealers.get(head[1:])
        if head[:1] != _VERSION or sealer is None or len(nonce) != _NONCE_BYTES:
            raise SealError(f"{place}: sealed with a key that is not in secret.key")
        try:
            return sealer.decrypt(nonce, sealed[1 + _KID_BYTES + _NONCE_BYTES :], head + place.encode())
        except InvalidTag:
            raise SealError(f"{place}: damaged, or moved from elsewhere") from None

    def needs_reseal(self, sealed: bytes) -> bool:
        """Whether a value was sealed with an older key and should be sealed again."""
        return sealed[1 : 1 + _KID_BYTES] != self._current


def credential_place(upstream: str, credential_id: str) -> str:
    """The additional data of an upstream's credential: owner and id."""
    return f"{upstream}/{credential_id}"


class Secret:
    """A text that never prints by accident: `repr`, `str` and formats show stars, `reveal()` shows it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. The call is what one greps for."""
        return self._text

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and constant_time_equal(self._text, other._text)

    __hash__ = None  # type: ignore[assignment]


class KeySecret(Secret):
    """A relay key: `sk-tw-`, 256 random bits in base 62, 6 characters of checksum (CRC-32 of what stands before).

    The checksum lets scanners and the portal tell a mistyped key from a wrong one; it adds no secrecy.
    """

    @classmethod
    def generate(cls) -> KeySecret:
        """A fresh key."""
        return cls(generate_text(KEY_PREFIX))

    def is_well_formed(self) -> bool:
        """Prefix, length and checksum fit (not whether the key exists)."""
        return is_well_formed(self.reveal(), KEY_PREFIX)

    def digest(self, pepper: bytes) -> bytes:
        """HMAC-SHA-256 of the whole text under the installation's pepper: what is stored and looked up."""
        return hmac.digest(pepper, self.reveal().encode(), "sha256")

    def hint(self) -> str:
        """What people recognise a key by: `sk-tw-Ab3d…9xQ2`."""
        return hint(self.reveal(), KEY_PREFIX)


def generate_text(prefix: str) -> str:
    """Prefix, 256 random bits, checksum: keys and management tokens."""
    body = prefix + _base62(secrets.randbits(256), _BODY_CHARS)
    return body + _base62(zlib.crc32(body.encode()), _CHECK_CHARS)


def is_well_formed(text: str, prefix: str) -> bool:
    """Whether `generate_text(prefix)` could have made this text."""
    if not text.startswith(prefix) or len(text) != len(prefix) + _BODY_CHARS + _CHECK_CHARS or not text.isascii():
        return False
    body, check = text[:-_CHECK_CHARS], text[-_CHECK_CHARS:]
    return constant_time_equal(_base62(zlib.crc32(body.encode()), _CHECK_CHARS), check)


def hint(text: str, prefix: str = "") -> str:
    """Prefix, first four and last four characters of a long secret; stars alone for a short one."""
    rest = text.removeprefix(prefix)
    if len(rest) < 16:  # eight shown characters must leave more than half unseen
        return "…" if len(rest) < 12 else f"…{rest[-4:]}"
    return f"{prefix if text.startswith(prefix) else ''}{rest[:4]}…{rest[-4:]}"


def constant_time_equal(left: str, right: str) -> bool:
    """Compare secrets without telling by time how much of them agrees."""
    return hmac.compare_digest(hashlib.sha256(left.encode()).digest(), hashlib.sha256(right.encode()).digest())


def load_vault(secret_key: str, data_path: Path) -> Vault:
    """The vault from the setting (hex, commas between several) or from `DATA/secret.key`, made when it is missing."""
    if secret_key:
        return Vault([_root(part, "secret_key") for part in secret_key.split(",")])
    path = data_path / "secret.key"
    text = read_or_make_secret(path, lambda: secrets.token_hex(ROOT_BYTES))
    return Vault([_root(line, str(path)) for line in text.splitlines() if line.strip()])


def load_node_token(node_token: str, data_path: Path) -> str:
    """The secret between the halves, from the setting or from `DATA/node.token`, made when it is missing."""
    return node_token or read_or_make_secret(data_path / "node.token", lambda: secrets.token_urlsafe(32)).strip()


def read_or_make_secret(path: Path, make: Callable[[], str]) -> str:
    """Read a secret file, or make it: mode 0600, complete before it gets its name, never overwriting another
    process's.
    """
    for _ in range(2):
        try:
            text = path.read_text("ascii")
        except FileNotFoundError:
            _write_new(path, make())
            continue
        except (OSError, UnicodeDecodeError) as exc:
            raise SettingsError(f"{path}: cannot be read as a secret file") from exc
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others may read it; run: chmod 600 {path}")
        if not text.strip():
            raise SettingsError(f"{path}: is empty; restore it from a backup, or remove it on a new installation only")
        return text
    raise SettingsError(f"{path}: could not be made")


def _write_new(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike rename this fails when another process was first: then its secret is ours too
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink()


def _root(text: str, source: str) -> bytes:
    try:
        root = bytes.fromhex(text.strip())
    except ValueError:
        root = b""
    if len(root) != ROOT_BYTES:
        raise SettingsError(
            f"{source}: a key is {ROOT_BYTES * 2} hex digits; make one with: openssl rand -hex {ROOT_BYTES}"
        )
    return root


def _derive(root: bytes, label: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label.encode()).derive(root)


def _base62(value: int, chars: int) -> str:
    digits = []
    for _ in range(chars):
        value, rest = divmod(value, 62)
        digits.append(_BASE62[rest])
    return "".join(reversed(digits))
