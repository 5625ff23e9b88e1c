"""First revision: wallets, the double entry, leases, codes. Frozen: later changes are revisions of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tollway.db.migrations.initial.types import BIG_SERIAL


def create() -> None:
    """Create the tables with their indexes, referred-to tables first."""
    _lease_grants()
    _transfers()
    _entries()
    _redemption_codes()
    _wallets()
    _leases()


def _lease_grants() -> None:
    op.create_table(
        "lease_grants",
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("granted_nano", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("granted_nano >= 0", name=op.f("ck_lease_grants_granted")),
        sa.PrimaryKeyConstraint("node_id", "epoch", "seq", name=op.f("pk_lease_grants")),
    )


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('deposit', 'withdrawal', 'lease', 'settle', 'return', 'final')", name=op.f("ck_transfers_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
    )
    op.create_index("ix_transfers_account_id", "transfers", ["account_id", "created_at"], unique=False)
    op.create_index(op.f("ix_transfers_request_id"), "transfers", ["request_id"], unique=False)


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", BIG_SERIAL, nullable=False),
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("side", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_nano > 0", name=op.f("ck_entries_amount")),
        sa.CheckConstraint("side IN (-1, 1)", name=op.f("ck_entries_side")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_entries_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index("ix_entries_account", "entries", ["account", "id"], unique=False)
    op.create_index(op.f("ix_entries_transfer_id"), "entries", ["transfer_id"], unique=False)


def _redemption_codes() -> None:
    op.create_table(
        "redemption_codes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("redeemed_by", sa.Text(), nullable=True),
        sa.Column("redeemed_account_id", sa.Text(), nullable=True),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_nano > 0", name=op.f("ck_redemption_codes_amount")),
        sa.ForeignKeyConstraint(
            ["redeemed_account_id"], ["accounts.id"], name=op.f("fk_redemption_codes_redeemed_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption_codes")),
        sa.UniqueConstraint("digest", name=op.f("uq_redemption_codes_digest")),
    )


def _wallets() -> None:
    op.create_table(
        "wallets",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("available_nano", sa.BigInteger(), nullable=False),
        sa.Column("escrow_nano", sa.BigInteger(), nullable=False),
        sa.Column("spent_nano", sa.BigInteger(), nullable=False),
        sa.Column("deposited_nano", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "available_nano + escrow_nano + spent_nano = deposited_nano", name=op.f("ck_wallets_balanced")
        ),
        sa.CheckConstraint("available_nano >= 0", name=op.f("ck_wallets_available")),
        sa.CheckConstraint("escrow_nano >= 0", name=op.f("ck_wallets_escrow")),
        sa.CheckConstraint("spent_nano >= 0", name=op.f("ck_wallets_spent")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_wallets_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_wallets")),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("granted_nano", sa.BigInteger(), nullable=False),
        sa.Column("posted_nano", sa.BigInteger(), nullable=False),
        sa.Column("returned_nano", sa.BigInteger(), nullable=False),
        sa.Column("held_nano", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("recall", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'suspect', 'closed', 'forfeited')", name=op.f("ck_leases_state")),
        sa.CheckConstraint("granted_nano >= posted_nano + returned_nano", name=op.f("ck_leases_covered")),
        sa.CheckConstraint("held_nano >= 0", name=op.f("ck_leases_held")),
        sa.CheckConstraint("posted_nano >= 0", name=op.f("ck_leases_posted")),
        sa.CheckConstraint("returned_nano >= 0", name=op.f("ck_leases_returned")),
        sa.ForeignKeyConstraint(["account_id"], ["wallets.account_id"], name=op.f("fk_leases_account_id")),
        sa.PrimaryKeyConstraint("node_id", "epoch", "account_id", name=op.f("pk_leases")),
    )
    op.create_index("ix_leases_account_id", "leases", ["account_id", "state"], unique=False)
