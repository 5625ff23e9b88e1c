"""Deposits and withdrawals: money that enters or leaves the system through an operator."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, select, update

from tollway.db.engine import WriteTx
from tollway.db.tables import EntryRow, TransferRow, WalletRow
from tollway.db.upsert import upsert
from tollway.errors import Conflict, InsufficientBalance, NotFound
from tollway.ledger.posting import CASH_IN, Kind, Transfer, available, post

# All that was ever paid into one wallet; its parts sum up to this, so none of them leaves BIGINT.
DEPOSITED_NANO_MAX: Final = 2**63 - 1


async def open_wallet(tx: WriteTx, account_id: str) -> None:
    """Give an account its (empty) wallet; harmless when it has one."""
    await tx.flush()
    empty = {"available_nano": 0, "escrow_nano": 0, "spent_nano": 0, "deposited_nano": 0}
    await tx.session.execute(upsert(tx, WalletRow).values(account_id=account_id, **empty).on_conflict_do_nothing())


async def deposit(
    tx: WriteTx, account_id: str, amount_nano: int, *, transfer_id: str, reason: str = "", created_by: str = ""
) -> bool:
    """Add money to a wallet. False when this transfer was posted before (nothing moves twice).

    Raises Conflict when the id belongs to another movement or the wallet can hold no more, NotFound for an account
    without a wallet.
    """
    return await _move(tx, account_id, _positive(amount_nano), transfer_id, reason, created_by)


async def withdraw(
    tx: WriteTx, account_id: str, amount_nano: int, *, transfer_id: str, reason: str = "", created_by: str = ""
) -> bool:
    """Take money back from what lies in the wallet; what nodes have on lease must come back first (`ask_back`).

    Raises InsufficientBalance, and nothing moves, when there is less. Otherwise as `deposit`.
    """
    return await _move(tx, account_id, -_positive(amount_nano), transfer_id, reason, created_by)


async def _move(tx: WriteTx, account_id: str, nano: int, transfer_id: str, reason: str, created_by: str) -> bool:
    if await _posted_before(tx, account_id, nano, transfer_id):
        return False
    moved = await tx.session.scalar(
        update(WalletRow)
        .where(WalletRow.account_id == account_id, _has_room_for(nano))
        .values(available_nano=WalletRow.available_nano + nano, deposited_nano=WalletRow.deposited_nano + nano)
        .returning(WalletRow.account_id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        if await tx.session.scalar(select(WalletRow.account_id).where(WalletRow.account_id == account_id)) is None:
            raise NotFound("this account has no wallet")
        if nano > 0:
            raise Conflict("this wallet cannot hold so much; nothing was moved")
        raise InsufficientBalance("the wallet has less available than would be taken back; nothing was moved")
    legs = [(CASH_IN, -nano), (available(account_id), nano)]
    kind: Kind = "deposit" if nano > 0 else "withdrawal"
    await post(tx, [Transfer(transfer_id, kind, account_id, legs, reason=reason, created_by=created_by)])
    return True


def _has_room_for(nano: int) -> ColumnElement[bool]:
    return WalletRow.available_nano >= -nano if nano < 0 else WalletRow.deposited_nano <= DEPOSITED_NANO_MAX - nano


async def _posted_before(tx: WriteTx, account_id: str, nano: int, transfer_id: str) -> bool:
    found = await tx.session.scalar(select(TransferRow.id).where(TransferRow.id == transfer_id))
    if found is None:
        return False
    signed = await tx.session.scalar(
        select(EntryRow.amount_nano * EntryRow.side).where(
            EntryRow.transfer_id == transfer_id, EntryRow.account == available(account_id)
        )
    )
    if signed != nano:
        raise Conflict("this transfer id names another movement")
    return True


def _positive(nano: int) -> int:
    if nano <= 0:
        raise ValueError("an amount that moves is positive")
    return nano
