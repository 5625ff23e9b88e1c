"""The command line: help with an example for each command, exit codes, JSON where it prints data, a quick start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.waiting import free_port
from tollway.cli import main

pytestmark = pytest.mark.unit
COMMANDS = ["serve", "control", "gateway", "simulator", "migrate", "status", "doctor", "admin"]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TOLLWAY_")]:  # the caller's own
        monkeypatch.delenv(name)
    return CliRunner()


def test_the_help_lists_the_commands(cli: CliRunner) -> None:
    shown = cli.invoke(main, ["--help"])
    assert shown.exit_code == 0
    assert set(main.commands) == set(COMMANDS)
    assert all(f"\n  {command} " in shown.output for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_an_example(cli: CliRunner, command: str) -> None:
    shown = cli.invoke(main, [command, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output
    assert f"tollway {command}" in shown.output.split("Example:")[1]
    assert "--ready-fd" not in shown.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["serve", "--port", "x"],
        ["serve", "--port", "70000"],
        ["doctor", "--nonsense"],
        ["status", "--url", "x"],
    ],
)
def test_wrong_use_is_2(cli: CliRunner, arguments: list[str]) -> None:
    assert cli.invoke(main, arguments).exit_code == 2


def test_a_wrong_setting_is_named_in_one_line(cli: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLWAY_PORT", "many")
    told = cli.invoke(main, ["doctor"])
    assert told.exit_code == 2
    assert "port" in told.output
    assert "TOLLWAY_PORT" in told.output
    assert "Traceback" not in told.output


def test_migrate_says_from_where_to_where(cli: CliRunner, tmp_path: Path) -> None:
    first = json.loads(cli.invoke(main, ["migrate", "--data", str(tmp_path / "d"), "--json"]).output)
    assert first["before"] is None
    again = json.loads(cli.invoke(main, ["migrate", "--data", str(tmp_path / "d"), "--json"]).output)
    assert again == {"before": first["after"], "after": first["after"]}
    assert cli.invoke(main, ["migrate", "--data", str(tmp_path / "d")]).output.startswith("schema ")


def test_status_of_nobody_is_1(cli: CliRunner) -> None:
    told = cli.invoke(main, ["status", "--url", f"http://127.0.0.1:{free_port()}", "--json"])
    assert told.exit_code == 1
    assert json.loads(told.output)["status"] == "down"


def test_doctor_finds_and_says_how_to_mend(cli: CliRunner, tmp_path: Path) -> None:
    data = tmp_path / "d"
    cli.invoke(main, ["migrate", "--data", str(data)])
    (data / "secret.key").write_text("x")
    (data / "secret.key").chmod(0o644)
    told = cli.invoke(main, ["doctor", "--data", str(data), "--port", str(free_port()), "--json"])
    found = json.loads(told.output)
    by_name = {check["name"]: check for check in found["checks"]}
    assert told.exit_code == 1
    assert found["ok"] is False
    assert {"versions", "port", "database", "open files", "clock"} <= set(by_name)
    assert by_name["data folder"]["mend"] == f"run: chmod 600 {data / 'secret.key'}"
    assert by_name["database"]["ok"] is True
    assert by_name["port"]["ok"] is True


def test_doctor_sees_a_taken_port_and_an_old_schema(cli: CliRunner, tmp_path: Path) -> None:
    import socket

    (tmp_path / "tollway.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        told = cli.invoke(main, ["doctor", "--data", str(tmp_path), "--port", str(port), "--json"])
    by_name = {check["name"]: check for check in json.loads(told.output)["checks"]}
    assert by_name["port"]["ok"] is False
    assert str(port) in by_name["port"]["detail"]
    assert by_name["database"]["ok"] is False
    assert "tollway migrate" in by_name["database"]["mend"]


def test_starting_loads_no_framework() -> None:
    heavy = "robyn litestar granian sqlalchemy alembic prometheus_client httpx asyncio cryptography"
    script = f"import sys, tollway.cli; print([m for m in {heavy.split()!r} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout.strip() == "[]"
