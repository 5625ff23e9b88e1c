"""Finds cycles in a graph of modules."""

from collections.abc import Mapping, Set


def cycles(edges: Mapping[str, Set[str]]) -> list[list[str]]:
    """One sorted list of nodes for every group that can reach each other (a node on its own is no cycle)."""
    reach = {node: _reachable(edges, node) for node in edges}
    groups: set[tuple[str, ...]] = set()
    for node, reached in reach.items():
        group = {other for other in reached if node in reach.get(other, set())} | {node}
        if len(group) > 1:
            groups.add(tuple(sorted(group)))
    return [list(group) for group in sorted(groups)]


def _reachable(edges: Mapping[str, Set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in edges.get(waiting.pop(), set()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen
