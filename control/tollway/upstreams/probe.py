"""Asking an upstream for its models: as a test that address and credential work, and to see what can be routed to it.

One GET with the first enabled credential, which goes to the upstream and nowhere else: neither answer nor log nor audit
holds it, nor a word of what the upstream said. Nothing found is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from tollway.audit import trail
from tollway.crypto import SealError, Secret, Vault, credential_place
from tollway.db.tables import CredentialRow, UpstreamRow
from tollway.errors import RateLimited, TollwayError
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.upstreams import dial, service
from tollway.upstreams.dial import DialFailure

AT_ONCE_MAX: Final = 4
MODELS_MAX: Final = 2_000
MODEL_CHARS_MAX: Final = 256
_BUSY_RETRY_S: Final = 5
_ANTHROPIC_VERSION: Final = "2023-06-01"
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")

_running = 0


class ProbeError(msgspec.Struct):
    """Why a test failed. `code` is stable."""

    code: str
    message: str


class UpstreamTest(msgspec.Struct):
    """The outcome of a test. `status` and `latency_ms` are null when no answer came, `models` when it was no list."""

    ok: bool
    status: int | None
    latency_ms: int | None
    models: int | None
    error: ProbeError | None


class Discovered(msgspec.Struct):
    """Ids of an upstream's models, in its own order. `truncated`: it has more than are listed here."""

    models: list[str]
    truncated: bool


class UpstreamFailed(TollwayError):
    """The upstream gave no list of models; the message says why, `reason` has its code."""

    code, status, title, fault, retry = "upstream_failed", 502, "Upstream failed", "upstream", True

    def __init__(self, reason: ProbeError) -> None:
        super().__init__(reason.message)
        self.reason = reason


async def test(ctx: Context, caller: Caller, name: str) -> UpstreamTest:
    """Try an upstream, disabled ones too. Raises NotFound, RateLimited."""
    found = await _ask(ctx, name)
    async with ctx.db.write_tx() as tx:
        after = {"ok": found.ok, "status": found.status, "error": found.error.code if found.error else None}
        await trail.record(tx, caller, "upstream.test", name, after=after)
    return UpstreamTest(
        ok=found.ok,
        status=found.status,
        latency_ms=found.latency_ms,
        models=len(found.models) if found.ok else None,
        error=found.error,
    )


async def discover(ctx: Context, caller: Caller, name: str) -> Discovered:
    """The models an upstream says it has. Raises NotFound, RateLimited, UpstreamFailed."""
    found = await _ask(ctx, name)
    async with ctx.db.write_tx() as tx:
        after = {"models": len(found.models), "error": found.error.code if found.error else None}
        await trail.record(tx, caller, "upstream.discover", name, after=after)
    if found.error is not None:
        raise UpstreamFailed(found.error)
    return Discovered(found.models[:MODELS_MAX], len(found.models) > MODELS_MAX)


class _Found(msgspec.Struct):
    status: int | None = None
    latency_ms: int | None = None
    models: list[str] = []
    error: ProbeError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


async def _ask(ctx: Context, name: str) -> _Found:
    async with ctx.db.read_tx() as tx:
        row = await service.require(tx, name)
        credentials = (await service.credentials_of(tx, [name]))[name]
    core = ctx.settings.core
    limits = dial.Limits(
        connect_ms=row.timeouts.get("connect_ms") or core.connect_ms,
        private_allowed=row.allow_private_address,
        ca_file=core.ca_file,
        total_ms=dial.TOTAL_MS,
    )
    found = _Found()
    try:
        headers = _headers(row, _secret(ctx.vault, row.name, credentials))
        with _turn():
            answer = await dial.get(f"{row.base_url}/models", headers, limits)
        found.status, found.latency_ms = answer.status, answer.latency_ms
        _refuse_status(answer.status)
        found.models = _model_ids(answer.body)
    except DialFailure as exc:
        found.error = ProbeError(exc.code, exc.message)
    return found


@contextmanager
def _turn() -> Iterator[None]:
    """A bounded number at once: each may take some seconds. Raises RateLimited."""
    global _running
    if _running >= AT_ONCE_MAX:
        raise RateLimited("other upstreams are being tried at the moment; try again", retry_after_s=_BUSY_RETRY_S)
    _running += 1
    try:
        yield
    finally:
        _running -= 1


def _secret(vault: Vault, upstream: str, credentials: list[CredentialRow]) -> Secret | None:
    """The first enabled credential, opened; None when there is none: some upstreams need none. Raises DialFailure."""
    first = next((credential for credential in credentials if credential.enabled), None)
    if first is None:
        return None
    try:
        return Secret(vault.open(first.sealed, credential_place(upstream, first.id)).decode())
    except (SealError, UnicodeDecodeError):
        raise DialFailure(
            "credential_unreadable", f"the credential {first.id} does not open with secret.key; store it again"
        ) from None


def _headers(row: UpstreamRow, secret: Secret | None) -> dict[str, str]:
    headers = dict(row.headers)
    if row.provider == "anthropic":
        headers.setdefault("anthropic-version", _ANTHROPIC_VERSION)
    if secret is not None:
        name, prefix = {"anthropic": ("x-api-key", ""), "gemini": ("x-goog-api-key", "")}.get(
            row.provider, ("authorization", "Bearer ")
        )
        headers[name] = prefix + secret.reveal()
    return headers


def _refuse_status(status: int) -> None:
    """Raises DialFailure for an answer that is no success."""
    if 200 <= status < 300:
        return
    if status in (401, 403):
        raise DialFailure("unauthorized", f"the upstream answered {status}: it does not take the credential")
    if status == 404:
        raise DialFailure(
            "not_found", "the upstream answered 404 to GET /models: base_url may be wrong, often it ends in /v1"
        )
    if 300 <= status < 400:
        raise DialFailure(
            "redirected", f"the upstream answered {status}: redirects are not followed, give the final address"
        )
    raise DialFailure("upstream_status", f"the upstream answered {status}; try again, or ask its provider")


def _model_ids(body: bytes) -> list[str]:
    """OpenAI's form (`data` of `id`), Gemini's (`models` of `name`), or a bare list. Raises DialFailure."""
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    entries = document
    if isinstance(document, dict):
        entries = document.get("data", document.get("models"))
    if not isinstance(entries, list):
        raise DialFailure("not_a_model_list", "the answer is not a list of models; check the path in base_url")
    ids = [_id_of(entry) for entry in entries if isinstance(entry, dict)]
    return list(dict.fromkeys(found for found in ids if found))


def _id_of(entry: dict[str, Any]) -> str:
    """Empty for what cannot be a model's name."""
    name = entry.get("id", entry.get("name"))
    if not isinstance(name, str) or len(name) > MODEL_CHARS_MAX or not _VISIBLE.fullmatch(name):
        return ""
    return name.removeprefix("models/")
