"""The table of tools that can be pointed at this gateway, by where they are used.

Addresses and names of settings: from running each tool, or its own documentation; a tool's own labels stay as they are.
"""

from __future__ import annotations

from typing import Final

from tollway.portal.docs.tools.apps import APPS, LIBRARIES
from tollway.portal.docs.tools.editor import EDITOR
from tollway.portal.docs.tools.shape import Tool
from tollway.portal.docs.tools.terminal import TERMINAL
from tollway.portal.frame.translate import N_

GROUPS: Final[tuple[tuple[str, tuple[Tool, ...]], ...]] = (
    (N_("In the terminal"), TERMINAL),
    (N_("In the editor"), EDITOR),
    (N_("Chat and workflows"), APPS),
    (N_("In your code"), LIBRARIES),
)
TOOLS: Final = {tool.id: tool for _, tools in GROUPS for tool in tools}
