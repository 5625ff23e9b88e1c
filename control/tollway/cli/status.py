"""`tollway status`: asks a running gateway, prints what a person wants to know first."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tollway.errors import SettingsError

WAIT_MS = 3_000
ANSWER_BYTES_MAX = 4 * 1024 * 1024


def fetch(url: str) -> dict[str, Any]:
    """The body of `/api/status`; `{"status": "down", "reason"}` when nobody answers as a gateway does."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f'"{url}" is not an address: write it like http://127.0.0.1:8080')
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=WAIT_MS / 1000)
    try:
        connection.request("GET", "/api/status")
        answer = connection.getresponse()
        found = json.loads(answer.read(ANSWER_BYTES_MAX))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"status": "down", "url": url, "reason": f"no gateway answers: {str(error) or type(error).__name__}"}
    finally:
        connection.close()
    if answer.status != http.client.OK or not isinstance(found, dict) or "status" not in found:
        return {"status": "down", "url": url, "reason": f"answered {answer.status}, not as a gateway does"}
    return found


def lines(found: dict[str, Any]) -> list[str]:
    if "reason" in found:
        return [f"down   {found['url']}: {found['reason']}"]
    head = f"{found['status']}   {found['base_url']}   version {found['version']}, up for {found['uptime_seconds']} s"
    state = f"snapshot {found['generation']}, {found['snapshot_age_seconds'] or 0} s old"
    shown = [head, state + (", draining" if found.get("draining") else "")]
    for model in found["models"]:
        rate, ttft = model["success_rate"], model["ttft_ms_p50"]
        facts = "no traffic" if rate is None else f"{rate:.1%} served"
        shown.append(
            f"  {model['state']:<9}{model['name']}: {facts}" + ("" if ttft is None else f", first token {ttft:.0f} ms")
        )
    return shown
