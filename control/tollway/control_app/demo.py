"""The demo's catalogue: a simulated provider, three models at play prices, and a key with play money.

Run at each start with `--demo`, and the same whether it is the first or the tenth: what is there is left as people have
changed it, what is missing is made. The demo key's secret is kept in `DATA/demo.key` (mode 0600), because the curl that
the start prints must hold it each time; it is the one key whose secret is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
from msgspec import UNSET
from sqlalchemy import select

from tollway.accounts import service as accounts
from tollway.accounts.schemas import AccountCreate
from tollway.crypto import KeySecret, Vault, load_vault, read_or_make_secret
from tollway.db.engine import Database, WriteTx
from tollway.db.tables import AccountRow, KeyRow, ModelRow, UpstreamRow
from tollway.http.callers import Caller
from tollway.http.fields import ModelName
from tollway.keys import service as keys
from tollway.keys.schemas import KeyCreate
from tollway.models import service as models
from tollway.models.schemas import Kind, Modality, ModelCreate, PricesWish, RouteWish
from tollway.settings import Settings
from tollway.upstreams import service as upstream_rules
from tollway.upstreams.schemas import CredentialWish, Provider, UpstreamCreate, UpstreamPatch
from tollway.wallets import service as wallets
from tollway.wallets.schemas import CreditWish

ACCOUNT: Final = "Demo"
KEY: Final = "demo"
SIMULATOR: Final = "simulator"
PLAY_MONEY: Final = "10.00"
_CALLER: Final = Caller("demo", "operator")
_CHAT_PRICES: Final = {"input": "1.00", "output": "2.00"}
# name, kind, what comes out, prices: play prices, so that usage and wallet have something to show.
_SIMULATED: Final[tuple[tuple[str, Kind, Modality, dict[str, str]], ...]] = (
    ("sim-chat", "chat", "text", _CHAT_PRICES),
    ("sim-embed", "embedding", "embedding", {"input": "0.10"}),
    ("sim-image", "image", "image", {"image": "0.01"}),
)


class OfferedModel(Protocol):
    """A model of a real provider; without prices it is free."""

    @property
    def name(self) -> str: ...
    @property
    def prices(self) -> Mapping[str, str] | None: ...


class Offer(Protocol):
    """A real provider to offer as well, found by tollway.serve. An empty `secret` means it needs none (Ollama)."""

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def models(self) -> Sequence[OfferedModel]: ...
    @property
    def allow_private_address(self) -> bool: ...


async def seed_demo(db: Database, settings: Settings, *, simulator_url: str, upstreams: Sequence[Offer] = ()) -> str:
    """Make what is missing, in one transaction; returns the demo key's secret. The database must have been migrated."""
    vault = load_vault(settings.secret_key, settings.data_path)
    text = read_or_make_secret(settings.data_path / "demo.key", lambda: KeySecret.generate().reveal())
    secret = KeySecret(text.strip())
    async with db.write_tx() as tx:
        await _upstream(tx, vault, SIMULATOR, "simulator", simulator_url, "", allow_private_address=True)
        for name, kind, output, prices in _SIMULATED:
            await _model(tx, name, kind, output, prices, SIMULATOR)
        for offer in upstreams:
            private = offer.allow_private_address
            await _upstream(
                tx, vault, offer.name, "openai", offer.base_url, offer.secret, allow_private_address=private
            )
            for model in offer.models:
                await _model(tx, model.name, "chat", "text", model.prices, offer.name)
        account_id = await _account(tx)
        await _key(tx, vault, account_id, secret)
    return secret.reveal()


async def _upstream(
    tx: WriteTx, vault: Vault, name: str, provider: Provider, base_url: str, secret: str, *, allow_private_address: bool
) -> None:
    row = await tx.session.get(UpstreamRow, name)
    if row is None or row.deleted_at is not None:
        credentials = [CredentialWish(secret=secret)] if secret else UNSET
        wish = UpstreamCreate(
            name=name,
            provider=provider,
            base_url=base_url,
            allow_private_address=allow_private_address,
            credentials=credentials,
        )
        await upstream_rules.create(tx, _CALLER, vault, wish)
    elif row.base_url != base_url.rstrip("/"):
        # The simulator takes a free port at each start.
        await upstream_rules.change(tx, _CALLER, vault, name, UpstreamPatch(base_url=base_url), None)


async def _model(
    tx: WriteTx, name: str, kind: Kind, output: Modality, prices: Mapping[str, str] | None, upstream: str
) -> None:
    try:
        msgspec.convert(name, ModelName)
    except msgspec.ValidationError:
        return  # a local server may call its models what no path of ours can carry
    row = await tx.session.get(ModelRow, name)
    if row is None or row.deleted_at is not None:
        routes = [RouteWish(upstream)]
        wish = ModelCreate(name=name, kind=kind, output_modalities=[output], owned_by=upstream, routes=routes)
        wish.prices, wish.free = (msgspec.convert(prices, PricesWish), False) if prices else (None, True)
        await models.create(tx, _CALLER, wish)


async def _account(tx: WriteTx) -> str:
    wanted = select(AccountRow.id).where(AccountRow.name == ACCOUNT, AccountRow.deleted_at.is_(None))
    known = await tx.session.scalar(wanted.order_by(AccountRow.id).limit(1))
    if known is not None:
        return known
    account = await accounts.create(tx, _CALLER, AccountCreate(name=ACCOUNT))
    await wallets.credit(tx, _CALLER, account.id, CreditWish(PLAY_MONEY, "play money"))
    return account.id


async def _key(tx: WriteTx, vault: Vault, account_id: str, secret: KeySecret) -> None:
    digest = secret.digest(vault.key_pepper)
    known = await tx.session.scalar(select(KeyRow).where(KeyRow.digest == digest))
    if known is None:
        # The first start, or the file or the installation's key is another one than before.
        await keys.create(tx, _CALLER, vault.key_pepper, account_id, KeyCreate(name=KEY), secret)
    elif known.deleted_at is not None:
        # Somebody deleted the demo key and asks for the demo again.
        known.deleted_at, known.enabled = None, True
        tx.touch("key", known.id)
