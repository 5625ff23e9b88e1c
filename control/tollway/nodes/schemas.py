"""Bodies of the inner endpoints: msgpack maps, decoded strictly. The contract is in ARCHITECTURE.md."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from tollway.ids import to_bytes
from tollway.ledger import SettleRow

ROWS_MAX: Final = 1024
# Every account of a large installation may have a hold or a part to return.
PARTS_MAX: Final = 200_000

Number = Annotated[int, Meta(ge=0, le=2**62)]
Ulid = Annotated[bytes, Meta(min_length=16, max_length=16)]
NodeId = Annotated[str, Meta(pattern=r"^node_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
Address = Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,253}):[0-9]{1,5}$", max_length=260)]


class Hello(msgspec.Struct, frozen=True):
    """A node lives; `address` is its node API, `generation` the snapshot it has."""

    node: NodeId
    epoch: Number
    address: Address
    generation: Number
    version: Annotated[str, Meta(max_length=64)]


class HelloAnswer(msgspec.Struct, frozen=True):
    """The newest generation."""

    generation: int


class LeaseWish(msgspec.Struct, frozen=True):
    """A slice of a wallet is wanted; numbers beyond what a wallet can hold mean "all there is"."""

    node: NodeId
    epoch: Number
    seq: Number
    account: Ulid
    want: Annotated[int, Meta(ge=0)]


class Report(msgspec.Struct, frozen=True):
    """What a process has finished, holds and returns. `final`: it holds nothing any more."""

    node: NodeId
    epoch: Number
    settles: Annotated[tuple[SettleRow, ...], Meta(max_length=ROWS_MAX)] = ()
    held: Annotated[tuple[tuple[Ulid, Number], ...], Meta(max_length=PARTS_MAX)] = ()
    returned: Annotated[tuple[tuple[Number, Ulid, Number], ...], Meta(max_length=PARTS_MAX)] = ()
    final: bool = False


class ReportAnswer(msgspec.Struct, frozen=True):
    """`acked`: so many settles, from the first on, are kept. `recall`: accounts whose free part others need."""

    acked: int
    recall: tuple[bytes, ...] = ()


def raw_accounts(account_ids: list[str]) -> tuple[bytes, ...]:
    """Ids as they travel."""
    return tuple(to_bytes(account_id, "acc") for account_id in account_ids)
