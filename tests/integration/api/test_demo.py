"""The demo's seeding: the same after the first start and the tenth, and nothing that people changed is put back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from tests.integration.api.conftest import Api
from tollway.control_app.demo import seed_demo
from tollway.crypto import KeySecret
from tollway.db.tables import KeyRow

pytestmark = pytest.mark.integration


@dataclass
class Model:
    name: str
    prices: dict[str, str] | None = None


@dataclass
class Found:
    name: str = "ollama"
    base_url: str = "http://127.0.0.1:11434/v1"
    secret: str = ""
    models: list[Model] = field(default_factory=lambda: [Model("llama3.2:1b"), Model("no good name")])
    allow_private_address: bool = True


async def test_the_demo_is_seeded_once(api: Api) -> None:
    priced = Model("gpt", {"input": "1", "output": "2"})
    offers = [Found(), Found("openai", "https://api.openai.com/v1", "sk-secret-0123456789", [priced], False)]
    url = "http://127.0.0.1:9400/v1"
    secret = await seed_demo(api.db, api.ctx.settings, simulator_url=url, upstreams=offers)
    path = api.ctx.settings.data_path / "demo.key"
    assert path.read_text().strip() == secret
    assert path.stat().st_mode & 0o777 == 0o600
    models = {row["name"]: row for row in (await api.get("/api/admin/models"))["data"]}
    assert set(models) == {"sim-chat", "sim-embed", "sim-image", "llama3.2:1b", "gpt"}
    assert models["sim-image"]["kind"] == "image"
    comes_out = {name: row["output_modalities"] for name, row in models.items() if name.startswith("sim-")}
    assert comes_out == {"sim-chat": ["text"], "sim-embed": ["embedding"], "sim-image": ["image"]}
    assert all(row["input_modalities"] == ["text"] for row in models.values())
    assert (models["llama3.2:1b"]["free"], models["gpt"]["free"]) == (True, False)
    upstreams = {row["name"]: row for row in (await api.get("/api/admin/upstreams"))["data"]}
    assert upstreams["simulator"]["provider"] == "simulator"
    assert [upstreams[name]["allow_private_address"] for name in ("simulator", "ollama", "openai")] == [
        True,
        True,
        False,
    ]
    (account,) = (await api.get("/api/admin/accounts"))["data"]
    assert account["wallet"]["available"] == "10.00"
    async with api.db.read_tx() as tx:
        row = (await tx.session.scalars(select(KeyRow))).one()
    assert row.digest == KeySecret(secret).digest(api.ctx.vault.key_pepper)

    await api.call("PATCH", "/api/admin/models/sim-chat", {"enabled": False}, status=200)
    state = await api.state()
    assert await seed_demo(api.db, api.ctx.settings, simulator_url=url, upstreams=offers) == secret
    assert await api.state() == state
    assert (await api.get("/api/admin/models/sim-chat"))["enabled"] is False
    await seed_demo(api.db, api.ctx.settings, simulator_url="http://127.0.0.1:9500/v1", upstreams=offers)
    assert (await api.get("/api/admin/upstreams/simulator"))["base_url"] == "http://127.0.0.1:9500/v1"
    assert await api.state() == (state[0] + 1, state[1] + 1)


async def test_a_lost_key_file_makes_a_new_key_and_a_deleted_key_comes_back(api: Api) -> None:
    url = "http://127.0.0.1:9400/v1"
    first = await seed_demo(api.db, api.ctx.settings, simulator_url=url)
    (api.ctx.settings.data_path / "demo.key").unlink()
    second = await seed_demo(api.db, api.ctx.settings, simulator_url=url)
    assert second != first
    keys = (await api.get("/api/admin/keys"))["data"]
    assert [key["name"] for key in keys] == ["demo", "demo"]
    await api.call("DELETE", f"/api/admin/keys/{keys[0]['id']}", status=204)
    assert await seed_demo(api.db, api.ctx.settings, simulator_url=url) == second
    assert {key["status"] for key in (await api.get("/api/admin/keys"))["data"]} == {"active"}
