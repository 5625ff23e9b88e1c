"""`/models`: who sees which models at which price, filters that stay in the address, and a page per model."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.api.conftest import Api

pytestmark = pytest.mark.integration


async def page(api: Api, path: str, status: int = 200, **more: Any) -> str:
    """A page as nobody in particular, unless headers say otherwise."""
    answer = await api.call("GET", path, status=status, operator=False, **more)
    return answer.text


def shown(html: str) -> list[str]:
    """The model names of the list, in its order."""
    return re.findall(r'<a class="mono" href="/models/[^"]+">([^<]+)</a>', html)


async def test_a_stranger_sees_the_default_group_at_its_price(api: Api) -> None:
    await api.upstream()
    await api.model("open-chat")
    await api.model("secret-chat")
    await api.call("PATCH", "/api/admin/groups/default", {"models": ["open-*"], "price_multiplier": "1.5"}, status=200)
    html = await page(api, "/models")
    assert shown(html) == ["open-chat"]
    assert "$1.50" in html
    assert "$3.00" in html
    assert "secret-chat" not in html
    await page(api, "/models/secret-chat", 404)
    assert "1.5" in await page(api, "/models/open-chat")


async def test_a_member_sees_what_his_group_may_call(api: Api) -> None:
    await api.model("open-chat")
    await api.model("secret-chat", prices={"input": "4", "output": "8"})
    await api.call("PATCH", "/api/admin/groups/default", {"models": ["open-*"]}, status=200)
    await api.make("/api/admin/groups", {"name": "inner", "models": ["secret-*"], "price_multiplier": "0.5"})
    user = await api.user()
    await api.call("PATCH", f"/api/admin/accounts/{user['account_id']}", {"group": "inner"}, status=200)
    headers = await api.sign_in()
    html = await page(api, "/models", headers=headers)
    assert shown(html) == ["secret-chat"]
    assert "$2.00" in html
    assert "$4.00" in html
    await page(api, "/models/secret-chat", headers=headers)
    await page(api, "/models/open-chat", 404, headers=headers)


async def test_filters_and_pages(api: Api) -> None:
    for name in ("a-chat", "b-chat", "c-chat"):
        await api.model(name)
    await api.model("d-embed", kind="embedding", prices={"input": "0.1"})
    assert shown(await page(api, "/models?kind=embedding")) == ["d-embed"]
    assert shown(await page(api, "/models?q=B-")) == ["b-chat"]
    assert shown(await page(api, "/models?kind=nonsense")) == ["a-chat", "b-chat", "c-chat", "d-embed"]
    first = await page(api, "/models?limit=2&kind=chat")
    assert shown(first) == ["a-chat", "b-chat"]
    found = re.search(r'href="([^"]+)"[^>]*>Next page|rel="next" href="([^"]+)"', first)
    assert found is not None
    following = (found.group(1) or found.group(2)).replace("&amp;", "&")
    assert "kind=chat" in following
    assert shown(await page(api, following)) == ["c-chat"]
    assert "No model found" in await page(api, "/models?q=nothing-like-it")
    assert shown(await page(api, "/models?q=%25")) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "cursor=%F0%9F", "cursor=abc", "q=" + "x" * 300])
async def test_a_bad_address_is_the_callers_fault(api: Api, query: str) -> None:
    answer = await api.call("GET", f"/models?{query}", operator=False)
    assert 400 <= answer.status_code < 500
    assert '<html lang="en"' in answer.text


async def test_free_and_unit_prices_are_shown_as_such(api: Api) -> None:
    await api.model("gift", free=True, prices=None)
    await api.model("painter", kind="image", prices={"image": "0.040000001"}, output_modalities=["image"])
    html = await page(api, "/models")
    assert "Free" in html
    assert "$0.040000001" in html
    assert "per image" in html
    assert "cost nothing" in await page(api, "/models/gift")
    painter = await page(api, "/models/painter")
    assert "$0.040000001" in painter
    assert "Generated image" in painter
    assert "images/generations" in painter


async def test_a_price_that_stands_in_says_so(api: Api) -> None:
    await api.model("m", prices={"input": "1", "output": "2", "cache_read": "0.25"})
    html = await page(api, "/models/m")
    assert "$0.25" in html
    assert html.count("same as Input") == 2  # both cache writes; the read has a price of its own
    assert html.count("same as Output") == 1


async def test_a_name_with_slashes_has_its_page_and_its_snippet(api: Api) -> None:
    await api.model("meta-llama/Llama-3.1-8B:free", context_length=131072, max_output_tokens=4096, limits={"rpm": 60})
    html = await page(api, "/models")
    assert 'href="/models/meta-llama/Llama-3.1-8B%3Afree"' in html
    html = await page(api, "/models/meta-llama/Llama-3.1-8B%3Afree")
    assert "131,072 tokens" in html
    assert "60 requests per minute" in html
    assert "http://testserver.local/v1" in html
    assert '<span data-model="chat">meta-llama/Llama-3.1-8B:free</span>' in html
    assert "&lt;span" not in html
    assert "131.072 token" in await page(api, "/models/meta-llama/Llama-3.1-8B%3Afree?lang=vi")


async def test_no_state_is_invented(api: Api) -> None:
    await api.model("m")
    for path in ("/models", "/models/m"):
        html = await page(api, path)
        assert 'data-live-model="m"' in html
        state = re.search(r'data-live-model="m">(.*?)</span></span>', html, re.DOTALL)
        assert state is not None
        assert "Unknown" in state.group(1)


async def test_disabled_deleted_and_unknown_models_are_not_found(api: Api) -> None:
    await api.model("off", enabled=False)
    await api.model("gone")
    await api.call("DELETE", "/api/admin/models/gone", status=204)
    for name in ("off", "gone", "never", "%3Cscript%3E", "a%00b"):
        answer = await api.call("GET", f"/models/{name}", operator=False)
        assert answer.status_code in (400, 404), name
        assert "<script>" not in answer.text
    assert "No model yet" in await page(api, "/models")


async def test_what_operators_write_is_escaped(api: Api) -> None:
    await api.model("m", display_name="<b>bold</b>", description="<script>alert(1)</script>", owned_by="<i>")
    for path in ("/models", "/models/m"):
        html = await page(api, path)
        assert "<b>bold" not in html
        assert "<script>alert" not in html
        assert "<i>" not in html.replace("<i aria", "")
