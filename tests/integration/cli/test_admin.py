"""`tollway admin`: makes users and gives new passwords, straight on the database."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from tollway.cli import main
from tollway.db import Database
from tollway.db.tables import AuditRow, SessionRow, UserRow, utc_now
from tollway.users.passwords import verify_password

pytestmark = pytest.mark.integration

FIRST, SECOND = "correct horse battery", "a better battery"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in [name for name in os.environ if name.startswith("TOLLWAY_")]:  # the caller's own
        monkeypatch.delenv(name)

    def command(*arguments: str, typed: str) -> Result:
        data = ["--data", str(tmp_path / "data")]
        return CliRunner().invoke(main, ["admin", arguments[0], *data, *arguments[1:]], input=typed)

    return command


def on_database(tmp_path: Path, work: Any) -> Any:
    async def whole() -> Any:
        database = Database(f"sqlite:///{tmp_path / 'data' / 'tollway.db'}")
        try:
            async with database.write_tx() as tx:
                return await work(tx)
        finally:
            await database.close()

    return asyncio.run(whole())


def test_a_user_is_made_and_gets_a_new_password(run: Any, tmp_path: Path) -> None:
    who = ("--email", "Ada@Example.com")
    made = run("create-user", *who, "--name", "Ada", "--role", "operator", "--json", typed=f"{FIRST}\n{FIRST}\n")
    assert made.exit_code == 0, made.output
    shown = json.loads(made.stdout)
    assert (shown["email"], shown["role"]) == ("ada@example.com", "operator")
    assert FIRST not in made.output

    async def sign_in(tx: Any) -> None:
        tx.add(SessionRow(id=b"x", user_id=shown["id"], expires_at=utc_now()))

    on_database(tmp_path, sign_in)
    again = run("reset-password", *who, "--password-stdin", typed=f"{SECOND}\n")
    assert again.exit_code == 0, again.output
    assert "password of ada@example.com set" in again.output

    async def look(tx: Any) -> Any:
        user = (await tx.session.scalars(select(UserRow))).one()
        sessions = (await tx.session.scalars(select(SessionRow))).all()
        trail = (await tx.session.execute(select(AuditRow.actor, AuditRow.action).order_by(AuditRow.id))).all()
        return user.password_hash, len(sessions), [tuple(row) for row in trail]

    stored, sessions, trail = on_database(tmp_path, look)
    assert asyncio.run(verify_password(stored, SECOND))
    assert not asyncio.run(verify_password(stored, FIRST))
    assert sessions == 0
    assert trail == [("command-line", "user.create"), ("command-line", "user.password")]


def test_what_is_wrong_is_said_in_one_line(run: Any) -> None:
    who = ("--email", "ada@example.com", "--name", "Ada", "--password-stdin")
    assert run("create-user", *who, typed=f"{FIRST}\n").exit_code == 0
    for arguments, typed, code, said in (
        (("create-user", *who), FIRST, 1, "exists already"),
        (("create-user", "--email", "nonsense", *who[2:]), FIRST, 2, "email"),
        (("create-user", *who), "short", 2, "password"),
        (("reset-password", "--email", "bob@example.com", "--password-stdin"), FIRST, 1, "no user"),
        (("reset-password", "--email", "ada@example.com", "--password-stdin"), "short", 2, "password"),
        (("reset-password", "--password-stdin"), FIRST, 2, "--email"),
    ):
        refused = run(*arguments, typed=typed + "\n")
        assert (refused.exit_code, "Traceback" in refused.output) == (code, False), refused.output
        assert said in refused.output
