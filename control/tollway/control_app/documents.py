"""The API's own description: the OpenAPI document, and one plain page that lists the routes.

The usual viewers load scripts from other hosts; this page loads nothing.
"""

from __future__ import annotations

from html import escape
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from tollway import __version__
from tollway.http.access import TABLE
from tollway.http.pages import page

# Litestar insists on routes of its own for documents; they are under this prefix, not in the access table, so refused.
UNUSED_PREFIX: Final = "/api/-openapi"


def openapi_config() -> OpenAPIConfig:
    """Title, version, and the two ways to say who one is."""
    return OpenAPIConfig(
        title="Tollway control API",
        version=__version__,
        path=UNUSED_PREFIX,
        render_plugins=[],
        description="Who may call which model at which price. Errors are `application/problem+json` with a `code`.",
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", description="the operator's management token"),
                "session": SecurityScheme(type="apiKey", name="__Host-tollway", security_scheme_in="cookie"),
            }
        ),
        security=[{"token": []}, {"session": []}],
    )


def document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document, built once."""
    built: dict[str, Any] | None = app.state.get("openapi_document")
    if built is None:
        built = app.openapi_schema.to_schema()
        app.state["openapi_document"] = built
    return built


@get("/api/openapi.json", include_in_schema=False)
async def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The document as JSON."""
    return Response(msgspec.json.encode(document(request.app)), media_type="application/json")


@get("/api/docs", include_in_schema=False)
async def docs(request: Request[Any, Any, Any]) -> Response[str]:
    """Each route: method, path, who may call it, what it does."""
    rows: list[str] = []
    for path, methods in sorted(document(request.app)["paths"].items()):
        for method, operation in methods.items():
            access = TABLE.get((method.upper(), path))
            if isinstance(operation, dict) and access is not None:
                cells = (method.upper(), path, operation.get("summary", ""), access.value)
                rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
    head = "<tr><th>Method</th><th>Path</th><th>What</th><th>Who</th></tr>"
    intro = '<p>Bodies and answers in full: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI).</p>'
    return page("Tollway control API", f"{intro}\n<table>\n{head}\n{chr(10).join(rows)}\n</table>")
