"""Chat programs, workflow builders and libraries: how each is pointed at this gateway."""

from __future__ import annotations

from typing import Final

from tollway.portal.docs.tools.shape import BASE_URL, KEY, MODEL, ORIGIN, Tool, file, form, shell
from tollway.portal.frame.translate import N_

APPS: Final = (
    Tool(
        "cherry-studio",
        "Cherry Studio",
        {
            "chat": (
                form(
                    N_("Open `Settings` → `Model Provider` → `Add` and fill in. The host has no `/v1`: it is added."),
                    ("Provider Type", "OpenAI"),
                    ("API Key", KEY),
                    ("API Host", ORIGIN),
                ),
                form(N_("`Manage` lists the models of your key. Add this one:"), ("Model ID", MODEL)),
            )
        },
    ),
    Tool(
        "open-webui",
        "Open WebUI",
        {
            "chat": (
                shell(
                    N_("Set these where the server runs, or enter them under `Admin Settings` → `Connections`."),
                    """
export OPENAI_API_BASE_URL="__BASE_URL__"
export OPENAI_API_KEY="$YOUR_API_KEY"
open-webui serve
""",
                ),
                form(N_("It offers all models of the key. To offer fewer, list them:"), ("Model IDs", MODEL)),
            )
        },
    ),
    Tool(
        "librechat",
        "LibreChat",
        {
            "chat": (
                file(
                    N_("Add this endpoint, and the key to `.env`."),
                    "librechat.yaml",
                    "yaml",
                    """
version: 1.2.1
endpoints:
  custom:
    - name: Tollway
      apiKey: "${YOUR_API_KEY}"
      baseURL: "__BASE_URL__"
      models:
        default: ["__MODEL__"]
        fetch: true
      titleConvo: true
      titleModel: "__MODEL__"
""",
                ),
            )
        },
    ),
    Tool(
        "lobechat",
        "LobeChat",
        {
            "chat": (
                file(
                    N_("Set these where the server runs, or enter them in the settings of the OpenAI provider."),
                    ".env",
                    "bash",
                    """
OPENAI_PROXY_URL="__BASE_URL__"
OPENAI_API_KEY="YOUR_API_KEY"
OPENAI_MODEL_LIST="-all,+__MODEL__"
""",
                ),
            )
        },
        note=N_("Without `/v1` at the end of the address its answers are empty."),
    ),
    Tool(
        "n8n",
        "n8n",
        {
            "chat": (
                form(
                    N_("Create a credential of the type `OpenAI`:"),
                    ("API Key", KEY),
                    ("Base URL", BASE_URL),
                ),
                form(
                    N_("In the node `OpenAI Chat Model`, switch `Use Responses API` off and choose:"), ("Model", MODEL)
                ),
            )
        },
    ),
    Tool(
        "dify",
        "Dify",
        {
            "chat": (
                form(
                    N_("Install the plugin `OpenAI-API-compatible`, then add a model:"),
                    ("Model Name", MODEL),
                    ("API Key", KEY),
                    ("API endpoint URL", BASE_URL),
                ),
            )
        },
        note=N_("Embedding models are added the same way, with the type `Text Embedding`."),
    ),
)

LIBRARIES: Final = (
    Tool(
        "langchain",
        "LangChain",
        {
            "chat": (
                shell(N_("Install it."), "pip install langchain-openai"),
                file(
                    N_("Run it."),
                    "chain.py",
                    "python",
                    """
import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="__MODEL__",
    base_url="__BASE_URL__",
    api_key=os.environ["YOUR_API_KEY"],
)
for chunk in model.stream("Say hello in one sentence."):
    print(chunk.content, end="", flush=True)
""",
                ),
            )
        },
    ),
    Tool(
        "llamaindex",
        "LlamaIndex",
        {
            "chat": (
                shell(N_("Install it."), "pip install llama-index-llms-openai-like"),
                file(
                    N_("Run it."),
                    "index.py",
                    "python",
                    """
import os

from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="__MODEL__",
    api_base="__BASE_URL__",
    api_key=os.environ["YOUR_API_KEY"],
    is_chat_model=True,
)
for part in llm.stream_complete("Say hello in one sentence."):
    print(part.delta, end="", flush=True)
""",
                ),
            )
        },
    ),
    Tool(
        "ai-sdk",
        "Vercel AI SDK",
        {
            "chat": (
                shell(N_("Install it."), "npm install ai @ai-sdk/openai-compatible"),
                file(
                    N_("Run it."),
                    "hello.mjs",
                    "javascript",
                    """
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const tollway = createOpenAICompatible({
  name: "tollway",
  baseURL: "__BASE_URL__",
  apiKey: process.env.YOUR_API_KEY,
  includeUsage: true,
});
const { textStream } = streamText({
  model: tollway("__MODEL__"),
  prompt: "Say hello in one sentence.",
});
for await (const text of textStream) process.stdout.write(text);
""",
                ),
            )
        },
    ),
)
