"""The official npm SDK on the real product: tests/e2e/js/sdk.mjs drives it, here stand the models and the verdict.

Decides that each of its checks is a result of its own: one that is missing from the output has failed.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import missing, need
from tests.support.stack import Stack, environment

pytestmark = pytest.mark.e2e

_FOLDER = Path(__file__).parent / "js"
_SCRIPT = _FOLDER / "sdk.mjs"
_WITHIN_S = 90
# The names are read from the script itself, so that a check cannot be added there and forgotten here.
_CHECKS = re.findall(r'^  (?:async )?"([^"]+)"(?:\(\)|:)', _SCRIPT.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def verdicts(stack: Stack) -> dict[str, Any]:
    node = need("node")
    if not (_FOLDER / "node_modules" / "openai").is_dir():
        missing("the openai npm SDK is not installed (make test does it: npm ci in tests/e2e/js)")
    api, url = stack.api, f"{stack.simulator.url}/v1"
    api.upstream("js-asleep", url, enabled=False)
    api.upstream("js-slow", url, timeouts={"first_byte_ms": 200})
    models = {
        "unprocessable": api.model("js-unprocessable", "script:status=422"),
        "broken": api.model("js-broken", "script:status=500"),
        "asleep": api.model("js-asleep", "x", upstream="js-asleep"),
        "slow": api.model("js-slow", "script:stall=connect", upstream="js-slow"),
        "breaking": api.model("js-breaking", "script:chunks=8,cut=700"),
        "hanging": api.model("js-hanging", "script:stall=head"),
    }
    tenant = api.tenant()
    case = {
        "baseURL": f"{stack.url}/v1",
        "key": tenant.key,
        "poorKey": api.tenant(None).key,
        "rateKey": api.key(tenant.account, limits={"rpm": 1})[1],
        "narrowKey": api.key(tenant.account, endpoints=["embeddings"])[1],
        "models": models,
    }
    done = subprocess.run(
        [str(node), str(_SCRIPT)],
        env=environment(TOLLWAY_CASE=json.dumps(case)),
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}


def test_the_script_has_checks() -> None:
    assert len(_CHECKS) >= 19


@pytest.mark.parametrize("check", _CHECKS)
def test_npm_sdk(verdicts: dict[str, Any], check: str) -> None:
    assert check in verdicts
    assert verdicts[check]["ok"], verdicts[check]["why"]
