"""The four calls that the page shows, in its order: endpoint, words, and the model of its own kind.

A block's tabs and code are made once per language of the page, with base URL and model still to be filled in: they are
most of the page and the same for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
from markupsafe import Markup

from tollway.portal.docs import snippets
from tollway.portal.docs.snippets import LANGUAGES
from tollway.portal.frame.render import environment
from tollway.portal.frame.translate import N_


class Block(msgspec.Struct, frozen=True):
    """One call. `id` is the section's anchor and the page's `data-block`. "Try it" sends `body`, which asks the same as
    the snippets do, and shows the answer in its `way`.
    """

    id: str
    title: str
    lead: str
    missing: str
    kind: str
    path: str
    way: str
    body: dict[str, Any]
    method: str = "POST"


class Shown(msgspec.Struct):
    """A block with its model and code; without a model there is no code."""

    block: Block
    model: str | None
    code: Markup


_SENTENCE: Final = "Say hello in one sentence."
_STORY: Final = "Tell me a short story about a river."
_NO_CHAT: Final = N_("No chat model is enabled here yet. As soon as one is, this block shows the call with it.")

BLOCKS: Final = (
    Block(
        "chat-completions",
        N_("Chat completions"),
        N_("Send messages, get the whole answer at once."),
        _NO_CHAT,
        "chat",
        "/chat/completions",
        "text",
        {"messages": [{"role": "user", "content": _SENTENCE}]},
    ),
    Block(
        "streaming",
        N_("Streaming responses"),
        N_("The same call with stream set to true: the answer comes token by token, as server-sent events."),
        _NO_CHAT,
        "chat",
        "/chat/completions",
        "text",
        {"messages": [{"role": "user", "content": _STORY}]},
    ),
    Block(
        "embeddings",
        N_("Embeddings"),
        N_("Turn text into a vector, for search, clustering and classification."),
        N_("No embedding model is enabled here yet. As soon as one is, this block shows the call with it."),
        "embedding",
        "/embeddings",
        "vector",
        {"input": "A river finds its way to the sea."},
    ),
    Block(
        "images",
        N_("Image generation"),
        N_("Describe a picture, get it as a file or as an address."),
        N_("No image model is enabled here yet. As soon as one is, this block shows the call with it."),
        "image",
        "/images/generations",
        "image",
        {"prompt": "A lighthouse above a calm sea at dusk", "n": 1},
    ),
)


def show(language: str, base_url: str, models: Mapping[str, str]) -> list[Shown]:
    """All blocks in the page's language, for one host and the models chosen."""
    return [_show(block, language, base_url, models.get(block.kind)) for block in BLOCKS]


def _show(block: Block, language: str, base_url: str, model: str | None) -> Shown:
    if model is None:
        return Shown(block, None, Markup())
    return Shown(block, model, snippets.fill(_tabs(block.id, language), base_url, model, block.kind))


@cache
def _tabs(block: str, language: str) -> str:
    """Tabs and panels of all languages, words still in them."""
    panels = [(one, snippets.file_name(block, one), snippets.coloured(block, one)) for one in LANGUAGES]
    names = [(one.key, one.label) for one in LANGUAGES]
    return environment(language).get_template("docs/snippet.html").render(block=block, panels=panels, names=names)
