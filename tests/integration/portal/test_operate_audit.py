"""The audit log and the nodes as operators read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.api.conftest import Api
from tests.integration.portal.operators import Browser
from tollway.db.tables import NodeRow, utc_now
from tollway.portal.operate.audit.differences import TEXT_CHARS_MAX, Line, lines

pytestmark = pytest.mark.integration


def test_differences_are_the_leaves_that_differ() -> None:
    before = {"name": "m", "limits": {"rpm": 1, "tpm": None}, "tags": ["a"], "version": 1, "free": False}
    after = {"name": "m", "limits": {"rpm": 2, "tpm": None}, "tags": ["a", "b"], "version": 2, "free": True}
    assert lines(before, after) == [
        Line("limits.rpm", "1", "2"),
        Line("tags", "a", "a, b"),
        Line("free", "false", "true"),
    ]


def test_a_new_thing_has_only_an_after_and_nothing_empty() -> None:
    assert lines(None, {"id": "x", "a": "", "b": [], "c": None, "d": 0}, known="x") == [Line("d", None, "0")]
    assert lines({"d": "was"}, None) == [Line("d", "was", None)]
    assert lines(None, None) == []


def test_lists_of_objects_are_readable_and_long_texts_are_cut() -> None:
    routes = [{"upstream": "a", "weight": 1}]
    assert lines({"routes": []}, {"routes": routes}) == [Line("routes", None, "upstream=a weight=1")]
    cut = lines(None, {"t": "x" * 1000})[0].after
    assert cut is not None
    assert len(cut) == TEXT_CHARS_MAX + 1


async def test_the_log_shows_who_changed_what_and_filters(api: Api) -> None:
    operator = await Browser.of(api)
    await api.upstream("up", credentials=[{"secret": "very-secret-" + "s" * 30}])
    await operator.send("/operate/upstreams/edit/up", {"base_url": "https://new.example/v1"})
    html = await operator.get("/operate/audit")
    assert "upstream.change" in html
    assert "<del>https://api.example.com/v1</del> → <ins>https://new.example/v1</ins>" in html
    assert "operator@example.com" in html
    assert "the operator's token" in html
    assert "very-secret" not in html
    assert 'href="/operate/upstreams/edit/up"' in html
    html = await operator.get("/operate/audit?q=upstream.create")
    assert "upstream.change" not in html
    html = await operator.get("/operate/audit?actor=operator@example.com")
    assert "upstream.change" in html
    assert "upstream.create" not in html
    html = await operator.get("/operate/audit?object=up&actor=")
    assert "upstream.create" in html
    assert "user.create" not in html
    assert "No change found" in await operator.get("/operate/audit?object=none")
    # Vietnamese has one form for every number; with English's rule this would be an English sentence.
    html = await operator.get("/operate/audit?q=upstream.create&lang=vi")
    assert "trường" in html
    assert "more field" not in html


async def test_nodes_say_which_run_and_which_are_behind(api: Api) -> None:
    operator = await Browser.of(api)
    assert "No gateway has said hello yet" in await operator.get("/operate/nodes")
    await api.upstream("raises-the-generation")
    now = utc_now()
    node = "node_" + "0" * 26
    async with api.db.write_tx() as tx:
        for epoch, state, seen in ((1, "closed", 0), (2, "up", 3600), (3, "up", 0)):
            tx.add(NodeRow(id=node, epoch=epoch, state=state, version="1", last_seen_at=now - timedelta(seconds=seen)))
    html = await operator.get("/operate/nodes")
    states = [word for word in ("Running", "Not heard of", "Closed") if f"</i>{word}</span>" in html]
    assert states == ["Running", "Not heard of", "Closed"]
    assert html.count(">behind<") == 1, "only a running one can be behind"
