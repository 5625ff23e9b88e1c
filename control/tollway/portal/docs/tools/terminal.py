"""Tools of the terminal: how each is pointed at this gateway."""

from __future__ import annotations

from typing import Final

from tollway.portal.docs.tools.shape import Tool, file, shell
from tollway.portal.frame.translate import N_

_START: Final = N_("Put your key into the environment, then start it.")
_ENVIRONMENT: Final = N_("Set these, then start it.")

TERMINAL: Final = (
    Tool(
        "claude-code",
        "Claude Code",
        {
            "messages": (
                file(
                    N_("Add this to your settings. The address has no `/v1`."),
                    "~/.claude/settings.json",
                    "json",
                    """
{
  "env": {
    "ANTHROPIC_BASE_URL": "__ORIGIN__",
    "ANTHROPIC_AUTH_TOKEN": "YOUR_API_KEY",
    "ANTHROPIC_MODEL": "__MODEL__",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "__MODEL__",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "__MODEL__",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "__MODEL__",
    "CLAUDE_CODE_ATTRIBUTION_HEADER": "0"
  }
}
""",
                ),
                shell(N_("Remove another key from the environment, then start it."), "unset ANTHROPIC_API_KEY\nclaude"),
            )
        },
        instead=("opencode", "aider"),
    ),
    Tool(
        "codex",
        "Codex CLI",
        {
            "responses": (
                file(
                    N_("Add this provider."),
                    "~/.codex/config.toml",
                    "toml",
                    """
model = "__MODEL__"
model_provider = "tollway"

[model_providers.tollway]
name = "Tollway"
base_url = "__BASE_URL__"
env_key = "YOUR_API_KEY"
wire_api = "responses"
""",
                ),
                shell(_START, 'export YOUR_API_KEY="…"\ncodex'),
            )
        },
        instead=("opencode", "qwen-code"),
    ),
    Tool(
        "gemini-cli",
        "Gemini CLI",
        {
            "gemini": (
                file(
                    N_("Let it sign in with a key."),
                    "~/.gemini/settings.json",
                    "json",
                    '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }',
                ),
                shell(
                    N_("Always name the model: without `-m` it picks models by itself."),
                    """
export GOOGLE_GEMINI_BASE_URL="__ORIGIN__"
export GEMINI_API_KEY="$YOUR_API_KEY"
gemini -m "__MODEL__"
""",
                ),
            )
        },
        instead=("qwen-code", "opencode"),
    ),
    Tool(
        "opencode",
        "OpenCode",
        {
            "chat": (
                file(
                    N_("Add this provider, in your project or in `~/.config/opencode`."),
                    "opencode.json",
                    "json",
                    """
{
  "model": "tollway/__MODEL__",
  "provider": {
    "tollway": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "Tollway",
      "options": {
        "baseURL": "__BASE_URL__",
        "apiKey": "{env:YOUR_API_KEY}"
      },
      "models": { "__MODEL__": {} }
    }
  }
}
""",
                ),
                shell(_START, 'export YOUR_API_KEY="…"\nopencode'),
            )
        },
        note=N_("It also asks for a short title of each session: one more request, with the same model."),
    ),
    Tool(
        "qwen-code",
        "Qwen Code",
        {
            "chat": (
                shell(
                    _ENVIRONMENT,
                    """
export OPENAI_BASE_URL="__BASE_URL__"
export OPENAI_API_KEY="$YOUR_API_KEY"
export OPENAI_MODEL="__MODEL__"
qwen
""",
                ),
            )
        },
    ),
    Tool(
        "aider",
        "Aider",
        {
            "chat": (
                shell(
                    N_("Write `openai/` before the model: it tells Aider which API to speak."),
                    """
export OPENAI_API_BASE="__BASE_URL__"
export OPENAI_API_KEY="$YOUR_API_KEY"
aider --model "openai/__MODEL__"
""",
                ),
            )
        },
    ),
    Tool(
        "copilot-cli",
        "Copilot CLI",
        {
            "chat": (
                shell(
                    _ENVIRONMENT,
                    """
export COPILOT_PROVIDER_TYPE="openai"
export COPILOT_PROVIDER_WIRE_API="completions"
export COPILOT_PROVIDER_BASE_URL="__BASE_URL__"
export COPILOT_PROVIDER_API_KEY="$YOUR_API_KEY"
export COPILOT_MODEL="__MODEL__"
copilot
""",
                ),
            )
        },
    ),
    Tool(
        "llm",
        "llm",
        {
            "chat": (
                file(
                    N_("Add the model. The folder is the one that `llm logs path` names."),
                    "extra-openai-models.yaml",
                    "yaml",
                    """
- model_id: tollway
  model_name: "__MODEL__"
  api_base: "__BASE_URL__"
  api_key_name: tollway
""",
                ),
                shell(
                    N_("Store the key once, then ask."),
                    'llm keys set tollway --value "$YOUR_API_KEY"\nllm -m tollway "Say hello in one sentence."',
                ),
            )
        },
    ),
)
