"""Snapshots: tables → msgpack → push. What the core decides by, and nothing else: no names, no e-mail, no hints."""

from tollway.snapshot.build import build_delta, build_full, current_generation
from tollway.snapshot.publisher import NODES_MAX, Publisher

__all__ = ["NODES_MAX", "Publisher", "build_delta", "build_full", "current_generation"]
