"""Reads Python sources: how long functions are, and which module imports which."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path


def function_lengths(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and number of lines of each function, decorators not counted."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def opens_with_docstring(text: str) -> bool:
    """Whether a module says what it is; an empty file has nothing to say."""
    return not text.strip() or ast.get_docstring(ast.parse(text)) is not None


def module_name(path: Path) -> str:
    """tollway/db/__init__.py is tollway.db, tollway/db/engine.py is tollway.db.engine."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(package: Mapping[Path, str]) -> dict[str, set[str]]:
    """Which module imports which, at run time and within the package; imports for types only are left out."""
    names = {module_name(path) for path in package}
    return {
        module_name(path): {target for target in _imported(ast.parse(text), names) if target != module_name(path)}
        for path, text in package.items()
    }


def _imported(node: ast.AST, names: set[str]) -> Iterator[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        for alias in node.names:
            longer = f"{node.module}.{alias.name}"
            if longer in names:
                yield longer
            elif node.module in names:
                yield node.module
    for child in ast.iter_child_nodes(node):
        yield from _imported(child, names)
