"""The `tollway` command: wires settings and flags to the parts, which are imported only by the command that needs them.

Decides the exit codes (0 done, 1 a difference or failure found, 2 wrong use) and that a wrong setting is wrong use: one
line on standard error that names it, no traceback. Importing this module costs click and the settings, nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from tollway import __version__
from tollway.errors import Invalid, SettingsError, TollwayError
from tollway.settings import Settings, load_settings

DONE, FAILED, WRONG_USE = 0, 1, 2

_data = click.option("--data", "data_dir", metavar="DIR", help="Folder of everything that is kept. Default: .data")
_host = click.option("--host", metavar="ADDRESS", help="Public address to listen on; 0.0.0.0 or :: for all.")
_port = click.option("--port", type=click.IntRange(0, 65535), help="Public port; 0 takes a free one. Default: 8080")
_control_port = click.option("--control-port", type=click.IntRange(0, 65535), help="Port of the control plane.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
# What `tollway serve` tells its children; of no use to people.
_parent = click.option("--parent", type=int, hidden=True)
_ready_fd = click.option("--ready-fd", type=int, hidden=True)


def _example(*lines: str) -> str:
    """Epilog of a command's help: an example, its line breaks kept."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


class _WrongUse(click.ClickException):
    exit_code = WRONG_USE


class _Commands(click.Group):
    """Tells a wrong setting, or what a command was refused, in one line, whichever command met it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SettingsError, Invalid) as error:
            raise _WrongUse(str(error)) from error
        except TollwayError as error:
            raise click.ClickException(error.message) from error


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_example("tollway serve --demo")
)
@click.version_option(__version__, message="tollway %(version)s")
def main() -> None:
    """One base URL for every model, metered to the token."""


@main.command(epilog=_example("tollway serve --host 0.0.0.0 --port 8080 --data /var/lib/tollway"))
@_host
@_port
@_data
@click.option("--demo", is_flag=True, help="With the simulated provider and a demo key that holds play money.")
def serve(demo: bool, **flags: Any) -> None:
    """Gateway and control plane on one machine, SQLite in DIR; migrates by itself.

    SIGTERM or Ctrl-C drains and leaves, a second one leaves at once. SIGHUP puts a fresh gateway in the place of the
    running one, without a refused connection.
    """
    from tollway.serve.run import run

    sys.exit(run(_settings(flags), demo=demo, echo=click.echo))


@main.command(epilog=_example("tollway control --data /var/lib/tollway --control-port 8081"))
@_data
@_control_port
@_host
@_port
@click.option("--demo", is_flag=True, hidden=True)
@click.option("--simulator-port", type=int, hidden=True)
@_parent
@_ready_fd
def control(demo: bool, simulator_port: int | None, parent: int | None, ready_fd: int | None, **flags: Any) -> None:
    """The control plane alone: control API and portal, on a loopback or private address."""
    _die_with(parent)
    from tollway.serve.control import run

    run(_settings(flags), simulator_port=simulator_port if demo else None, ready_fd=ready_fd)


@main.command(epilog=_example("TOLLWAY_CONTROL_HOST=10.0.0.5 tollway gateway --host 0.0.0.0 --port 8080"))
@_host
@_port
@_data
@_control_port
@click.option("--node-port", type=click.IntRange(0, 65535), help="Port of the node API on loopback; 0: a free one.")
@click.option("--listen-fds", hidden=True)
@_parent
@_ready_fd
def gateway(listen_fds: str | None, parent: int | None, ready_fd: int | None, **flags: Any) -> None:
    """The data plane alone: relays requests to upstreams, within what the control plane last said."""
    from tollway.node.host import Supervised, run

    fds = tuple(int(fd) for fd in listen_fds.split(",")) if listen_fds else ()
    run(_settings(flags), Supervised(fds, ready_fd, parent))


@main.command(epilog=_example("tollway simulator --port 9373"))
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=9373, show_default=True, help="Port to listen on.")
@_parent
@_ready_fd
def simulator(host: str, port: int, parent: int | None, ready_fd: int | None) -> None:
    """The simulated provider: answers like an upstream, costs nothing."""
    _die_with(parent)
    from tollway import simulator as provider

    del ready_fd  # nobody waits for it: the gateway retries an upstream that is not there yet
    sys.exit(provider.run(host, port))


@main.command(epilog=_example("tollway migrate --data /var/lib/tollway"))
@_data
@click.option("--dsn", metavar="DSN", help="Database; default: SQLite in DIR.")
@_json
def migrate(as_json: bool, **flags: Any) -> None:
    """Bring the database to the current schema. Every start does so by itself; this is for doing it ahead."""
    import asyncio

    from tollway.cli.database import migrate_now

    found = asyncio.run(migrate_now(_settings(flags)))
    _show(found, as_json, lambda: [f"schema {found['before'] or 'none'} → {found['after']}"])


@main.command(epilog=_example("tollway status --url http://127.0.0.1:8080 --json"))
@click.option("--url", metavar="URL", help="Address of the gateway; default: from the settings.")
@_json
def status(url: str | None, as_json: bool) -> None:
    """How a running gateway and its models do. Exit code 1 when it is down or does not answer."""
    from tollway.cli.status import fetch, lines

    found = fetch((url or _settings({}).base_url).rstrip("/"))
    _show(found, as_json, lambda: lines(found))
    sys.exit(FAILED if found["status"] == "down" else DONE)


@main.command(epilog=_example("tollway doctor --data /var/lib/tollway"))
@_data
@_port
@_json
def doctor(as_json: bool, **flags: Any) -> None:
    """Look for what would keep Tollway from running well, and say how to mend it. Exit code 1 when there is such."""
    import asyncio

    from tollway.cli.doctor import examine, lines

    found = asyncio.run(examine(_settings(flags)))
    _show(found, as_json, lambda: lines(found))
    sys.exit(DONE if found["ok"] else FAILED)


@main.group(epilog=_example("tollway admin create-user --email ada@example.com --name Ada --role operator"))
def admin() -> None:
    """Bootstrap and recovery, straight on the database, while serving or stopped."""


_email = click.option("--email", required=True, metavar="ADDRESS", help="What the user signs in with.")
_password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@admin.command("create-user", epilog=_example("tollway admin create-user --email ada@example.com --name Ada"))
@_data
@_email
@click.option("--name", required=True, metavar="NAME", help="How the user is called.")
@click.option("--role", type=click.Choice(["user", "operator", "auditor"]), default="user", show_default=True)
@_password_stdin
@_json
def create_user(email: str, name: str, role: str, password_stdin: bool, as_json: bool, **flags: Any) -> None:
    """Make a user with a personal account. Asks for the password."""
    import asyncio

    from tollway.cli import people

    password = _password(from_stdin=password_stdin)
    made = asyncio.run(people.create_user(_settings(flags), email, name, role, password))
    _show(made, as_json, lambda: [f"{made['role']} {made['email']} made: {made['id']}, account {made['account_id']}"])


@admin.command("reset-password", epilog=_example("tollway admin reset-password --email ada@example.com"))
@_data
@_email
@_password_stdin
@_json
def reset_password(email: str, password_stdin: bool, as_json: bool, **flags: Any) -> None:
    """Give a user a new password and end the user's sessions. Asks for the password."""
    import asyncio

    from tollway.cli import people

    password = _password(from_stdin=password_stdin)
    found = asyncio.run(people.reset_password(_settings(flags), email, password))
    off = "" if found["enabled"] else "; this user is disabled and cannot sign in"
    _show(found, as_json, lambda: [f"password of {found['email']} set, sessions ended{off}"])


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _settings(flags: dict[str, Any]) -> Settings:
    return load_settings(flags)


def _die_with(parent: int | None) -> None:
    if parent is not None:
        from tollway.node.process import die_with_parent

        die_with_parent(parent)


def _show(found: dict[str, Any], as_json: bool, lines: Callable[[], list[str]]) -> None:
    click.echo(json.dumps(found) if as_json else "\n".join(lines()))
