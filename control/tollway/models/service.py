"""Rules of models: what may be stated together, and how prices and routes follow the model's row."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from msgspec import UNSET
from sqlalchemy import delete as delete_from
from sqlalchemy import insert, select

from tollway.audit import trail
from tollway.db.engine import ReadTx, WriteTx
from tollway.db.tables import AccountRow, GroupRow, ModelRow, RouteRow, UpstreamRow
from tollway.errors import AlreadyExists, FieldError, Invalid, NotFound
from tollway.http.callers import Caller
from tollway.http.changes import require_version
from tollway.http.fields import merge, merge_limits
from tollway.http.globs import patterns
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.models import prices
from tollway.models.schemas import MemberModelView, ModelCreate, ModelPatch, ModelView, RouteWish
from tollway.money import parse_prices


async def require(tx: ReadTx, name: str) -> ModelRow:
    """The model, or NotFound."""
    row = await tx.session.get(ModelRow, name)
    if row is None or row.deleted_at is not None:
        raise NotFound(f"there is no model {name!r}")
    return row


async def views_of(tx: ReadTx, rows: Sequence[ModelRow]) -> dict[str, ModelView]:
    """Models with their prices and routes."""
    names = [row.name for row in rows]
    current = await prices.current(tx, names)
    routes: dict[str, list[RouteRow]] = defaultdict(list)
    wanted = select(RouteRow).where(RouteRow.model_name.in_(names)).order_by(RouteRow.model_name, RouteRow.position)
    for route in await tx.session.scalars(wanted):
        routes[route.model_name].append(route)
    return {row.name: ModelView.of(row, current.get(row.name), routes[row.name]) for row in rows}


async def view_of(tx: ReadTx, row: ModelRow) -> ModelView:
    """One of them."""
    return (await views_of(tx, [row]))[row.name]


async def list_page(tx: ReadTx, page: ListQuery) -> Page[ModelView]:
    """One page of all, by name, as operators see them; `q` in name and display name."""
    wanted = select(ModelRow).where(ModelRow.deleted_at.is_(None))
    if page.q:
        wanted = wanted.where(like((ModelRow.name, ModelRow.display_name), page.q))
    rows = (await tx.session.scalars(after(wanted, page, (ModelRow.name,), (str,), newest_first=False))).all()
    views = await views_of(tx, rows)
    return to_page(rows, page, lambda row: views[row.name], lambda row: (row.name,))


async def create(tx: WriteTx, caller: Caller, wish: ModelCreate) -> ModelView:
    """Make a model. A deleted name may be used again; its price versions stay. Raises AlreadyExists, Invalid."""
    row = await tx.session.get(ModelRow, wish.name)
    if row is not None and row.deleted_at is None:
        raise AlreadyExists(f"there is a model {wish.name!r} already")
    if row is None:
        row = ModelRow(name=wish.name)
        tx.add(row)
    row.deleted_at = None
    row.display_name = row.description = row.owned_by = ""
    row.kind, row.enabled, row.free = "chat", True, False
    row.context_length = row.max_output_tokens = row.fallback = None
    row.input_modalities, row.output_modalities = ["text"], ["text"]
    merge_limits(row, None)
    _apply(row, wish)
    await tx.flush()
    await prices.supersede(tx, row.name, _columns(wish))
    await _apply_routes(tx, row, wish.routes or [])
    await _require_priced(tx, row)
    tx.touch("model", row.name)
    view = await view_of(tx, row)
    await trail.record(tx, caller, "model.create", row.name, after=trail.body_of(view))
    return view


async def change(tx: WriteTx, caller: Caller, name: str, wish: ModelPatch, expected: int | None) -> ModelView:
    """PATCH. Raises NotFound, StaleVersion, Invalid."""
    row = await require(tx, name)
    require_version(row, expected)
    before = trail.body_of(await view_of(tx, row))
    with tx.session.no_autoflush:  # one UPDATE at the end, so that one change is one version
        _apply(row, wish)
        if wish.prices is not UNSET:
            await prices.supersede(tx, name, _columns(wish))
        if wish.routes is not UNSET:
            await _apply_routes(tx, row, wish.routes or [])
        await _require_priced(tx, row)
        changed = trail.differs(before, trail.body_of(await view_of(tx, row)))
    if changed:
        row.updated_at = tx.now  # prices and routes are rows of their own; the model's version rises with them
        await tx.flush()
        tx.touch("model", name)
        await trail.record(tx, caller, "model.change", name, before=before, after=trail.body_of(await view_of(tx, row)))
    return await view_of(tx, row)


async def delete(tx: WriteTx, caller: Caller, name: str, expected: int | None) -> None:
    """Mark a model as gone; its prices stay for what was charged with them. Raises NotFound, StaleVersion."""
    row = await require(tx, name)
    require_version(row, expected)
    before = trail.body_of(await view_of(tx, row))
    await tx.session.execute(delete_from(RouteRow).where(RouteRow.model_name == name))
    row.deleted_at = tx.now
    tx.touch("model", name)
    await trail.record(tx, caller, "model.delete", name, before=before)


async def reach(tx: ReadTx, account_id: str) -> tuple[GroupRow, re.Pattern[str]]:
    """The account's group, and which model names it may call."""
    group = await tx.session.scalar(
        select(GroupRow).join(AccountRow, AccountRow.group_name == GroupRow.name).where(AccountRow.id == account_id)
    )
    if group is None:
        raise NotFound("this account's group does not exist")
    return group, patterns(group.models)


async def member_views(tx: ReadTx, account_id: str, rows: Sequence[ModelRow]) -> list[MemberModelView]:
    """At the price of the account's group."""
    group, _ = await reach(tx, account_id)
    current = await prices.current(tx, [row.name for row in rows])
    return [MemberModelView.of(row, current.get(row.name), group.price_multiplier_micro) for row in rows]


def _columns(wish: ModelPatch) -> dict[str, int]:
    return parse_prices(wish.prices.stated()) if wish.prices else {}


def _apply(row: ModelRow, wish: ModelPatch) -> None:
    for field in ("display_name", "description", "owned_by"):
        value = getattr(wish, field)
        if value is not UNSET:
            setattr(row, field, value or "")
    merge(row, wish, ("kind", "enabled", "free", "context_length", "max_output_tokens"))
    for field in ("input_modalities", "output_modalities"):
        value = getattr(wish, field)
        if value is not UNSET:
            setattr(row, field, list(dict.fromkeys(value)))
    merge_limits(row, wish.limits)
    if (
        row.context_length is not None
        and row.max_output_tokens is not None
        and row.max_output_tokens > row.context_length
    ):
        raise Invalid("max_output_tokens", "must not be larger than context_length")


async def _require_priced(tx: ReadTx, row: ModelRow) -> None:
    if not row.free:
        prices.require_complete(row.kind, (await prices.current(tx, [row.name])).get(row.name))


async def _apply_routes(tx: WriteTx, row: ModelRow, wishes: Sequence[RouteWish]) -> None:
    """The list replaces what there is. Raises Invalid naming every route that is wrong."""
    names = {wish.upstream for wish in wishes}
    known = set(
        await tx.session.scalars(
            select(UpstreamRow.name).where(UpstreamRow.name.in_(names), UpstreamRow.deleted_at.is_(None))
        )
    )
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    rows: list[dict[str, str | int]] = []
    for n, wish in enumerate(wishes):
        upstream_model = row.name if wish.upstream_model is UNSET else wish.upstream_model
        if wish.upstream not in known:
            errors.append(FieldError(f"routes[{n}].upstream", f"there is no upstream {wish.upstream!r}"))
        elif (wish.upstream, upstream_model) in seen:
            errors.append(FieldError(f"routes[{n}]", "is there twice"))
        seen.add((wish.upstream, upstream_model))
        rows.append(
            {
                "model_name": row.name,
                "upstream_name": wish.upstream,
                "upstream_model": upstream_model,
                "priority": wish.priority,
                "weight": wish.weight,
                "position": n,
            }
        )
    if errors:
        raise Invalid(errors[0].field, errors[0].message, errors=errors)
    await tx.session.execute(delete_from(RouteRow).where(RouteRow.model_name == row.name))
    if rows:
        await tx.session.execute(insert(RouteRow), rows)
