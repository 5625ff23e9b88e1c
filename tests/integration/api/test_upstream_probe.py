"""Trying an upstream from the control plane: what is found, what is said when it fails, and where it may not reach."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from tests.integration.api.conftest import Api
from tollway.db.tables import AuditRow, utc_now
from tollway.upstreams import dial, probe

pytestmark = pytest.mark.integration

SECRET = "sk-provider-secret-0123456789"
HEAD_BYTES_MAX = 16_384


class Provider:
    """A provider on loopback: keeps what it was asked, answers what it was told to."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.status, self.body, self.headers = "200 OK", b'{"data":[]}', ""
        self.silent = self.blurts = False
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.blurts:
                writer.write(b"220 this is no web server\r\n")
                return
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self.silent:
                await reader.read()  # until the other side gives up
                return
            head = (
                f"HTTP/1.1 {self.status}\r\ncontent-length: {len(self.body)}\r\n{self.headers}connection: close\r\n\r\n"
            )
            writer.write(head.encode() + self.body)
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()

    def says(self, body: Any, status: str = "200 OK", headers: str = "") -> None:
        self.body = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self.status, self.headers = status, headers


@asynccontextmanager
async def listening(provider: Provider, tls: ssl.SSLContext | None = None) -> AsyncIterator[Provider]:
    server = await asyncio.start_server(provider, "127.0.0.1", 0, limit=HEAD_BYTES_MAX, ssl=tls)
    provider.port = server.sockets[0].getsockname()[1]
    async with server:
        yield provider


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with listening(Provider()) as found:
        yield found


async def upstream_at(api: Api, there: Provider, /, **more: Any) -> None:
    body = {
        "base_url": f"http://127.0.0.1:{there.port}/v1",
        "allow_private_address": True,
        "credentials": [{"secret": "sk-switched-off-000000", "enabled": False}, {"secret": SECRET}],
        "headers": {"x-team": "blue"},
    }
    await api.upstream("up", **(body | more))


async def tried(api: Api) -> dict[str, Any]:
    answer = await api.call("POST", "/api/admin/upstreams/up/test", status=200)
    found: dict[str, Any] = answer.json()
    assert set(found) == {"ok", "status", "latency_ms", "models", "error"}
    assert SECRET not in answer.text
    return found


async def test_a_good_upstream_is_asked_once_and_nothing_is_kept(api: Api, provider: Provider) -> None:
    await upstream_at(api, provider)
    provider.says({"object": "list", "data": [{"id": "a"}, {"id": "b/c"}, {"id": "a"}, {"id": 7}, {"id": "bad name"}]})
    before = await api.state()
    found = await tried(api)
    assert (found["ok"], found["status"], found["models"], found["error"]) == (True, 200, 2, None)
    assert 0 <= found["latency_ms"] < dial.TOTAL_MS
    (head,) = provider.heads
    lines = head.lower().split("\r\n")
    assert lines[0] == "get /v1/models http/1.1"
    assert f"authorization: bearer {SECRET}" in lines
    assert f"host: 127.0.0.1:{provider.port}" in lines
    assert "x-team: blue" in lines
    assert "accept-encoding: identity" in lines
    after = await api.state()
    assert (after[0], after[1] - before[1]) == (before[0], 1)
    answer = await api.call("POST", "/api/admin/upstreams/up/discover", status=200)
    assert answer.json() == {"models": ["a", "b/c"], "truncated": False}


async def test_the_secret_is_in_no_log_and_no_audit(
    api: Api, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await upstream_at(api, provider)
    provider.says(SECRET.encode(), "401 Unauthorized")
    await tried(api)
    answer = await api.call("POST", "/api/admin/upstreams/up/discover", status=502)
    assert answer.json()["code"] == "upstream_failed"
    assert SECRET not in answer.text
    async with api.db.read_tx() as tx:
        wanted = select(AuditRow).where(AuditRow.action.in_(("upstream.test", "upstream.discover")))
        rows = list(await tx.session.scalars(wanted.order_by(AuditRow.id)))
    assert [(row.object, row.after) for row in rows] == [
        ("up", {"ok": False, "status": 401, "error": "unauthorized"}),
        ("up", {"models": 0, "error": "unauthorized"}),
    ]
    logged = [record.getMessage() for record in caplog.records if record.name.split(".")[0] in ("tollway", "httpx")]
    assert not any(SECRET in line for line in logged)


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        ("401 Unauthorized", "", b"{}", "unauthorized"),
        ("403 Forbidden", "", b"{}", "unauthorized"),
        ("404 Not Found", "", b"{}", "not_found"),
        ("307 Temporary Redirect", "location: http://127.0.0.1:1/v1/models\r\n", b"", "redirected"),
        ("500 Internal Server Error", "", b"secret trace", "upstream_status"),
        ("200 OK", "", b"<html>", "not_a_model_list"),
        ("200 OK", "", b"\xff\xfe", "not_a_model_list"),
        ("200 OK", "", b'{"data":{"id":"a"}}', "not_a_model_list"),
        ("200 OK", "", b"[" * 100_000, "not_a_model_list"),
        ("200 OK", "", b" " * (dial.BODY_BYTES_MAX + 1), "too_large"),
        ("200 OK\r\ncontent-length: 3", "", b"[]", "broken_answer"),
    ],
)
async def test_each_failure_has_its_code(
    api: Api, provider: Provider, status: str, headers: str, body: bytes, code: str
) -> None:
    await upstream_at(api, provider)
    provider.says(body, status, headers)
    found = await tried(api)
    assert (found["ok"], found["models"], found["error"]["code"]) == (False, None, code)
    assert "secret trace" not in found["error"]["message"]
    assert len(provider.heads) == 1


async def test_an_upstream_that_takes_no_connection_or_says_nothing(
    api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        await upstream_at(api, provider, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        found = await tried(api)
    assert (found["status"], found["latency_ms"], found["error"]["code"]) == (None, None, "connect_failed")
    await api.call("PATCH", "/api/admin/upstreams/up", {"base_url": f"http://127.0.0.1:{provider.port}"}, status=200)
    provider.silent = True
    monkeypatch.setattr(dial, "TOTAL_MS", 300)
    assert (await tried(api))["error"]["code"] == "timeout"
    monkeypatch.undo()
    provider.blurts = True
    assert (await tried(api))["error"]["code"] == "broken_answer"
    await api.call("PATCH", "/api/admin/upstreams/up", {"base_url": f"https://127.0.0.1:{provider.port}"}, status=200)
    assert (await tried(api))["error"]["code"] == "tls_failed"


async def test_a_private_address_is_refused_under_whatever_name(api: Api, provider: Provider) -> None:
    await upstream_at(api, provider, allow_private_address=False)
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "2130706433"):
        body = {"base_url": f"http://{host}:{provider.port}/v1"}
        await api.call("PATCH", "/api/admin/upstreams/up", body, status=200)
        assert (await tried(api))["error"]["code"] == "private_address", host
    assert provider.heads == []


def resolving(monkeypatch: pytest.MonkeyPatch, name: str, *answers: list[str]) -> list[str]:
    """Makes the resolver say `answers` for `name`, one after another. Returns the list of its look-ups."""
    asked: list[str] = []
    real: Callable[..., Any] = socket.getaddrinfo

    def look(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host != name:
            return real(host, port, *args, **more)
        asked.append(name)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return asked


async def test_a_name_that_changes_its_mind_is_looked_up_once(
    api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer passes the check; a second one, which would be another address, is never asked for."""
    monkeypatch.setattr(dial, "is_private", lambda address: address != "127.0.0.1")
    asked = resolving(monkeypatch, "models.example.test", ["10.0.0.1", "127.0.0.1"], ["10.0.0.1"])
    base_url = f"http://models.example.test:{provider.port}/v1"
    await upstream_at(api, provider, base_url=base_url, allow_private_address=False)
    assert (await tried(api))["ok"]
    assert asked == ["models.example.test"]
    assert f"host: models.example.test:{provider.port}" in provider.heads[0].lower()


async def test_a_name_nobody_knows(api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(*_args: Any, **_more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    await upstream_at(api, provider, base_url="http://nobody.example.test/v1")
    monkeypatch.setattr(socket, "getaddrinfo", look)
    assert (await tried(api))["error"]["code"] == "unresolved"


@pytest.mark.parametrize(
    ("kind", "header", "body", "models"),
    [
        ("anthropic", f"x-api-key: {SECRET}", {"data": [{"id": "claude"}]}, ["claude"]),
        ("gemini", f"x-goog-api-key: {SECRET}", {"models": [{"name": "models/gemini"}]}, ["gemini"]),
        ("openai", f"authorization: bearer {SECRET}", [{"id": "bare"}], ["bare"]),
    ],
)
async def test_each_provider_is_asked_in_its_own_way(
    api: Api, provider: Provider, kind: str, header: str, body: Any, models: list[str]
) -> None:
    await upstream_at(api, provider, provider=kind)
    provider.says(body)
    answer = await api.call("POST", "/api/admin/upstreams/up/discover", status=200)
    assert answer.json()["models"] == models
    assert header in provider.heads[0].lower().split("\r\n")


async def test_without_a_credential_none_is_sent_and_a_long_list_is_cut(
    api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "MODELS_MAX", 3)
    await upstream_at(api, provider, credentials=[])
    provider.says({"data": [{"id": f"m{n}"} for n in range(5)]})
    answer = await api.call("POST", "/api/admin/upstreams/up/discover", status=200)
    assert answer.json() == {"models": ["m0", "m1", "m2"], "truncated": True}
    assert "authorization" not in provider.heads[0].lower()


async def test_only_so_many_at_once(api: Api, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    await upstream_at(api, provider)
    monkeypatch.setattr(probe, "_running", probe.AT_ONCE_MAX)
    answer = await api.call("POST", "/api/admin/upstreams/up/test", status=429)
    assert int(answer.headers["retry-after"]) > 0
    assert provider.heads == []
    await api.call("POST", "/api/admin/upstreams/none/test", status=404)


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS with a certificate for `name`, and the file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = utc_now()
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "cert.pem", folder / "key.pem"
    trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted


async def test_tls_is_checked_for_the_name_though_the_address_is_dialled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted = certificate(tmp_path, "models.example.test")
    for name in ("models.example.test", "other.example.test"):
        resolving(monkeypatch, name, ["127.0.0.1"])
    trusting = dial.Limits(connect_ms=2_000, private_allowed=True, total_ms=5_000, ca_file=str(trusted))
    stranger = dial.Limits(connect_ms=2_000, private_allowed=True, total_ms=5_000)
    async with listening(Provider(), tls) as provider:
        answer = await dial.get(f"https://models.example.test:{provider.port}/v1/models", {}, trusting)
        assert answer.status == 200
        for name, limits in (("other.example.test", trusting), ("models.example.test", stranger)):
            with pytest.raises(dial.DialFailure) as failed:
                await dial.get(f"https://{name}:{provider.port}/v1/models", {}, limits)
            assert failed.value.code == "tls_failed"
        assert len(provider.heads) == 1


def test_private_addresses_are_known_in_every_spelling() -> None:
    """The same lists as core_rs/relay/src/resolve.rs has in its own test."""
    private = (
        "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 198.18.0.1 ::1 fe80::1 fd00::1 "
        "::ffff:10.0.0.1 64:ff9b::a00:1 224.0.0.1 255.255.255.255 :: ff02::1 2001:db8::1 192.0.2.1"
    )
    public = "1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1111 64:ff9b::101:101"
    assert [address for address in private.split() if not dial.is_private(address)] == []
    assert [address for address in public.split() if dial.is_private(address)] == []
