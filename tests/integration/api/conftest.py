"""The whole control app on a real database, in this process: what each test of the API stands on.

The app is composed once, because that takes a fifth of a second; each test gives it a fresh database and life.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from sqlalchemy import func, select

from tollway.codes.guesses import Guesses
from tollway.control_app import create_app
from tollway.control_app.app import life
from tollway.crypto import load_vault
from tollway.db import Database
from tollway.db.tables import AuditRow, RevisionRow
from tollway.http.context import Context
from tollway.session_keys.brake import Mints
from tollway.settings import Settings
from tollway.status.history import Histories
from tollway.users import passwords
from tollway.users.attempts import Attempts

OPERATOR_TOKEN = "operator-token-for-tests-" + "0" * 16
PASSWORD = "correct horse battery"


class Api:
    """A client of the control API, as an operator unless it says otherwise."""

    def __init__(self, client: httpx.AsyncClient, ctx: Context) -> None:
        self.client = client
        self.ctx = ctx
        self.db: Database = ctx.db

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, operator: bool = True, **more: Any
    ) -> httpx.Response:
        """One request. `status` is asserted when given, with the answer's text in the message."""
        headers: dict[str, str] = more.pop("headers", {})
        if operator:
            headers = {"authorization": f"Bearer {OPERATOR_TOKEN}"} | headers
        if body is not None:
            more["json"] = body
        answer = await self.client.request(method, path, headers=headers, **more)
        if status is not None:
            assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    async def get(self, path: str, **more: Any) -> Any:
        """The JSON of a 200."""
        return (await self.call("GET", path, status=200, **more)).json()

    async def make(self, path: str, body: Any, **more: Any) -> Any:
        """The JSON of a 201."""
        return (await self.call("POST", path, body, status=201, **more)).json()

    async def account(self, **body: Any) -> str:
        """A fresh team account's id."""
        return str((await self.make("/api/admin/accounts", {"name": "Team"} | body))["id"])

    async def upstream(self, name: str = "up", **body: Any) -> Any:
        """A fresh upstream."""
        return await self.make("/api/admin/upstreams", {"name": name, "base_url": "https://api.example.com/v1"} | body)

    async def model(self, name: str = "m", **body: Any) -> Any:
        """A fresh model with prices."""
        return await self.make("/api/admin/models", {"name": name, "prices": {"input": "1", "output": "2"}} | body)

    async def user(self, email: str = "ada@example.com", **body: Any) -> Any:
        """A fresh user who can sign in with PASSWORD."""
        return await self.make("/api/admin/users", {"email": email, "name": "Ada", "password": PASSWORD} | body)

    async def sign_in(self, email: str = "ada@example.com", password: str = PASSWORD) -> dict[str, str]:
        """Headers of a signed-in browser of this host."""
        self.client.cookies.clear()
        answer = await self.call(
            "POST", "/api/session", {"email": email, "password": password}, operator=False, status=204
        )
        name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
        self.client.cookies.clear()
        return {"cookie": f"{name}={value}", "origin": "http://testserver.local"}

    async def state(self) -> tuple[int, int]:
        """Generation and number of audit rows: whether anything was changed."""
        async with self.db.read_tx() as tx:
            generation = await tx.session.scalar(select(RevisionRow.generation))
            rows = await tx.session.scalar(select(func.count()).select_from(AuditRow))
        return int(generation or 0), int(rows or 0)


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id all the same, at a cost that a suite can pay; tests/unit has the real one."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    """The composed app, without a life yet."""
    return create_app(Settings(data_dir=str(tmp_path_factory.mktemp("compose"))))


@pytest.fixture
def settings(dsn: str, tmp_path: Path) -> Settings:
    """Settings of one test: its own database, its own data folder."""
    return Settings(
        data_dir=str(tmp_path / "data"), dsn=dsn, admin_token=OPERATOR_TOKEN, public_url="http://testserver.local"
    )


@pytest.fixture
async def api(app: Litestar, settings: Settings) -> AsyncIterator[Api]:
    """The app, alive on a fresh database, and a client."""
    ctx = Context(
        settings,
        Database(settings.database_dsn, wait_ms=5_000),
        load_vault(settings.secret_key, settings.data_path),
    )
    app.state.context, app.state.attempts, app.state.guesses = ctx, Attempts(), Guesses()
    app.state.histories, app.state.mints = Histories(), Mints()
    # httpx's own transport rather than Litestar's client, which runs the app in a thread with a loop of its own.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with life(app), httpx.AsyncClient(transport=transport, base_url="http://testserver.local") as client:
        yield Api(client, ctx)
