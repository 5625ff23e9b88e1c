"""Settings: the one place that reads the environment. Raw text in, checked values out.

Order: defaults < `tollway.toml` < `TOLLWAY_*` environment < flags. A wrong value stops the start with a message that
names the setting and where it came from; nothing is silently replaced. Each setting carries its type, unit, default
and meaning, and `settings_table()` prints them, so the documentation cannot drift from the code.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from msgspec import Meta

from tollway import proxies
from tollway.errors import SettingsError

ENV_PREFIX = "TOLLWAY_"
TOKEN_CHARS_MIN = 32
# Read by other parts (tests, shell scripts) and by nothing here; named so that a typo in a real one can be refused.
_FOREIGN_ENV = {"TOLLWAY_TEST_DSN", "TOLLWAY_REQUIRE_SERVICES", "TOLLWAY_CONFIG"}

# The names under which people have these keys set already; the demo takes them up.
_PROVIDER_ENV = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")


def _m(doc: str, unit: str = "", *, ge: int | None = None, le: int | None = None) -> Meta:
    return Meta(description=doc, extra={"unit": unit}, ge=ge, le=le)


class CoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds and timeouts handed to the core as they are; one timeout per phase."""

    body_bytes_max: Annotated[int, _m("Largest request body.", "bytes", ge=1024)] = 20_971_520
    head_bytes_max: Annotated[int, _m("Largest request or response head.", "bytes", ge=1024)] = 16_384
    sse_line_bytes_max: Annotated[int, _m("Longest line of an event stream.", "bytes", ge=1024)] = 1_048_576
    held_answer_bytes_max: Annotated[
        int, _m("How much of an answer is held back to be read before it is passed on.", "bytes", ge=1024)
    ] = 262_144
    client_head_ms: Annotated[int, _m("A client's time to send its head.", "ms", ge=1)] = 10_000
    connect_ms: Annotated[int, _m("TCP connect to an upstream.", "ms", ge=1)] = 2_000
    tls_ms: Annotated[int, _m("TLS handshake with an upstream.", "ms", ge=1)] = 3_000
    first_byte_ms: Annotated[int, _m("An upstream's time to its first byte.", "ms", ge=1)] = 120_000
    idle_ms: Annotated[int, _m("Longest silence of an upstream within an answer.", "ms", ge=1)] = 60_000
    write_stall_ms: Annotated[int, _m("Longest time a client takes nothing.", "ms", ge=1)] = 60_000
    total_ms: Annotated[int, _m("A whole request.", "ms", ge=1)] = 600_000
    keepalive_ms: Annotated[int, _m("An idle client connection is kept open.", "ms", ge=1)] = 75_000
    heartbeat_ms: Annotated[int, _m("Comment line to a streaming client while the upstream is silent.", "ms", ge=1)] = (
        15_000
    )
    drain_ms: Annotated[int, _m("Running requests may end within, after SIGTERM.", "ms", ge=0)] = 120_000
    connections_max: Annotated[int, _m("Client connections at once.", "connections", ge=1)] = 16_000
    upstream_idle_max: Annotated[int, _m("Idle upstream connections kept.", "connections", ge=0)] = 1_024
    lease_retry_ms: Annotated[int, _m("Pause before a lease is asked for again.", "ms", ge=1)] = 250
    lease_wait_ms: Annotated[int, _m("A request waits for a lease at most.", "ms", ge=1)] = 2_000
    report_ms: Annotated[int, _m("Settlements are reported at least this often.", "ms", ge=1)] = 200
    report_rows_max: Annotated[int, _m("Settlements in one report.", "rows", ge=1, le=1024)] = 512
    ca_file: Annotated[
        str, _m("More trusted certificates for upstreams (PEM); empty: the built-in roots only.", "path")
    ] = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Checked settings of one process. Secrets never appear in `repr`."""

    data_dir: Annotated[str, _m("Folder of everything that is kept.", "path")] = ".data"
    host: Annotated[str, _m("Address of the public listener.")] = "127.0.0.1"
    port: Annotated[int, _m("Port of the public listener.", "", ge=0, le=65535)] = 8080
    control_host: Annotated[str, _m("Address of the control plane; loopback or a private network.")] = "127.0.0.1"
    control_port: Annotated[int, _m("Port of the control plane.", "", ge=0, le=65535)] = 8081
    node_port: Annotated[int, _m("Port of the node API on loopback; 0 takes a free one.", "", ge=0, le=65535)] = 9372
    threads: Annotated[int, _m("Threads of the core; 0: one per processor.", "threads", ge=0, le=1024)] = 0
    dsn: Annotated[
        str, _m("Database; empty: SQLite in the data folder. postgresql://user:password@host/name", "DSN")
    ] = ""
    admin_token: Annotated[
        str, _m("An operator's token for automation, at least 32 characters; empty: none.", "secret")
    ] = ""
    node_token: Annotated[
        str, _m("Secret between the halves, at least 32 characters; empty: kept in DATA/node.token.", "secret")
    ] = ""
    secret_key: Annotated[str, _m("Installation key, 64 hex digits; empty: kept in DATA/secret.key.", "secret")] = ""
    public_url: Annotated[str, _m("Address that people use; empty: derived from host and port.", "URL")] = ""
    test_hooks: Annotated[bool, _m("Switches for tests; never in production.")] = False
    expose_metrics: Annotated[bool, _m("Serve /metrics on the public listener too.")] = False
    trusted_proxies: Annotated[
        tuple[str, ...], _m("Proxies whose X-Forwarded-For, -Proto and -Host are believed.", "CIDR, comma-separated")
    ] = ()
    db_pool_max: Annotated[int, _m("Database connections per process.", "connections", ge=2, le=200)] = 10
    db_wait_ms: Annotated[int, _m("Longest wait for the database or its writer lock.", "ms", ge=1)] = 10_000
    push_ms: Annotated[int, _m("A snapshot push to one node may take.", "ms", ge=1)] = 10_000
    push_retry_ms: Annotated[int, _m("Pause before a node that is behind is pushed to again.", "ms", ge=1)] = 500
    node_seen_ms: Annotated[int, _m("A node unheard of for this long is no longer pushed to.", "ms", ge=1)] = 10_000
    openai_api_key: Annotated[str, _m("The demo offers OpenAI with it; read as OPENAI_API_KEY too.", "secret")] = ""
    anthropic_api_key: Annotated[
        str, _m("The demo offers Anthropic with it; read as ANTHROPIC_API_KEY too.", "secret")
    ] = ""
    gemini_api_key: Annotated[str, _m("The demo offers Gemini with it; read as GEMINI_API_KEY too.", "secret")] = ""
    core: CoreSettings = CoreSettings()

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()

    @property
    def database_dsn(self) -> str:
        """The DSN with the default filled in."""
        return self.dsn or f"sqlite:///{self.data_path / 'tollway.db'}"

    @property
    def base_url(self) -> str:
        """Where people reach the gateway, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104  (compared, not bound)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def thread_count(self) -> int:
        """Threads of the core with 0 resolved to the processors this process may use."""
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def core_settings(self) -> dict[str, int | str]:
        """The `settings` object of the core's configuration."""
        values: dict[str, int | str] = msgspec.structs.asdict(self.core)
        return values

    def __repr__(self) -> str:
        shown = (
            f"{f}={'***' if _is_secret(f) and getattr(self, f) else repr(getattr(self, f))}"
            for f in self.__struct_fields__
        )
        return f"Settings({', '.join(shown)})"


class SettingDoc(msgspec.Struct, frozen=True):
    """One row of the generated table."""

    name: str
    env: str
    type: str
    unit: str
    default: str
    doc: str


def load_settings(
    overrides: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None, config: Path | None = None
) -> Settings:
    """Read and check all settings.

    `overrides` are flags (None values mean "not given"). The file is `config`, else `TOLLWAY_CONFIG`, else
    `tollway.toml` in the working folder when it exists. Raises SettingsError naming the setting and its source.
    """
    env = os.environ if environ is None else environ
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    raw: dict[str, tuple[Any, str]] = {}
    for name, value in _read_file(env, config).items():
        raw[name] = (value, "tollway.toml")
    for name in _PROVIDER_ENV:
        if env.get(name):
            raw[name.lower()] = (env[name], f"the environment ({name})")
    for name, value in env.items():
        if name.startswith(ENV_PREFIX) and name not in _FOREIGN_ENV:
            field = name.removeprefix(ENV_PREFIX).lower()
            if field in _FIELDS:  # other TOLLWAY_ variables may belong to scripts around us
                raw[field] = (value, f"the environment ({name})")
    for name, value in given.items():
        raw[name] = (value, "a flag")
    return _check(raw)


def settings_table() -> list[SettingDoc]:
    """All settings, for the documentation and `tollway doctor`."""
    rows = []
    for name, (owner, kind, meta) in _FIELDS.items():
        default = getattr(owner(), name)
        shown = (
            ",".join(default)
            if isinstance(default, tuple)
            else str(default).lower()
            if isinstance(default, bool)
            else str(default)
        )
        unit = (meta.extra or {}).get("unit", "")
        type_name = "list" if kind not in (int, str, bool) else kind.__name__
        rows.append(SettingDoc(name, ENV_PREFIX + name.upper(), type_name, unit, shown, meta.description or ""))
    return rows


def _fields() -> dict[str, tuple[type[Any], Any, Meta]]:
    found: dict[str, tuple[type[Any], Any, Meta]] = {}
    for owner in (Settings, CoreSettings):
        for name, hint in get_type_hints(owner, include_extras=True).items():
            if name != "core" and not name.startswith("_"):
                kind, meta = get_args(hint)
                found[name] = (owner, kind, meta)
    return found


_FIELDS = _fields()


def _is_secret(name: str) -> bool:
    return name == "dsn" or (name in _FIELDS and (_FIELDS[name][2].extra or {}).get("unit") == "secret")


def _read_file(env: Mapping[str, str], config: Path | None) -> dict[str, Any]:
    path = config or (Path(env["TOLLWAY_CONFIG"]) if env.get("TOLLWAY_CONFIG") else None)
    if path is None:
        path = Path("tollway.toml")
        if not path.is_file():
            return {}
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: not valid TOML: {exc}") from exc
    unknown = sorted(set(table) - set(_FIELDS))
    if unknown:
        raise SettingsError(f"{path}: unknown setting {unknown[0]!r}")
    return table


def _check_ranges(ranges: tuple[str, ...], source: str) -> None:
    for text in ranges:
        try:
            proxies.network(text)
        except ValueError as exc:
            raise SettingsError(f"trusted_proxies: {text!r} is no address or CIDR range (from {source})") from exc


def _check(raw: Mapping[str, tuple[Any, str]]) -> Settings:
    own: dict[str, Any] = {}
    core: dict[str, Any] = {}
    for name, (value, source) in raw.items():
        if name not in _FIELDS:
            raise SettingsError(f"unknown setting {name!r} from {source}")
        owner, kind, meta = _FIELDS[name]
        if name == "trusted_proxies" and isinstance(value, str):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        if kind is str and isinstance(value, Path):
            value = str(value)
        try:
            checked = msgspec.convert(value, Annotated[kind, meta], strict=False)
        except msgspec.ValidationError as exc:
            raise SettingsError(f"{name}: {exc} (from {source})") from exc
        if name == "trusted_proxies":
            _check_ranges(checked, source)
        (core if owner is CoreSettings else own)[name] = checked
    for name in ("admin_token", "node_token"):
        if own.get(name) and len(own[name]) < TOKEN_CHARS_MIN:
            raise SettingsError(
                f"{name}: must have at least {TOKEN_CHARS_MIN} characters (from {raw[name][1]}); "
                "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
    return Settings(**own, core=CoreSettings(**core))
