"""`/playground`: who gets the page, with which models, and that its words come whole in the page's language."""

from __future__ import annotations

import html as markup
import json
import re
from pathlib import Path

import pytest

from tests.integration.api.conftest import Api
from tollway.portal.frame.translate import words
from tollway.portal.playground.words import play_words

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).parents[3] / "control" / "tollway" / "portal" / "assets" / "playground.js"


async def test_nobody_is_sent_to_sign_in_and_back(api: Api) -> None:
    answer = await api.call("GET", "/playground?model=m", status=303, operator=False)
    assert answer.headers["location"] == "/sign-in?next=%2Fplayground%3Fmodel%3Dm"


async def test_only_chat_models_of_the_account_are_offered(api: Api) -> None:
    await api.user()
    for name in ("a-chat", "b-chat", "hidden-chat"):
        await api.model(name)
    await api.model("e", kind="embedding", prices={"input": "1"})
    await api.call("PATCH", "/api/admin/groups/default", {"models": ["a-*", "b-*", "e"]}, status=200)
    headers = await api.sign_in()
    page = (await api.call("GET", "/playground?model=b-chat", status=200, operator=False, headers=headers)).text
    assert re.findall(r"<option([^>]*)>([^<]+)</option>", page) == [("", "a-chat"), (" selected", "b-chat")]
    other = (await api.call("GET", "/playground?model=e", status=200, operator=False, headers=headers)).text
    assert "The model e is not a chat model" in other
    assert "<option selected>a-chat</option>" in other
    hostile = "/playground?model=%3Cscript%3Ealert(1)%3C/script%3E"
    assert "<script>alert" not in (await api.call("GET", hostile, operator=False, headers=headers)).text


async def test_without_a_model_the_page_says_so(api: Api) -> None:
    await api.user()
    headers = await api.sign_in()
    page = (await api.call("GET", "/playground", status=200, operator=False, headers=headers)).text
    assert "No chat model yet" in page
    assert "playground.js" not in page


async def test_who_only_looks_cannot_spend(api: Api) -> None:
    await api.user("auditor@example.com", role="auditor")
    account = await api.account()
    await api.model("m")
    headers = await api.sign_in("auditor@example.com")
    path = f"/playground?account_id={account}"
    page = (await api.call("GET", path, status=200, operator=False, headers=headers)).text
    assert "only looks" in page
    assert "playground.js" not in page
    assert "data-call-account" not in page


async def test_no_secret_is_in_the_page(api: Api) -> None:
    user = await api.user()
    await api.model("m")
    await api.make("/api/admin/keys", {"account_id": user["account_id"], "name": "k"})
    headers = await api.sign_in()
    page = (await api.call("GET", "/playground", status=200, operator=False, headers=headers)).text
    assert "sk-tw-" not in page
    assert f'data-call-account="{user["account_id"]}"' in page


@pytest.mark.parametrize("language", ["en", "vi"])
async def test_the_script_finds_every_word_it_says(api: Api, language: str) -> None:
    await api.user()
    await api.model("m")
    headers = await api.sign_in()
    page = (await api.call("GET", f"/playground?lang={language}", status=200, operator=False, headers=headers)).text
    found = re.search(r"data-play='([^']*)'", page)
    assert found is not None
    given = json.loads(markup.unescape(found.group(1)))
    assert given == play_words(words(language))
    used = set(re.findall(r"\bwords\.(\w+)", SCRIPT.read_text("utf-8")))
    assert used
    assert used <= set(given)
