"""A small catalogue in the database: one of everything a snapshot carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tollway.crypto import Vault, credential_place
from tollway.db import Database
from tollway.db.tables import AccountRow, CredentialRow, KeyRow, ModelRow, PriceRow, RouteRow, UpstreamRow
from tollway.ids import new_id
from tollway.ledger import open_wallet

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """Ids of what was made."""

    account: str
    key: str
    price: str
    credential: str
    generation: int


async def make_catalogue(db: Database, vault: Vault) -> Made:
    """Upstream `up`, model `m` with a route and a price, account, key."""
    account, key, price, credential = new_id("acc"), new_id("key"), new_id("price"), new_id("cred")
    async with db.write_tx() as tx:
        tx.add(
            UpstreamRow(
                name="up", base_url="http://127.0.0.1:9/v1", timeouts={"idle_ms": 7}, headers={"b": "2", "a": "1"}
            )
        )
        tx.add(ModelRow(name="m", owned_by="us", max_output_tokens=100, created_at=CREATED))
        tx.add(AccountRow(id=account, name="a", rpm=5, extra_groups=["default"]))
        await tx.flush()
        sealed = vault.seal(b"s3cret", credential_place("up", credential))
        tx.add(CredentialRow(id=credential, upstream_name="up", sealed=sealed, hint="h"))
        tx.add(RouteRow(model_name="m", upstream_name="up", upstream_model="real-m", priority=1, weight=3))
        tx.add(PriceRow(id=price, model_name="m", valid_from=CREATED, input_pico=150_000, output_pico=600_000))
        tx.add(KeyRow(id=key, account_id=account, name="k", digest=b"k" * 32, hint="h", endpoints=["chat", "images"]))
        await open_wallet(tx, account)
        for kind, ref in (("upstream", "up"), ("model", "m"), ("account", account), ("key", key)):
            tx.touch(kind, ref)  # type: ignore[arg-type]
    assert tx.generation is not None
    return Made(account, key, price, credential, tx.generation)
