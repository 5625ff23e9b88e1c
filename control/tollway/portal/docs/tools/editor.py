"""Tools inside an editor: how each is pointed at this gateway."""

from __future__ import annotations

from typing import Final

from tollway.portal.docs.tools.shape import BASE_URL, KEY, MODEL, Tool, file, form, shell
from tollway.portal.frame.translate import N_

EDITOR: Final = (
    Tool(
        "continue",
        "Continue",
        {
            "chat": (
                file(
                    N_("Add the model. The same file serves the extension and the command line."),
                    "~/.continue/config.yaml",
                    "yaml",
                    """
name: Tollway
version: 1.0.0
schema: v1
models:
  - name: Tollway
    provider: openai
    model: "__MODEL__"
    apiBase: "__BASE_URL__"
    apiKey: YOUR_API_KEY
    roles: [chat, edit, apply]
""",
                ),
            )
        },
    ),
    Tool(
        "cline",
        "Cline",
        {
            "chat": (
                form(
                    N_("In the settings of Cline, under `API Provider`, fill in:"),
                    ("API Provider", "OpenAI Compatible"),
                    ("Base URL", BASE_URL),
                    ("OpenAI Compatible API Key", KEY),
                    ("Model ID", MODEL),
                ),
                shell(
                    N_("Or, for its command line:"),
                    'cline auth openai --baseurl "__BASE_URL__" --apikey "$YOUR_API_KEY" --modelid "__MODEL__"',
                ),
            )
        },
    ),
    Tool(
        "roo-code",
        "Roo Code",
        {
            "chat": (
                form(
                    N_("In the settings of Roo Code, under `Providers`, fill in:"),
                    ("API Provider", "OpenAI Compatible"),
                    ("Base URL", BASE_URL),
                    ("API Key", KEY),
                    ("Model", MODEL),
                ),
            )
        },
        note=N_("Choose a model that can call tools: Roo Code works through nothing else."),
    ),
    Tool(
        "cursor",
        "Cursor",
        {
            "chat": (
                form(
                    N_("Open `Cursor Settings` → `Models` → `API Keys`, switch both on and fill in:"),
                    ("OpenAI API Key", KEY),
                    ("Override OpenAI Base URL", BASE_URL),
                ),
                form(N_("Choose `Add custom model`."), ("Model name", MODEL)),
            )
        },
        note=N_(
            "Requests come from Cursor's own servers, so this gateway must be reachable from the internet by HTTPS. "
            "The override holds for all OpenAI models, needs a paid plan and does not cover Tab. "
            "Agent mode may send bodies in the form of the Responses API, which are refused here with 400."
        ),
    ),
    Tool(
        "zed",
        "Zed",
        {
            "chat": (
                file(
                    N_("Add this provider. Set `max_tokens` to the context of your model."),
                    "settings.json",
                    "json",
                    """
{
  "language_models": {
    "openai_compatible": {
      "Tollway": {
        "api_url": "__BASE_URL__",
        "available_models": [
          { "name": "__MODEL__", "max_tokens": 128000 }
        ]
      }
    }
  }
}
""",
                ),
                shell(
                    N_("Enter the key in Zed's agent settings, or start Zed with it."),
                    'export TOLLWAY_API_KEY="$YOUR_API_KEY"\nzed',
                ),
            )
        },
    ),
    Tool(
        "vscode",
        "VS Code chat",
        {
            "chat": (
                form(
                    N_("Run `Chat: Manage Language Models` → `Add` → `Custom Endpoint`, and enter the key there."),
                    ("API key", KEY),
                ),
                file(
                    N_("Put this into the `models` of the new entry, with what your model can take."),
                    "chatLanguageModels.json",
                    "json",
                    """
{
  "id": "__MODEL__",
  "name": "__MODEL__",
  "url": "__BASE_URL__/chat/completions",
  "apiType": "chat-completions",
  "toolCalling": true,
  "vision": false,
  "maxInputTokens": 128000,
  "maxOutputTokens": 16000
}
""",
                ),
            )
        },
        note=N_("VS Code 1.122 or newer. A company's policy may forbid keys of your own."),
    ),
    Tool(
        "jetbrains",
        "JetBrains AI",
        {
            "chat": (
                form(
                    N_("Open `Settings` → `Tools` → `AI Assistant` → `Providers & API keys` and fill in:"),
                    ("Provider", "OpenAI-compatible"),
                    ("URL", BASE_URL),
                    ("API Key", KEY),
                ),
                form(N_("Under `Models`, choose for chat and for the helpers:"), ("Model", MODEL)),
            )
        },
    ),
)
