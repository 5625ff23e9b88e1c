"""The page's own client of the gateway (portal/assets/call.js), under node: keys, streams, every way to break off."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import need
from tollway.portal.frame import assets

pytestmark = pytest.mark.integration

WITHIN_S = 60
SOURCE = Path(assets.__file__).parents[1] / "assets" / "call.js"

EXPECTED: dict[str, dict[str, Any]] = {
    "a refused key is replaced once": {
        "text": "Héllo",
        "pieces": ["Hé", "llo"],
        "usage": {"prompt_tokens": 2, "completion_tokens": 3},
        "finishReason": "stop",
        "requestId": "req_1",
        "timed": True,
        "bearers": ["Bearer sk-1", "Bearer sk-2"],
        "mints": 2,
    },
    "a key is kept": {"text": "Héllo", "bearers": ["Bearer sk-2"], "mints": 0},
    "bytes": {"text": "đủ"},
    "an error event": {"error": "upstream_error", "message": "the model broke", "status": 200, "text": "half"},
    "a clean end too early": {"error": "cut", "text": "half"},
    "an abort": {"error": "cut", "text": "half"},
    "stopped": {"text": "half", "stopped": True},
    "a key that stays refused": {
        "error": "invalid_api_key",
        "status": 401,
        "bearers": ["Bearer sk-2", "Bearer sk-3"],
        "mints": 1,
    },
    "a rate limit": {"error": "rate_limit_exceeded", "status": 429, "retryAfterS": 7},
    "a whole answer": {"json": {"data": [1], "usage": {"prompt_tokens": 4}}, "usage": {"prompt_tokens": 4}},
    "two calls at once share one key": {"text": "Héllo,Héllo", "mints": 1},
    "a key near its end is not used again": {"text": "Héllo", "mints": 2},
    "signed out": {"error": "signed_out", "status": 401, "bearers": []},
    "nobody there": {"error": "unreachable"},
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each case came to. Node takes a module by its suffix."""
    copy = tmp_path_factory.mktemp("call") / "call.mjs"
    shutil.copy(SOURCE, copy)
    done = subprocess.run(
        [str(need("node")), str(Path(__file__).with_name("call.mjs")), str(copy)],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", EXPECTED)
def test_call(rows: dict[str, dict[str, Any]], name: str) -> None:
    wanted = EXPECTED[name]
    assert {key: rows[name].get(key) for key in wanted} == wanted, rows[name]
