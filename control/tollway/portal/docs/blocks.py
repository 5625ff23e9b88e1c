"""The four calls that the page shows, in its order: endpoint, words, and the model of its own kind.

`body` is what "Try it" sends; it asks the same as the snippets do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from markupsafe import Markup

from tollway.portal.docs import snippets
from tollway.portal.docs.snippets import LANGUAGES, Language
from tollway.portal.frame.translate import N_


class Block(msgspec.Struct, frozen=True):
    """One call. `id` is the section's anchor and the page's `data-block`; `way` is how "Try it" shows the answer."""

    id: str
    title: str
    lead: str
    missing: str
    kind: str
    path: str
    way: str
    body: dict[str, Any]
    method: str = "POST"


class Panel(msgspec.Struct):
    """One language of a block."""

    language: Language
    file: str
    code: Markup


class Shown(msgspec.Struct):
    """A block with its model and code; without a model there is no code."""

    block: Block
    model: str | None
    panels: list[Panel]


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


def show(base_url: str, models: Mapping[str, str]) -> list[Shown]:
    """All blocks, for one host and the models chosen."""
    return [_show(block, base_url, models.get(block.kind)) for block in BLOCKS]


def _show(block: Block, base_url: str, model: str | None) -> Shown:
    if model is None:
        return Shown(block, None, [])
    panels = [
        Panel(
            language,
            snippets.file_name(block.id, language),
            snippets.shown(block.id, language, base_url, model, block.kind),
        )
        for language in LANGUAGES
    ]
    return Shown(block, model, panels)
