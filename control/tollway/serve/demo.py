"""What the demo can offer beside the simulated provider: upstreams this machine already has the keys or the server for.

Decides how they are found (a key in the settings; Ollama answering on its usual port within OLLAMA_WAIT_MS) and that
all are reached through their OpenAI-compatible endpoints.

The prices of real providers' models below were written down by hand, are not fetched and may be out of date. They only
let the demo take play money off a wallet: an operator must check each against the provider's own list and set it anew
before charging anyone.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tollway.settings import Settings

OLLAMA_HOST = "127.0.0.1"
OLLAMA_PORT = 11434
OLLAMA_WAIT_MS = 300
OLLAMA_ANSWER_BYTES_MAX = 1024 * 1024
OLLAMA_MODELS_MAX = 50


@dataclass(frozen=True, slots=True)
class DemoModel:
    """A model of such an upstream. `prices` in USD per million tokens; None: free."""

    name: str
    prices: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class DemoUpstream:
    """An upstream found on this machine. `why` is what the start says of it."""

    name: str
    base_url: str
    why: str
    models: tuple[DemoModel, ...]
    secret: str = field(default="", repr=False)
    allow_private_address: bool = False


def found(settings: Settings) -> list[DemoUpstream]:
    """All that can be offered. Blocking for OLLAMA_WAIT_MS at most when something holds Ollama's port and is silent."""
    offers: list[DemoUpstream] = []
    if settings.openai_api_key:
        models = (DemoModel("gpt-4o-mini", {"input": "0.15", "cache_read": "0.075", "output": "0.60"}),)
        why = "OPENAI_API_KEY is set"
        offers.append(DemoUpstream("openai", "https://api.openai.com/v1", why, models, settings.openai_api_key))
    if settings.anthropic_api_key:
        models = (DemoModel("claude-haiku-4-5", {"input": "1", "output": "5"}),)
        why = "ANTHROPIC_API_KEY is set"
        offers.append(
            DemoUpstream("anthropic", "https://api.anthropic.com/v1", why, models, settings.anthropic_api_key)
        )
    if settings.gemini_api_key:
        models = (DemoModel("gemini-2.5-flash", {"input": "0.30", "output": "2.50"}),)
        url, why = "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY is set"
        offers.append(DemoUpstream("gemini", url, why, models, settings.gemini_api_key))
    if ollama := ollama_models():
        url, why = f"http://{OLLAMA_HOST}:{OLLAMA_PORT}/v1", f"Ollama answers on port {OLLAMA_PORT}"
        local = tuple(DemoModel(name) for name in ollama)
        offers.append(DemoUpstream("ollama", url, why, local, allow_private_address=True))
    return offers


def ollama_models(host: str = OLLAMA_HOST, port: int = OLLAMA_PORT) -> list[str]:
    """The models a local Ollama has; none when nothing that speaks like it answers in time."""
    connection = http.client.HTTPConnection(host, port, timeout=OLLAMA_WAIT_MS / 1000)
    try:
        connection.request("GET", "/v1/models")
        answer = connection.getresponse()
        listed = json.loads(answer.read(OLLAMA_ANSWER_BYTES_MAX)) if answer.status == 200 else {}
        names = [row["id"] for row in listed["data"]][:OLLAMA_MODELS_MAX]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return []
    finally:
        connection.close()
    return [name for name in names if isinstance(name, str) and name]
