"""Rules of codes: each is paid in once, in the transaction that marks it as redeemed, or revoked before that."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import insert, select, update

from tollway.audit import trail
from tollway.codes import text
from tollway.codes.guesses import Guesses
from tollway.codes.schemas import CodesView, CodesWish, CodeView, RedeemedView, State
from tollway.crypto import Vault
from tollway.db.engine import Database, ReadTx, WriteTx
from tollway.db.tables import RedemptionCodeRow, table
from tollway.errors import Conflict, Invalid, NotFound
from tollway.http.balance import balance
from tollway.http.callers import Caller
from tollway.http.lists import ListQuery, Page, after, like, to_page
from tollway.ids import new_id
from tollway.ledger import deposit
from tollway.money import format_usd, parse_usd

_OPEN: Final = (RedemptionCodeRow.redeemed_at.is_(None), RedemptionCodeRow.revoked_at.is_(None))


async def make(tx: WriteTx, vault: Vault, caller: Caller, wish: CodesWish) -> CodesView:
    """Make codes. Their text is in the answer and is not kept. Raises Invalid."""
    amount_nano = parse_usd(wish.amount)
    if amount_nano == 0:
        raise Invalid("amount", "must not be zero")
    codes = [text.generate() for _ in range(wish.count)]
    ids = [new_id("code") for _ in codes]
    rows = [
        {
            "id": code_id,
            "digest": digest(vault, code),
            "hint": text.hint(code),
            "amount_nano": amount_nano,
            "note": wish.note,
            "created_by": caller.id,
            "created_at": tx.now,
        }
        for code_id, code in zip(ids, codes, strict=True)
    ]
    await tx.session.execute(insert(table(RedemptionCodeRow)), rows)
    amount = format_usd(amount_nano)
    made = {"amount": amount, "count": wish.count, "note": wish.note, "ids": ids}
    await trail.record(tx, caller, "code.create", ids[0], after=made)
    return CodesView(codes, ids, amount, wish.note)


async def list_page(tx: ReadTx, page: ListQuery, state: State | None = None) -> Page[CodeView]:
    """One page, newest first; `q` in hint, note and the account that redeemed it."""
    wanted = select(RedemptionCodeRow)
    if state == "open":
        wanted = wanted.where(*_OPEN)
    elif state is not None:
        ended = RedemptionCodeRow.redeemed_at if state == "redeemed" else RedemptionCodeRow.revoked_at
        wanted = wanted.where(ended.is_not(None))
    if page.q:
        columns = (RedemptionCodeRow.hint, RedemptionCodeRow.note, RedemptionCodeRow.redeemed_account_id)
        wanted = wanted.where(like(columns, page.q))
    rows = (await tx.session.scalars(after(wanted, page, (RedemptionCodeRow.id,), (str,), newest_first=True))).all()
    return to_page(rows, page, CodeView.of, lambda row: (row.id,))


async def one(tx: ReadTx, code_id: str) -> CodeView:
    """Raises NotFound."""
    row = await tx.session.get(RedemptionCodeRow, code_id)
    if row is None:
        raise NotFound("there is no such code")
    return CodeView.of(row)


async def revoke(tx: WriteTx, caller: Caller, code_id: str) -> None:
    """Make an unused code worthless; harmless when it is. Raises NotFound, Conflict `code_used`."""
    ended = await tx.session.scalar(
        update(RedemptionCodeRow)
        .where(RedemptionCodeRow.id == code_id, *_OPEN)
        .values(revoked_at=tx.now, revoked_by=caller.id)
        .returning(RedemptionCodeRow.id)
        .execution_options(synchronize_session=False)
    )
    row = await tx.session.get(RedemptionCodeRow, code_id)
    if row is None:
        raise NotFound("there is no such code")
    if row.redeemed_at is not None:
        raise Conflict(f"this code was redeemed on {_shown(row.redeemed_at)}; it cannot be revoked", code="code_used")
    if ended is not None:
        await trail.record(tx, caller, "code.revoke", code_id, after=trail.body_of(CodeView.of(row)))


async def redeem(db: Database, vault: Vault, guesses: Guesses, caller: Caller, typed: str) -> RedeemedView:
    """Pay a code into the caller's account. Raises RateLimited, NotFound for an unknown code, Conflict `code_used` for
    one that was redeemed, Conflict for one that was revoked; nothing moved then.
    """
    guesses.require_room(caller)
    async with db.read_tx() as read:
        wanted = select(RedemptionCodeRow.id).where(RedemptionCodeRow.digest == digest(vault, typed))
        code_id = await read.session.scalar(wanted)
    if code_id is None:
        guesses.count(caller)
        raise NotFound("there is no such code; compare it with what you were given")
    async with db.write_tx() as tx:
        # Two at once: the second waits here for the row, and then sees that it is taken.
        row = await tx.session.get_one(RedemptionCodeRow, code_id, with_for_update=True)
        _require_open(row, caller)
        row.redeemed_by, row.redeemed_account_id, row.redeemed_at = caller.id, caller.account, tx.now
        await tx.flush()
        # The transaction's id follows from the code's: a second deposit for one code would meet its unique key.
        transfer_id = row.id.replace("code_", "txn_", 1)
        reason = f"redemption code {row.hint}"
        moved = await deposit(
            tx, caller.account, row.amount_nano, transfer_id=transfer_id, reason=reason, created_by=caller.id
        )
        if not moved:
            raise AssertionError(f"{row.id} was paid in before and was not marked")
        tx.touch("account", caller.account)  # a gateway that found this wallet empty asks again at once
        view = RedeemedView(transfer_id, format_usd(row.amount_nano), await balance(tx, caller.account))
        await trail.record(tx, caller, "code.redeem", row.id, after=trail.body_of(CodeView.of(row)))
    return view


def digest(vault: Vault, typed: str) -> bytes:
    """What the table knows of a code."""
    return vault.digest(text.DIGEST_LABEL, text.normalised(typed))


def _require_open(row: RedemptionCodeRow, caller: Caller) -> None:
    if row.revoked_at is not None:
        raise Conflict("this code was revoked by an operator; ask for another one")
    if row.redeemed_at is None:
        return
    if row.redeemed_by == caller.id:
        who = "by you" if row.redeemed_account_id == caller.account else "by you, for another account"
    else:
        who = "by somebody else in this account" if row.redeemed_account_id == caller.account else "by somebody else"
    raise Conflict(f"this code was redeemed on {_shown(row.redeemed_at)}, {who}; a code works once", code="code_used")


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d at %H:%M} UTC"
