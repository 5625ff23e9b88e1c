"""Rules of upstreams.

A secret is sealed for its place (upstream and credential id) before it reaches a row. The address is the operator's
alone: a plain http(s) URL without user, query or fragment; whether a private address may be dialled is decided by the
gateway for each resolved address, because a name can point anywhere tomorrow.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType
from sqlalchemy import select

from tollway.audit import trail
from tollway.crypto import Vault, credential_place
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import CredentialRow, RouteRow, UpstreamRow
from tollway.errors import AlreadyExists, Conflict, Invalid, NotFound
from tollway.http.callers import Caller
from tollway.http.changes import require_version
from tollway.http.fields import given, merge, merge_limits
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.ids import new_id
from tollway.upstreams.schemas import (
    TIMEOUTS,
    CredentialWish,
    TimeoutsWish,
    UpstreamCreate,
    UpstreamPatch,
    UpstreamView,
)

# Set by the gateway itself, or meaningful for one hop only (RFC 9110 §7.6.1): never from configuration.
_OWN_HEADERS: Final = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
HINT_CHARS: Final = 4
# As many as a person can still choose from; more are typed.
CHOICES_MAX: Final = 1_000
_SECRET_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})
_HOST: Final = re.compile(r"^[A-Za-z0-9._:-]+$")


async def require(tx: ReadTx, name: str) -> UpstreamRow:
    """The upstream, or NotFound."""
    row = await tx.session.get(UpstreamRow, name)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"there is no upstream {name!r}")
    return row


async def credentials_of(tx: ReadTx, names: Sequence[str]) -> dict[str, list[CredentialRow]]:
    """The credentials of some upstreams, oldest first."""
    found: dict[str, list[CredentialRow]] = defaultdict(list)
    wanted = select(CredentialRow).where(CredentialRow.upstream_name.in_(names), CredentialRow.deleted_at.is_(None))
    for row in await tx.session.scalars(wanted.order_by(CredentialRow.id)):
        found[row.upstream_name].append(row)
    return found


async def view_of(tx: ReadTx, row: UpstreamRow) -> UpstreamView:
    """An upstream with its hints."""
    return UpstreamView.of(row, (await credentials_of(tx, [row.name]))[row.name])


async def list_page(tx: ReadTx, page: ListQuery) -> Page[UpstreamView]:
    """One page of all, by name; `q` in name and base URL."""
    wanted = select(UpstreamRow).where(UpstreamRow.deleted_at.is_(None))
    if page.q:
        wanted = wanted.where(like((UpstreamRow.name, UpstreamRow.base_url), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (UpstreamRow.name,), (str,), newest_first=False))).all()
    credentials = await credentials_of(tx, [row.name for row in rows])
    return to_page(rows, page, lambda row: UpstreamView.of(row, credentials[row.name]), lambda row: (row.name,))


async def names(tx: ReadTx) -> list[str]:
    """All of them, for a choice."""
    wanted = select(UpstreamRow.name).where(UpstreamRow.deleted_at.is_(None)).order_by(UpstreamRow.name)
    return list(await tx.session.scalars(wanted.limit(CHOICES_MAX)))


async def models_by_upstream(tx: ReadTx, upstreams: Sequence[str]) -> dict[str, list[str]]:
    """The models that route to each of some upstreams, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    wanted = select(RouteRow.upstream_name, RouteRow.model_name).where(RouteRow.upstream_name.in_(upstreams)).distinct()
    for row in await tx.session.execute(wanted.order_by(RouteRow.model_name)):
        found[row.upstream_name].append(row.model_name)
    return found


async def create(tx: WriteTx, caller: Caller, vault: Vault, wish: UpstreamCreate) -> UpstreamView:
    """Make an upstream. A name that was deleted may be used again. Raises AlreadyExists, Invalid."""
    row = await tx.session.get(UpstreamRow, wish.name)
    if row is not None and row.deleted_at is None:
        raise AlreadyExists(f"there is an upstream {wish.name!r} already")
    if row is None:
        row = UpstreamRow(name=wish.name)
        tx.add(row)
    row.deleted_at = None
    row.provider, row.enabled, row.allow_private_address = "openai", True, False
    row.timeouts, row.headers = {}, {}
    merge_limits(row, None)
    _apply(row, wish)
    await tx.flush()
    await _apply_credentials(tx, vault, row, wish.credentials)
    tx.touch("upstream", row.name)
    view = await view_of(tx, row)
    await trail.record(tx, caller, "upstream.create", row.name, after=trail.body_of(view))
    return view


async def change(
    tx: WriteTx, caller: Caller, vault: Vault, name: str, wish: UpstreamPatch, expected: int | None
) -> UpstreamView:
    """PATCH. Raises NotFound, StaleVersion, Invalid."""
    row = await require(tx, name)
    require_version(row, expected)
    before = trail.body_of(await view_of(tx, row))
    credentials_changed = await _apply_credentials(tx, vault, row, wish.credentials)
    _apply(row, wish)
    if credentials_changed:
        row.updated_at = tx.now  # they are rows of their own; the upstream's version rises with them
    await tx.flush()
    view = await view_of(tx, row)
    after = trail.body_of(view)
    # Header values are struck out in both, so a change of them cannot be seen there.
    if trail.differs(before, after) or wish.headers is not UNSET:
        tx.touch("upstream", name)
        await trail.record(tx, caller, "upstream.change", name, before=before, after=after)
    return view


async def delete(tx: WriteTx, caller: Caller, name: str, expected: int | None) -> None:
    """Mark as gone and forget the secrets. Raises NotFound, StaleVersion, Conflict while models route to it."""
    row = await require(tx, name)
    require_version(row, expected)
    users = (
        await tx.session.scalars(select(RouteRow.model_name).where(RouteRow.upstream_name == name).distinct().limit(5))
    ).all()
    if users:
        raise Conflict(f"models route to this upstream: {', '.join(users)}; change their routes first")
    before = trail.body_of(await view_of(tx, row))
    await _apply_credentials(tx, None, row, [])
    row.deleted_at = tx.now
    tx.touch("upstream", name)
    await trail.record(tx, caller, "upstream.delete", name, before=before)


def _apply(row: UpstreamRow, wish: UpstreamPatch) -> None:
    merge(row, wish, ("provider", "enabled", "allow_private_address"))
    if wish.base_url is not UNSET:
        row.base_url = checked_base_url(wish.base_url)
    if wish.headers is not UNSET:
        row.headers = checked_headers(wish.headers or {})
    if wish.timeouts is not UNSET:
        row.timeouts = _merged_timeouts(row.timeouts, wish.timeouts)
    merge_limits(row, wish.limits)


def _merged_timeouts(current: dict[str, int], wish: TimeoutsWish | None) -> dict[str, int]:
    if wish is None:
        return {}
    merged = dict(current)
    for name in TIMEOUTS:
        value = getattr(wish, name)
        if value is None:
            merged.pop(name, None)
        elif value is not UNSET:
            merged[name] = value
    return merged


async def _apply_credentials(
    tx: WriteTx, vault: Vault | None, row: UpstreamRow, wishes: Sequence[CredentialWish] | UnsetType | None
) -> bool:
    """The list replaces what there is. Returns whether anything changed. Raises Invalid naming the entry."""
    if isinstance(wishes, UnsetType):
        return False
    present = {c.id: c for c in (await credentials_of(tx, [row.name]))[row.name]}
    kept: set[str] = set()
    changed = False
    for n, wish in enumerate(wishes or ()):
        field = f"credentials[{n}]"
        if wish.id is UNSET and wish.secret is not UNSET and vault is not None:
            tx.add(_sealed(vault, row.name, wish.secret, given(wish.enabled, True)))
            changed = True
            continue
        if wish.secret is not UNSET:
            raise Invalid(f"{field}.secret", "a stored secret is not changed; add the new one and leave the old id out")
        credential = present.get(wish.id) if wish.id is not UNSET else None
        if credential is None:
            raise Invalid(
                f"{field}.id" if wish.id is not UNSET else f"{field}.secret",
                "give a new secret, or the id of one that is stored",
            )
        if credential.id in kept:
            raise Invalid(f"{field}.id", "is named twice")
        kept.add(credential.id)
        if wish.enabled is not UNSET and credential.enabled != wish.enabled:
            credential.enabled, changed = wish.enabled, True
    for credential in present.values():
        if credential.id not in kept:
            # The row stays for what refers to it; the secret does not.
            credential.deleted_at, credential.enabled, credential.sealed = tx.now, False, b""
            changed = True
    await tx.flush()
    return changed


def _sealed(vault: Vault, upstream: str, secret: str, enabled: bool) -> CredentialRow:
    credential_id = new_id("cred")
    return CredentialRow(
        id=credential_id,
        upstream_name=upstream,
        sealed=vault.seal(secret.encode(), credential_place(upstream, credential_id)),
        hint=f"…{secret[-HINT_CHARS:]}" if len(secret) >= HINT_CHARS * 4 else "…",
        enabled=enabled,
    )


def checked_base_url(text: str) -> str:
    """Scheme, host, port and path only, without a slash at the end. Raises Invalid(base_url)."""
    if not text.isascii() or any(char <= " " or char in '\\"<>`{}|^\x7f' for char in text):
        raise Invalid("base_url", "has characters that a URL cannot have")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise Invalid("base_url", f"is not a URL: {exc}") from exc
    if parts.scheme not in ("http", "https") or not parts.hostname or not _HOST.match(parts.hostname):
        raise Invalid("base_url", "must be an http or https URL, such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None:
        raise Invalid("base_url", "must not carry a user or password; secrets belong into credentials")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Invalid("base_url", "must not carry a query or fragment")
    if port == 0:
        raise Invalid("base_url", "port 0 cannot be dialled")
    return text.rstrip("/")


def checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Names in lower case. Raises Invalid naming the header."""
    checked: dict[str, str] = {}
    for name, value in headers.items():
        low, field = name.lower(), f"headers.{name}"
        if low in _OWN_HEADERS:
            raise Invalid(field, "is set by the gateway itself")
        if low in _SECRET_HEADERS:
            raise Invalid(field, "carries a secret; put it into credentials, where it is sealed")
        if low in checked:
            raise Invalid(field, "is named twice")
        checked[low] = value.strip(" \t")
    return checked
