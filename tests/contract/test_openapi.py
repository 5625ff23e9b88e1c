"""The OpenAPI document is the API that is served: each route of the access table, and nothing else."""

from __future__ import annotations

from html import unescape

import httpx
import pytest
from litestar import Litestar

from tollway.control_app import create_app
from tollway.http.access import TABLE, Access
from tollway.settings import Settings

pytestmark = pytest.mark.contract

PAGES = {"/api/docs", "/api/openapi.json"}


# What these do is said by their path alone.
WITHOUT_BODY = ("/rotate", "/test", "/discover", "/session/key")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    """The composed app; what is asked here needs no database."""
    return create_app(Settings(data_dir=str(tmp_path_factory.mktemp("data"))))


async def fetch(app: Litestar, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver.local") as client:
        return await client.get(path)


async def test_the_document_names_every_route(app: Litestar) -> None:
    document = (await fetch(app, "/api/openapi.json")).json()
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    }
    served = {
        (method, path) for (method, path), access in TABLE.items() if path not in PAGES and access is not Access.NODE
    }
    assert described == served
    assert document["openapi"].startswith("3.1")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            if method in ("post", "patch") and not path.endswith(WITHOUT_BODY):
                assert "application/json" in operation["requestBody"]["content"], path


async def test_bodies_are_closed_and_described(app: Litestar) -> None:
    schemas = (await fetch(app, "/api/openapi.json")).json()["components"]["schemas"]
    for name in ("KeyCreate", "AdminKeyCreate", "ModelCreate", "UpstreamCreate", "GroupCreate", "CreditWish"):
        found = next(schema for title, schema in schemas.items() if title.endswith(name))
        assert found["properties"], name


async def test_the_pages_load_nothing_from_elsewhere(app: Litestar) -> None:
    for path in ("/api/docs",):
        answer = await fetch(app, path)
        text = unescape(answer.text)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in text
        assert "src=" not in text
        assert "https://" not in text
    docs = unescape((await fetch(app, "/api/docs")).text)
    for method, path in TABLE:
        assert path in PAGES or f"<td>{method}</td><td>{path}</td>" in docs or path.startswith("/internal/")
