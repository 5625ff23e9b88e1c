"""Composes the control plane: features, errors, the guard, and the life of database and publisher.

The app answers from the first moment. While the database cannot be reached it says so (503 `unavailable`) and goes on
trying; once the schema is current, it serves and the publisher pushes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.routes import HTTPRoute

from tollway.accounts import routes as accounts
from tollway.audit import routes as audit
from tollway.codes import routes as codes
from tollway.codes.guesses import Guesses
from tollway.control_app import documents, nodes, told
from tollway.crypto import load_node_token, load_vault
from tollway.db.engine import Database
from tollway.db.migrate import migrate
from tollway.groups import routes as groups
from tollway.http import access, changes, context, idempotency, lists, period
from tollway.http.callers import Caller
from tollway.http.context import Context
from tollway.http.problems import problem_handlers
from tollway.http.request import BODY_BYTES_MAX, StrictRequest
from tollway.keys import routes as keys
from tollway.logs import event
from tollway.models import routes as models
from tollway.nodes import routes as node_desk
from tollway.nodes.routes import NodeDesk
from tollway.portal import pages as portal
from tollway.portal.frame.errors import error_page
from tollway.portal.frame.viewer import Viewer, provide_viewer
from tollway.preferences import routes as preferences
from tollway.session_keys import routes as session_keys
from tollway.session_keys.brake import Mints
from tollway.settings import Settings
from tollway.snapshot import Publisher
from tollway.status import routes as status
from tollway.status.history import Histories
from tollway.status.sampling import Sampler
from tollway.upstreams import routes as upstreams
from tollway.usage import routes as usage
from tollway.users import own_routes as own
from tollway.users import routes as users
from tollway.users import setup_routes as setup
from tollway.users import sign_up_routes as sign_up
from tollway.users.attempts import Attempts
from tollway.wallets import routes as wallets

# The first try is waited for, so that a healthy start answers its first request with more than 503.
FIRST_TRY_S: Final = 5.0
RETRY_S: Final = 1.0

_log = logging.getLogger("tollway.control")

FEATURES: Final[tuple[Router, ...]] = (
    setup.router,
    users.router,
    users.admin_router,
    own.router,
    sign_up.router,
    sign_up.admin_router,
    session_keys.router,
    preferences.router,
    accounts.router,
    keys.member_router,
    keys.admin_router,
    groups.router,
    models.member_router,
    models.admin_router,
    upstreams.router,
    wallets.member_router,
    wallets.credits_router,
    wallets.ledger_router,
    codes.member_router,
    codes.admin_router,
    usage.member_router,
    usage.admin_router,
    usage.file_router,
    nodes.router,
    node_desk.router,
    status.router,
    audit.router,
)


def create_app(settings: Settings) -> Litestar:
    """The whole control plane. Raises SettingsError for what no retry would mend (data folder, DSN, secret files)."""
    ctx = Context(
        settings,
        Database(settings.database_dsn, pool_max=settings.db_pool_max, wait_ms=settings.db_wait_ms),
        load_vault(settings.secret_key, settings.data_path),
    )
    app = Litestar(
        route_handlers=[*FEATURES, *portal.ROUTERS, documents.docs, documents.openapi_json],
        lifespan=[life],
        state=State(
            {
                "context": ctx,
                "attempts": Attempts(),
                "guesses": Guesses(),
                "mints": Mints(),
                "histories": Histories(),
                "access": {**access.TABLE, **portal.ACCESS},
                "error_page": error_page,
            }
        ),
        before_send=[told.wait_until_told],
        guards=[access.guard],
        request_class=StrictRequest,
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers=problem_handlers(),
        dependencies={
            "ctx": Provide(context.provide_context),
            "caller": Provide(access.provide_caller),
            "page": Provide(lists.provide_list_query),
            "period": Provide(period.provide_period),
            "expected": Provide(changes.provide_if_match),
            "idempotency_key": Provide(idempotency.provide_idempotency_key),
            "attempts": Provide(_attempts),
            "guesses": Provide(_guesses),
            "mints": Provide(_mints),
            "histories": Provide(_histories),
            "viewer": Provide(provide_viewer),
        },
        signature_types=[Context, Caller, lists.ListQuery, period.Period, Attempts, Guesses, Histories, Mints, Viewer],
        openapi_config=documents.openapi_config(),
        logging_config=None,
    )
    access.check_table(app.state.access, _routes(app), documents.UNUSED_PREFIX)
    return app


async def _attempts(request: StrictRequest) -> Attempts:
    attempts: Attempts = request.app.state.attempts
    return attempts


async def _guesses(request: StrictRequest) -> Guesses:
    guesses: Guesses = request.app.state.guesses
    return guesses


async def _mints(request: StrictRequest) -> Mints:
    mints: Mints = request.app.state.mints
    return mints


async def _histories(request: StrictRequest) -> Histories:
    histories: Histories = request.app.state.histories
    return histories


def _routes(app: Litestar) -> list[tuple[str, str]]:
    return [
        (method, route.path_format)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    ]


@asynccontextmanager
async def life(app: Litestar) -> AsyncIterator[None]:
    """From the first try for the database to its last connection closed."""
    ctx: Context = app.state.context
    tried = asyncio.Event()
    running = asyncio.create_task(_run(app, ctx, tried), name="control")
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(tried.wait(), FIRST_TRY_S)
        yield
    finally:
        ctx.ready = False
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await ctx.db.close()


async def _run(app: Litestar, ctx: Context, tried: asyncio.Event) -> None:
    """Migrate, however long the database takes to appear; then let requests in, and publish until cancelled."""
    settings = ctx.settings
    while True:
        try:
            await migrate(ctx.db.engine)
            break
        except Exception as exc:  # noqa: BLE001  (whatever it is, the answer stays 503 and the next try comes)
            event(_log, logging.WARNING, "database not ready", error=type(exc).__name__, detail=str(exc)[:300])
            tried.set()
            await asyncio.sleep(RETRY_S)
    token = load_node_token(settings.node_token, settings.data_path)
    publisher = Publisher(
        ctx.db,
        ctx.vault,
        token,
        push_ms=settings.push_ms,
        retry_ms=settings.push_retry_ms,
        node_seen_ms=settings.node_seen_ms,
    )
    async with publisher, Sampler(ctx.db, node_seen_ms=settings.node_seen_ms):
        app.state.node_desk = NodeDesk(ctx.db, publisher, token)
        ctx.ready = True
        tried.set()
        await asyncio.Event().wait()
