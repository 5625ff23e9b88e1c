"""Database rows → the positional rows of the snapshot (ARCHITECTURE.md). 0 means "none" in numbers, there and only
there.

Plain column selects, no ORM objects: a whole snapshot may have hundreds of thousands of keys.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, func, select

from tollway.crypto import SealError, Vault, credential_place
from tollway.db.engine import ReadTx
from tollway.db.tables import (
    PRICE_COLUMNS,
    AccountRow,
    CredentialRow,
    GroupRow,
    KeyRow,
    ModelRow,
    PriceRow,
    RouteRow,
    UpstreamRow,
    table,
)
from tollway.ids import to_bytes
from tollway.money import filled_token_prices

KINDS: Final = ("chat", "completion", "embedding", "image", "audio", "rerank", "moderation")
PROVIDERS: Final = ("openai", "anthropic", "gemini", "azure", "simulator")
ENDPOINTS: Final = (
    "chat",
    "completions",
    "embeddings",
    "images",
    "audio",
    "moderations",
    "rerank",
    "responses",
    "messages",
    "gemini",
)
TIMEOUTS: Final = ("connect_ms", "tls_ms", "first_byte_ms", "first_token_ms", "idle_ms", "total_ms")
ENABLED: Final = 1
FREE: Final = 2
PRIVATE_ADDRESS: Final = 2
# A list of endpoints that names none we know must not read as 0, "all": this bit belongs to no endpoint.
NO_ENDPOINT: Final = 1 << 30
# A price is current a moment early rather than late: after a small step back of the clock the newest one must still
# win.
CLOCK_SLACK: Final = timedelta(seconds=2)

_BIT: Final = {name: 1 << i for i, name in enumerate(ENDPOINTS)}
_log = logging.getLogger(__name__)

Packed = tuple[Any, ...]


async def group_rows(tx: ReadTx) -> list[Packed]:
    """All groups that are not deleted."""
    c = table(GroupRow).c
    columns = select(c.name, c.price_multiplier_micro, c.models, c.rpm, c.tpm, c.concurrency)
    found = await tx.session.execute(columns.where(c.deleted_at.is_(None)).order_by(c.name))
    return [(r.name, r.price_multiplier_micro, r.models, r.rpm or 0, r.tpm or 0, r.concurrency or 0) for r in found]


async def model_rows(tx: ReadTx) -> list[Packed]:
    """All models that are not deleted, each with its current price and with its routes to upstreams that exist."""
    prices = await _current_prices(tx)
    routes = await _routes(tx)
    found = await tx.session.execute(
        select(table(ModelRow)).where(ModelRow.deleted_at.is_(None)).order_by(ModelRow.name)
    )
    return [
        (
            row.name,
            KINDS.index(row.kind),
            ENABLED * row.enabled | FREE * row.free,
            row.owned_by,
            _seconds(row.created_at),
            row.context_length or 0,
            row.max_output_tokens or 0,
            row.input_modalities,
            row.output_modalities,
            row.bytes_per_token_milli,
            None if row.free else prices.get(row.name),
            routes.get(row.name, []),
            row.rpm or 0,
            row.tpm or 0,
            row.concurrency or 0,
        )
        for row in found
    ]


async def upstream_rows(tx: ReadTx, vault: Vault) -> list[Packed]:
    """All upstreams that are not deleted, with their credentials opened."""
    credentials = await _credentials(tx, vault)
    c = table(UpstreamRow).c
    found = await tx.session.execute(select(table(UpstreamRow)).where(c.deleted_at.is_(None)).order_by(c.name))
    return [
        (
            row.name,
            PROVIDERS.index(row.provider),
            row.base_url,
            ENABLED * row.enabled | PRIVATE_ADDRESS * row.allow_private_address,
            credentials.get(row.name, []),
            [row.timeouts.get(name) or 0 for name in TIMEOUTS],
            sorted(row.headers.items()),
        )
        for row in found
    ]


def account_select() -> Select[*tuple[Any, ...]]:
    """The columns that `account_row` packs. Deleted accounts stay, as disabled: their keys may still be asked for."""
    c = table(AccountRow).c
    columns = (c.id, c.group_name, c.enabled, c.deleted_at, c.rpm, c.tpm, c.concurrency, c.extra_groups)
    return select(*columns).order_by(c.id)


def account_row(row: Row[*tuple[Any, ...]]) -> Packed:
    """One account."""
    account_id, group, enabled, deleted_at, rpm, tpm, concurrency, extra = row
    flags = ENABLED if enabled and deleted_at is None else 0
    return (to_bytes(account_id, "acc"), group, flags, rpm or 0, tpm or 0, concurrency or 0, extra)


def key_select() -> Select[*tuple[Any, ...]]:
    """The columns that `key_row` packs, of keys that are not deleted."""
    c = table(KeyRow).c
    columns = (c.digest, c.id, c.account_id, c.enabled, c.expires_at, c.rpm, c.tpm, c.concurrency)
    return (
        select(*columns, c.endpoints, c.group_name, c.models, c.allow_ips).where(c.deleted_at.is_(None)).order_by(c.id)
    )


def key_row(row: Row[*tuple[Any, ...]]) -> Packed:
    """One key."""
    digest, key_id, account_id, enabled, expires_at, rpm, tpm, concurrency, endpoints, group, models, allow_ips = row
    return (
        digest,
        to_bytes(key_id, "key"),
        to_bytes(account_id, "acc"),
        ENABLED if enabled else 0,
        0 if expires_at is None else max(1, _seconds(expires_at)),
        rpm or 0,
        tpm or 0,
        concurrency or 0,
        0 if endpoints is None else sum({_BIT.get(name, 0) for name in endpoints}) or NO_ENDPOINT,
        group,
        models,
        allow_ips,
    )


async def _current_prices(tx: ReadTx) -> dict[str, Packed]:
    c = table(PriceRow).c
    current = (
        select(c.model_name, func.max(c.valid_from).label("valid_from"))
        .where(c.valid_from <= tx.now + CLOCK_SLACK)
        .group_by(c.model_name)
        .subquery()
    )
    same = (c.model_name == current.c.model_name) & (c.valid_from == current.c.valid_from)
    found = await tx.session.execute(
        select(c.id, c.model_name, *(c[name] for name in PRICE_COLUMNS)).join(current, same)
    )
    prices = {}
    for row in found:
        stated = row._mapping
        units = (row.request_nano, row.image_nano, row.second_nano, row.character_pico)
        tokens = filled_token_prices({name: stated[name] for name in PRICE_COLUMNS})
        prices[row.model_name] = (to_bytes(row.id, "price"), tokens, *(value or 0 for value in units))
    return prices


async def _routes(tx: ReadTx) -> dict[str, list[Packed]]:
    r, u = table(RouteRow).c, table(UpstreamRow).c
    columns = select(r.model_name, r.upstream_name, r.upstream_model, r.priority, r.weight)
    alive = columns.join(UpstreamRow, u.name == r.upstream_name).where(u.deleted_at.is_(None))
    routes: dict[str, list[Packed]] = defaultdict(list)
    for model, *route in await tx.session.execute(alive.order_by(r.model_name, r.priority, r.position)):
        routes[model].append(tuple(route))
    return routes


async def _credentials(tx: ReadTx, vault: Vault) -> dict[str, list[Packed]]:
    c = table(CredentialRow).c
    usable = select(c.id, c.upstream_name, c.sealed).where(c.enabled, c.deleted_at.is_(None)).order_by(c.id)
    opened: dict[str, list[Packed]] = defaultdict(list)
    for credential_id, upstream, sealed in await tx.session.execute(usable):
        try:
            secret = vault.open(sealed, credential_place(upstream, credential_id)).decode()
        except (SealError, UnicodeDecodeError):
            # One credential that does not open must not keep every other change from the nodes.
            _log.error(
                "credential %s of upstream %s does not open with secret.key; it is left out", credential_id, upstream
            )
            continue
        opened[upstream].append((to_bytes(credential_id, "cred"), secret))
    return opened


def _seconds(at: datetime) -> int:
    return max(0, int(at.astimezone(UTC).timestamp()))
