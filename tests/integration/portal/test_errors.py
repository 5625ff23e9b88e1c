"""The errors that the documentation explains are those that the core sends: code by code, read in the core's source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.conftest import Api
from tollway.portal.docs import errors
from tollway.portal.docs.refusals import REFUSALS, Refusal

pytestmark = pytest.mark.integration

CORE = Path(__file__).resolve().parents[3] / "core_rs"
TABLE = (CORE / "policy/src/refusal.rs").read_text("utf-8")
# Declared for limits that come with later work; as soon as the core makes one of them, the page must explain it.
NOT_SENT_YET = {"request_exceeds_limit", "key_budget_exceeded"}
RETRIED = {408, 429, 500, 502, 503, 504}


def _arms(function: str) -> Iterator[tuple[set[str], str]]:
    """The arms of a `match self` in refusal.rs: variants and what they give."""
    body = TABLE[TABLE.index(f"pub const fn {function}(self)") :]
    body = body[: body.index("\n    }\n")]
    for variants, value in re.findall(r"((?:\|?\s*Self::\w+\s*)+)=>\s*(\"\w+\"|\d+)", body):
        yield set(re.findall(r"Self::(\w+)", variants)), value.strip('"')


def _table(function: str) -> dict[str, str]:
    return {variant: value for variants, value in _arms(function) for variant in variants}


CODES, STATUSES = _table("as_str"), _table("status")


def _sources() -> str:
    """All that the core may say, without tests; Rust's line ends and escapes inside a text undone."""
    files = [
        path
        for part in ("policy", "wire", "relay")
        for path in sorted((CORE / part / "src").rglob("*.rs"))
        if "tests" not in path.parts and path.name not in ("tests.rs", "refusal.rs", "testing.rs", "fuzzing.rs")
    ]
    return "\n".join(path.read_text("utf-8") for path in files).replace('\\"', '"')


def test_the_test_reads_the_cores_table() -> None:
    assert len(CODES) == len(STATUSES) >= 30
    assert STATUSES["InvalidApiKey"] == "401"
    assert CODES["BadFraming"] == "invalid_request"


def test_every_code_that_the_core_sends_is_explained_and_no_other() -> None:
    told = [refusal.code for refusal in REFUSALS]
    assert len(told) == len(set(told))
    assert set(told) == set(CODES.values()) - NOT_SENT_YET


def test_what_is_left_out_is_really_not_sent() -> None:
    source = _sources()
    for variant, code in CODES.items():
        if code in NOT_SENT_YET:
            assert f"Code::{variant}" not in source, f"the core sends {code}: explain it"


def test_status_type_fault_and_retry_are_the_cores() -> None:
    statuses = {CODES[variant]: int(status) for variant, status in STATUSES.items()}
    assert {one.code: one.status for one in REFUSALS} == {
        code: status for code, status in statuses.items() if code not in NOT_SENT_YET
    }
    kinds = dict(re.findall(r'(\d{3}(?: \| \d{3})?) => "(\w+)"', TABLE))
    by_status = {int(status): kind for statuses, kind in kinds.items() for status in statuses.split(" | ")}
    named = {
        CODES[v]
        for v in re.findall(r"Self::(\w+)", re.findall(r'((?:Self::\w+ ?\|? ?)+)=> "upstream_error"', TABLE)[-1])
    }
    for one in REFUSALS:
        wanted = "upstream_error" if one.code in named else by_status.get(one.status, "invalid_request_error")
        assert one.kind == wanted, one.code
        assert one.retry == (one.status in RETRIED), one.code
    never = re.search(r"!matches!\(self.status\(\), ([\d |]+)\)", TABLE)
    assert never is not None
    assert {one.status for one in REFUSALS if not one.retry} <= {int(status) for status in never[1].split(" | ")}
    arms = re.search(r"fn fault.*?\{(.*?)\n    \}\n", TABLE, re.DOTALL)
    assert arms is not None
    for variants, fault in re.findall(r"((?:Self::\w+[\s|]*)+)=>\s*\{?\s*Fault::(\w+)", arms[1]):
        for variant in re.findall(r"Self::(\w+)", variants):
            assert errors.by_code(CODES[variant]).fault == fault.lower(), variant
    assert sum(one.fault != "client" for one in REFUSALS) == 7


@pytest.mark.parametrize("one", REFUSALS, ids=lambda one: str(one.code))
def test_the_sentence_is_the_cores_own(one: Refusal) -> None:
    assert one.text in _sources()
    assert set(re.findall(r"\{(\w*)\}", one.text)) == set(one.sample)
    body = json.loads(one.body)["error"]
    assert list(body)[:4] == ["message", "type", "param", "code"]
    assert "{" not in body["message"]


def test_every_code_stands_in_exactly_one_section() -> None:
    placed = [one.code for _, found in errors.sections() for one in found]
    assert sorted(placed) == sorted(one.code for one in REFUSALS)
    assert [row.label for row in errors.common()] == ["401", "402", "404", "429", "5xx"]


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_each_row_of_the_documentation_leads_to_what_is_sent(api: Api, language: str) -> None:
    page = (await api.call("GET", f"/docs?lang={language}", operator=False, status=200)).text
    table = page[page.index('id="errors"') : page.index('id="integrations"')]
    links = re.findall(r'href="/docs/errors#([\w-]+)"', table)
    assert links == [row.anchor for row in errors.common()]
    assert "invalid_api_key" in table
    there = (await api.call("GET", f"/docs/errors?lang={language}", operator=False, status=200)).text
    for anchor in links:
        assert f'id="{anchor}"' in there
    for one in REFUSALS:
        section = there[there.index(f'id="{one.code}"') :]
        section = section[: section.index("</article>")]
        assert f"HTTP/1.1 {one.status}" in section
        assert ("x-should-retry: false" in section) is not one.retry
    ids = re.findall(r'\bid="([^"]+)"', there)
    assert len(ids) == len(set(ids)), "an id is there twice"
