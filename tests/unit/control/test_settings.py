"""Settings: order of sources, checks, and the table that documents them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tollway.errors import SettingsError
from tollway.settings import CoreSettings, Settings, load_settings, settings_table

pytestmark = pytest.mark.unit
TOKEN = "t" * 32


def test_defaults_stand_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ={})
    assert (settings.port, settings.control_port, settings.node_port) == (8080, 8081, 9372)
    assert settings.core_settings["body_bytes_max"] == 20_971_520
    assert settings.database_dsn == f"sqlite:///{tmp_path}/.data/tollway.db"
    assert settings.base_url == "http://127.0.0.1:8080"
    assert settings.thread_count >= 1


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "tollway.toml"
    file.write_text("port = 1\ncontrol_port = 2\nnode_port = 3\nidle_ms = 4\n")
    env = {"TOLLWAY_CONTROL_PORT": "20", "TOLLWAY_NODE_PORT": "30", "TOLLWAY_CONFIG": str(file)}
    settings = load_settings({"node_port": 300, "host": None}, environ=env)
    assert (settings.port, settings.control_port, settings.node_port) == (1, 20, 300)
    assert (settings.core.idle_ms, settings.host) == (4, "127.0.0.1")


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TOLLWAY_PORT": "http"}, r"port.*TOLLWAY_PORT"),
        ({"TOLLWAY_PORT": "65536"}, "port"),
        ({"TOLLWAY_TEST_HOOKS": "perhaps"}, "test_hooks"),
        ({"TOLLWAY_ADMIN_TOKEN": "short"}, "admin_token: must have at least 32"),
        ({"TOLLWAY_NODE_TOKEN": "short"}, "node_token: must have at least 32"),
        ({"TOLLWAY_IDLE_MS": "0"}, "idle_ms"),
    ],
)
def test_a_wrong_value_names_its_setting_and_source(environ: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(environ=environ)


@pytest.mark.parametrize("text", ["prot = 1", "port = [", "[core]\nx = 1"])
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"t\.toml"):
        load_settings(environ={}, config=file)


def test_an_unknown_flag_is_a_defect_that_is_named() -> None:
    with pytest.raises(SettingsError, match="prot"):
        load_settings({"prot": 1}, environ={})


def test_lists_and_switches_are_read_from_text() -> None:
    settings = load_settings(environ={"TOLLWAY_TRUSTED_PROXIES": "10.0.0.0/8, ::1", "TOLLWAY_TEST_HOOKS": "1"})
    assert (settings.trusted_proxies, settings.test_hooks) == (("10.0.0.0/8", "::1"), True)


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(SettingsError, match=r"trusted_proxies: 'proxy\.local'.*TOLLWAY_TRUSTED_PROXIES"):
        load_settings(environ={"TOLLWAY_TRUSTED_PROXIES": "10.0.0.0/8,proxy.local"})


def test_a_proxys_range_within_an_interface_is_refused() -> None:
    with pytest.raises(SettingsError, match="trusted_proxies: 'fe80::1%eth0'"):
        load_settings(environ={"TOLLWAY_TRUSTED_PROXIES": "fe80::1%eth0"})


def test_secrets_do_not_print() -> None:
    settings = load_settings(
        {"admin_token": TOKEN, "dsn": "postgresql://u:pw@h/d", "secret_key": "ab" * 32}, environ={}
    )
    assert TOKEN not in repr(settings)
    assert "pw@" not in repr(settings)
    assert "abab" not in repr(settings)


def test_the_table_names_every_setting_once() -> None:
    rows = settings_table()
    fields = [*Settings.__struct_fields__[:-1], *CoreSettings.__struct_fields__]
    assert [row.name for row in rows] == fields
    assert all(row.doc and row.type for row in rows)
    assert all(row.unit == "ms" for row in rows if row.name.endswith("_ms"))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),
        ({"host": "::1"}, "http://[::1]:8080"),
        ({"public_url": "https://gw.example/"}, "https://gw.example"),
    ],
)
def test_the_base_url_is_what_people_can_use(given: dict[str, object], url: str) -> None:
    assert load_settings(given, environ={}).base_url == url
