"""Reads Rust sources just well enough to measure functions and to see which module uses which.

Not a parser: comments and literals are blanked out, then braces are matched and paths are read. Test modules (tests.rs)
are left out of the graph, because they look at everything.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

# One alternative per thing whose braces and quotation marks mean nothing. A lifetime ('a) is not a character ('a').
_OPAQUE = re.compile(
    r"""//[^\n]*
      | /\*(?:[^*]|\*(?!/))*\*/
      | \b(?:br|r)(?P<hashes>\#*)"(?:.|\n)*?"(?P=hashes)
      | b?"(?:[^"\\]|\\(?:.|\n))*"
      | b?'(?:[^'\\\n]|\\[^\n](?:\{[0-9a-fA-F_]+\}|[0-9a-fA-F]{2})?)'""",
    re.VERBOSE,
)
_FUNCTION = re.compile(r"\bfn\s+(\w+)")
_PATH_START = re.compile(r"(?<![\w:])(crate|self|super)\s*::\s*")
_IDENTIFIER = re.compile(r"\s*([A-Za-z_]\w*|\*)\s*")


def blanked(text: str) -> str:
    """The text with comments and literals turned into spaces; line numbers stay true."""
    return _OPAQUE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def function_lengths(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and number of lines of each function that has a body."""
    code = blanked(text)
    for found in _FUNCTION.finditer(code):
        opening = _body_start(code, found.end())
        if opening is None:
            continue
        first = code.count("\n", 0, found.start()) + 1
        last = code.count("\n", 0, _matching(code, opening)) + 1
        yield found.group(1), first, last - first + 1


def _body_start(code: str, position: int) -> int | None:
    """Where the body's brace opens; None for a declaration, which ends with a semicolon. `[u8; 4]` is no end."""
    depth = 0
    for at in range(position, len(code)):
        match code[at]:
            case "(" | "[":
                depth += 1
            case ")" | "]":
                depth -= 1
            case "{" if depth == 0:
                return at
            case ";" if depth == 0:
                return None
    return None


def _matching(code: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return len(code) - 1


def module_of(path: Path) -> tuple[str, ...]:
    """The module path of a file, relative to its crate's src folder: a/b.rs and a/b/mod.rs are both (a, b)."""
    parts = path.with_suffix("").parts
    return () if parts in (("lib",), ("main",)) else parts[:-1] if parts[-1] == "mod" else parts


def used_paths(text: str, module: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Every path that starts with crate, self or super, made absolute within the crate. Braces are spread out."""
    code = blanked(text)
    found: set[tuple[str, ...]] = set()
    for start in _PATH_START.finditer(code):
        base = {"crate": (), "self": module, "super": module[:-1]}[start.group(1)]
        found.update(_spread(code, start.end(), base)[0])
    return found


def _spread(code: str, position: int, base: tuple[str, ...]) -> tuple[set[tuple[str, ...]], int]:
    """Reads one path from `position` on; returns all paths it stands for and where it ends."""
    if code[position : position + 1] == "{":
        return _spread_group(code, position + 1, base)
    name = _IDENTIFIER.match(code, position)
    if name is None:
        return {base}, position
    end = name.end()
    path = base[:-1] if name.group(1) == "super" else base if name.group(1) == "self" else (*base, name.group(1))
    if code[end : end + 2] != "::":
        return {path}, end
    end += 2
    while code[end : end + 1].isspace():
        end += 1
    return _spread(code, end, path)


def _spread_group(code: str, position: int, base: tuple[str, ...]) -> tuple[set[tuple[str, ...]], int]:
    found: set[tuple[str, ...]] = set()
    while position < len(code) and code[position] != "}":
        if code[position].isspace() or code[position] == ",":
            position += 1
            continue
        paths, end = _spread(code, position, base)
        found |= paths
        position = max(end, position + 1)
    return found, position + 1


def sibling_graphs(crate: Mapping[Path, str]) -> dict[str, dict[str, set[str]]]:
    """For each module that has several children: which child (with all below it) uses which of its siblings.

    A parent and its own children may know each other; neighbours may not go in circles. Keys of `crate` are relative
    to src.
    """
    modules = {module_of(path): text for path, text in crate.items() if path.name != "tests.rs"}
    graphs: dict[str, dict[str, set[str]]] = {}
    for module, text in modules.items():
        for path in used_paths(text, module):
            target = next((path[:size] for size in range(len(path), 0, -1) if path[:size] in modules), ())
            shared = next((i for i, (a, b) in enumerate(zip(module, target, strict=False)) if a != b), None)
            if shared is not None:
                parent = "::".join(("crate", *module[:shared]))
                graphs.setdefault(parent, {}).setdefault(module[shared], set()).add(target[shared])
    return graphs
