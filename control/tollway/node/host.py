"""The gateway process: Robyn on the main thread, the core beside it.

Decides the order of a start, each step for a reason: open files first (the core sizes itself by them); identity, then
the core is built and given the snapshot from disk before it listens (a caller who arrives in a hand-over must not meet
an empty gateway); `core.start()` in Robyn's startup handler; only then Python's threads give way (threads inherit
niceness).

Robyn is used as a library only: never its command, one process, and it must not see our command line, environment or
port prompt. Its processes would each start a core on the same journal; so a changed pid means a fork and is refused.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from tollway import __version__, logs, proxies, sockets
from tollway.crypto import load_node_token, load_vault
from tollway.errors import SettingsError
from tollway.logs import event
from tollway.node import identity, process
from tollway.node.core import Core, CoreFactory, ensure_journal, load_core
from tollway.node.identity import Identity
from tollway.node.intake import Intake, restore
from tollway.node.life import Life, leave, leave_until_started
from tollway.node.sealed import SealedStore
from tollway.node.status import StatusBoard
from tollway.runfiles import PidFile, write_atomic
from tollway.settings import Settings

if TYPE_CHECKING:
    from robyn import Robyn

_NODE_HOST = "127.0.0.1"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Supervised:
    """What `tollway serve` hands its gateway child: its sockets, a pipe to say it is ready, and who to die with."""

    listen_fds: tuple[int, ...] = ()
    ready_fd: int | None = None
    parent: int | None = None


def run(settings: Settings, supervised: Supervised | None = None, core_factory: CoreFactory = load_core) -> NoReturn:
    """Runs the gateway until it is drained and ends the process: 0 drained, 1 failed. SettingsError before a start."""
    given = supervised or Supervised()
    logs.setup("gateway")
    leave_until_started()
    if given.parent is not None:
        process.die_with_parent(given.parent)
    open_files = process.raise_open_files()
    data = settings.data_path
    vault = load_vault(settings.secret_key, data)
    token = load_node_token(settings.node_token, data)
    node_port = _node_port(settings.node_port)
    listen_fds = given.listen_fds or _own_listeners(settings)
    who = identity.claim(data)
    core = core_factory(core_config(settings, who, vault.key_pepper, token, node_port, listen_fds))
    store = SealedStore(data / "node", vault)
    restore(core, store)
    board = StatusBoard(core.status)
    facts: dict[str, object] = {"node": who.node, "epoch": who.epoch, "node_api": f"{_NODE_HOST}:{node_port}"}
    announce = _announcer(settings, given.ready_fd, facts)
    life = Life(core, board, who.epoch, settings.core.drain_ms, announce)
    life.at_exit(lambda: PidFile(data, "gateway").remove(os.getpid()))
    event(_log, logging.INFO, "starting", open_files=open_files, threads=len(listen_fds), version=__version__, **facts)
    _serve(settings, token, who, core, store, board, life, node_port)


def core_config(
    settings: Settings, who: Identity, pepper: bytes, token: str, node_port: int, listen_fds: tuple[int, ...]
) -> bytes:
    """The core's configuration (ARCHITECTURE.md, "The core, from Python")."""
    return json.dumps(
        {
            "node": who.node,
            "epoch": who.epoch,
            "journal_dir": ensure_journal(who.journal_dir),
            "version": __version__,
            "listen_fds": list(listen_fds),
            "pepper": pepper.hex(),
            "node_api": f"{_NODE_HOST}:{node_port}",
            "node_token": token,
            "control": sockets.numeric_address(settings.control_host, settings.control_port),
            "test_hooks": settings.test_hooks,
            "expose_metrics": settings.expose_metrics,
            "trusted_proxies": [str(known) for known in proxies.networks(settings.trusted_proxies)],
            "settings": settings.core_settings,
        }
    ).encode()


def _serve(
    settings: Settings,
    token: str,
    who: Identity,
    core: Core,
    store: SealedStore,
    board: StatusBoard,
    life: Life,
    node_port: int,
) -> NoReturn:
    app = _robyn()
    # Imported after `_robyn` has cleared what Robyn reads at import.
    from tollway.node.api import NodeApi
    from tollway.node.metrics import Metrics

    api = NodeApi(settings, token, who.epoch, board, Metrics(board, who.node, who.epoch), life)
    api.register(app)
    pid = os.getpid()

    async def start_core() -> None:
        # An exception here would leave Robyn serving without a core, or a second core on one journal.
        try:
            if os.getpid() != pid:
                raise RuntimeError("the gateway must not be forked: one process has one core")
            life.watch(node_port)
            before = process.thread_ids()
            core.start()
            life.core_threads = process.thread_ids() - before
            process.lower_python_threads(life.core_threads)
            api.intake = Intake(core, store, board, life.check_ready)
            life.before_exit(api.intake.flush)
        except Exception:  # noqa: BLE001  # whatever failed, the process must end, and say so
            _log.exception("the core did not start")
            leave(1)

    app.startup_handler(start_core)
    app.start(host=_NODE_HOST, port=node_port, _check_port=False)
    # Robyn ends only when something else stopped its loop; the journal has what the successor must settle.
    event(_log, logging.ERROR, "the node API ended by itself, leaving")
    leave(1)


def _robyn() -> Robyn:
    """A Robyn that knows nothing of our command line or environment: it parses both when imported and when made."""
    for name in [name for name in os.environ if name.startswith("ROBYN_")]:
        del os.environ[name]
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        from robyn import Robyn
        from robyn.argument_parser import Config

        config = Config()
        config.disable_openapi = True  # the public document is the control plane's
        config.log_level = "WARN"
        if config.processes != 1 or config.workers != 1:
            raise SettingsError("the gateway runs as one Robyn process with one worker")
        return Robyn(__file__, config=config)
    finally:
        sys.argv = arguments


def _node_port(wanted: int) -> int:
    """The node API's port; Robyn would share a taken one silently, so that is refused here."""
    if wanted == 0:
        return sockets.free_port(_NODE_HOST)
    sockets.require_free(_NODE_HOST, wanted, "node_port (TOLLWAY_NODE_PORT)")
    return wanted


def _own_listeners(settings: Settings) -> tuple[int, ...]:
    """Listening sockets of a gateway without a supervisor. The core owns the descriptors from here on."""
    opened = sockets.open_listeners(settings.host, settings.port, settings.thread_count)
    return tuple(listener.detach() for listener in opened)


def _announcer(settings: Settings, ready_fd: int | None, facts: dict[str, object]) -> Callable[[], None]:
    def announce() -> None:
        write_atomic(settings.data_path / "run" / "node_api", f"{facts['node_api']}\n".encode(), mode=0o644)
        PidFile(settings.data_path, "gateway").write(os.getpid())
        event(_log, logging.INFO, "ready", **facts)
        if ready_fd is not None:
            try:
                os.write(ready_fd, json.dumps({**facts, "pid": os.getpid()}).encode() + b"\n")
                os.close(ready_fd)
            except OSError:
                event(_log, logging.WARNING, "the supervisor does not listen")  # it has its own deadline

    return announce
