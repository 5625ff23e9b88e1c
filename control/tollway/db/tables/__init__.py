"""Every table of the one schema. Table classes end in `Row`; "models" always means LLM models."""

from tollway.db.tables.base import Base, table, utc_now
from tollway.db.tables.catalogue import (
    PRICE_COLUMNS,
    CredentialRow,
    GroupRow,
    ModelRow,
    PriceRow,
    RouteRow,
    UpstreamRow,
)
from tollway.db.tables.keys import KeyBudgetRow, KeyRow
from tollway.db.tables.money import EntryRow, LeaseGrantRow, LeaseRow, RedemptionCodeRow, TransferRow, WalletRow
from tollway.db.tables.people import AccountRow, InviteRow, MembershipRow, SessionRow, SetupRow, TokenRow, UserRow
from tollway.db.tables.system import (
    AuditRow,
    ChangeRow,
    IdempotencyRow,
    NodeRow,
    RevisionRow,
    SettingRow,
    StatusHourRow,
)
from tollway.db.tables.usage import COUNT_COLUMNS, UNIT_COLUMNS, AttemptRow, RequestRow, UsageHourRow

__all__ = [
    "COUNT_COLUMNS",
    "PRICE_COLUMNS",
    "UNIT_COLUMNS",
    "AccountRow",
    "AttemptRow",
    "AuditRow",
    "Base",
    "ChangeRow",
    "CredentialRow",
    "EntryRow",
    "GroupRow",
    "IdempotencyRow",
    "InviteRow",
    "KeyBudgetRow",
    "KeyRow",
    "LeaseGrantRow",
    "LeaseRow",
    "MembershipRow",
    "ModelRow",
    "NodeRow",
    "PriceRow",
    "RedemptionCodeRow",
    "RequestRow",
    "RevisionRow",
    "RouteRow",
    "SessionRow",
    "SettingRow",
    "SetupRow",
    "StatusHourRow",
    "TokenRow",
    "TransferRow",
    "UpstreamRow",
    "UsageHourRow",
    "UserRow",
    "WalletRow",
    "table",
    "utc_now",
]
