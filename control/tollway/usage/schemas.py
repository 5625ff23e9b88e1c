"""Bodies of usage, as operators and as members see it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from tollway.db.tables import RequestRow
from tollway.money import TOKEN_PRICES, format_multiplier, format_usd
from tollway.usage.groups import Group, Grouped
from tollway.usage.summary import Sums

OUTCOMES = ("settled", "voided", "recovered")
ENDPOINTS = ("chat", "completions", "embeddings", "images", "audio", "moderations", "rerank")


def counts_of(row: RequestRow) -> dict[str, int]:
    """Disjoint token counts by the names of their prices, and the units that are priced one by one."""
    counts = {name: int(getattr(row, f"{name}_tokens")) for name, _ in TOKEN_PRICES}
    return counts | {
        "requests": row.requests,
        "images": row.images,
        "milliseconds": row.milliseconds,
        "characters": row.characters,
    }


class UsageView(msgspec.Struct, kw_only=True):
    """A request as operators see it: enough to recompute its charge. `loss` is what the operator bore of it."""

    request_id: str
    hold_id: str
    account_id: str
    key_id: str
    model: str
    upstream: str
    endpoint: str
    status: int
    stream: bool
    estimated: bool
    outcome: str
    counts: dict[str, int]
    price_version: str | None
    price_multiplier: str
    hold: str
    charge: str
    posted: str
    excess: str
    loss: str
    attempts: int
    first_byte_us: int
    total_us: int
    error_code: str
    client_request_id: str
    created_at: datetime

    @classmethod
    def of(cls, row: RequestRow) -> UsageView:
        """From its row."""
        return cls(
            request_id=row.request_id,
            hold_id=f"{row.node_id}/{row.epoch}/{row.seq}",
            account_id=row.account_id,
            key_id=row.key_id,
            model=row.model,
            upstream=row.upstream,
            endpoint=endpoint_of(row),
            status=row.status,
            stream=row.stream,
            estimated=row.estimated,
            outcome=OUTCOMES[row.outcome],
            counts=counts_of(row),
            price_version=row.price_id,
            price_multiplier=format_multiplier(row.multiplier_micro),
            hold=format_usd(row.hold_nano),
            charge=format_usd(row.charge_nano),
            posted=format_usd(row.posted_nano),
            excess=format_usd(row.excess_nano),
            loss=format_usd(row.loss_nano),
            attempts=row.attempts,
            first_byte_us=row.first_byte_us,
            total_us=row.total_us,
            error_code=row.error_code,
            client_request_id=row.client_request_id,
            created_at=row.started_at,
        )


class MemberUsageView(msgspec.Struct, kw_only=True):
    """A request as its account sees it: what was asked, counted and charged. Not where it was served."""

    request_id: str
    account_id: str
    key_id: str
    model: str
    endpoint: str
    status: int
    stream: bool
    estimated: bool
    counts: dict[str, int]
    price_version: str | None
    charge: str
    first_byte_us: int
    total_us: int
    error_code: str
    client_request_id: str
    created_at: datetime

    @classmethod
    def of(cls, row: RequestRow) -> MemberUsageView:
        """From its row."""
        return cls(
            request_id=row.request_id,
            account_id=row.account_id,
            key_id=row.key_id,
            model=row.model,
            endpoint=endpoint_of(row),
            status=row.status,
            stream=row.stream,
            estimated=row.estimated,
            counts=counts_of(row),
            price_version=row.price_id,
            charge=format_usd(row.charge_nano),
            first_byte_us=row.first_byte_us,
            total_us=row.total_us,
            error_code=row.error_code,
            client_request_id=row.client_request_id,
            created_at=row.started_at,
        )


def endpoint_of(row: RequestRow) -> str:
    """The contract's number as a name; one that a newer gateway made is shown as it is."""
    return ENDPOINTS[row.endpoint] if 0 <= row.endpoint < len(ENDPOINTS) else str(row.endpoint)


class SumsView(msgspec.Struct, kw_only=True):
    """What some requests come to. `tokens_in` and `tokens_out` hold every kind of token that is priced so."""

    calls: int
    errors: int
    tokens_in: int
    tokens_out: int
    charge: str

    @classmethod
    def of(cls, sums: Sums) -> SumsView:
        """From its sums."""
        return cls(
            calls=sums.calls,
            errors=sums.errors,
            tokens_in=sums.tokens_in,
            tokens_out=sums.tokens_out,
            charge=format_usd(sums.charge_nano),
        )


class GroupView(SumsView, kw_only=True):
    """One group: an hour (RFC 3339), a day (`2026-11-24`), a model, an upstream, or the id of a key or account."""

    group: str


class SummaryView(msgspec.Struct, kw_only=True):
    """Sums of the hours that begin in [from, to). `more`: `total` holds groups that `data` has no room for."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    group_by: str
    total: SumsView
    data: list[GroupView]
    more: bool

    @classmethod
    def of(cls, found: Grouped, by: Group) -> SummaryView:
        """From the sums."""
        return cls(
            start=found.start,
            end=found.end,
            group_by=by,
            total=SumsView.of(found.total),
            data=[GroupView(group=name, **_sums(sums)) for name, sums in found.sums.items()],
            more=found.more,
        )


def _sums(sums: Sums) -> dict[str, Any]:
    view = SumsView.of(sums)
    return {name: getattr(view, name) for name in SumsView.__struct_fields__}


class LatencyView(msgspec.Struct, kw_only=True):
    """One day (UTC) of served requests, by its latest `sampled` ones; times in microseconds, null without any."""

    day: date
    sampled: int
    first_byte_us_p50: int | None
    first_byte_us_p95: int | None
    total_us_p50: int | None
    total_us_p95: int | None
