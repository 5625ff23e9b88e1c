"""The last good snapshot on disk, sealed: what a gateway serves from when it starts without a control plane.

Decides the files in `DATA/node/`: `snapshot.sealed` (a whole one) and `delta-<generation>.sealed` for each delta
accepted since; the next whole one replaces them all. After DELTAS_MAX deltas the chain is merged into one whole here,
so neither the folder nor a start grows without bound. Each file is a small head and an AES-256-GCM box that also covers
the head: a file cannot be changed, nor pass for another generation or kind. What does not open is left out with a log
line, never guessed at.

Two gateways share the folder while one hands over to the other, so a write happens under a lock and never goes back to
an older generation; files are replaced whole (runfiles.write_atomic).
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Protocol

from tollway.logs import event
from tollway.node.snapshot_head import merge, read_head
from tollway.runfiles import fsync_dir, locked, write_atomic

DELTAS_MAX = 512
_MAGIC = b"TWSNAP1\n"
_HEAD_BYTES = len(_MAGIC) + 8
_DELTA_NAME = re.compile(r"delta-(\d{1,19})\.sealed")
_log = logging.getLogger(__name__)


class Box(Protocol):
    """`tollway.crypto.Vault`: seals and opens for one place; `open` raises on any change."""

    def seal(self, plain: bytes, place: str) -> bytes: ...

    def open(self, sealed: bytes, place: str) -> bytes: ...


class SealedStore:
    """The folder. Blocking; the node calls it from its one writer thread."""

    def __init__(self, folder: Path, box: Box, *, deltas_max: int = DELTAS_MAX) -> None:
        self._folder = folder
        self._whole = folder / "snapshot.sealed"
        self._box = box
        self._deltas_max = deltas_max

    def save(self, body: bytes) -> None:
        """Files a snapshot the core has accepted. ValueError when `body` is none; OSError when the disk refuses."""
        head = read_head(body)
        with locked(self._folder / "snapshot.lock"):
            if head.base == 0:
                self._save_whole(head.generation, body)
            else:
                self._save_delta(head.generation, head.base, body)

    def load(self) -> list[bytes]:
        """The last whole snapshot and the deltas that follow it without a gap; empty when there is none that opens."""
        with locked(self._folder / "snapshot.lock"):
            whole = self._read(self._whole, "whole")
            if whole is None:
                return []
            bodies, generation = [whole], read_head(whole).generation
            for _, path in self._deltas():
                body = self._read(path, "delta")
                if body is None:
                    break
                head = read_head(body)
                if head.generation <= generation:
                    continue  # left over from before the whole one, by a crash between the two steps
                if head.base != generation:
                    event(_log, logging.WARNING, "snapshot delta does not follow, left out", file=path.name)
                    break
                bodies.append(body)
                generation = head.generation
            return bodies

    def _save_whole(self, generation: int, body: bytes) -> None:
        if generation < self._generation_of(self._whole):
            return  # the other gateway of a hand-over is ahead
        self._write(self._whole, "whole", generation, body)
        for found, path in self._deltas():
            if found <= generation:
                path.unlink(missing_ok=True)
        fsync_dir(self._folder)

    def _save_delta(self, generation: int, base: int, body: bytes) -> None:
        deltas = self._deltas()
        last = max([self._generation_of(self._whole), *(found for found, _ in deltas)])
        if generation <= last:
            return
        if base != last:
            # What is on disk stays a good, older snapshot; the publisher's next whole one mends the chain.
            event(
                _log, logging.WARNING, "snapshot delta does not follow what is on disk, not kept", base=base, disk=last
            )
            return
        self._write(self._folder / f"delta-{generation}.sealed", "delta", generation, body)
        if len(deltas) + 1 > self._deltas_max:
            self._collapse()

    def _collapse(self) -> None:
        whole = self._read(self._whole, "whole")
        bodies = [self._read(path, "delta") for _, path in self._deltas()]
        if whole is None or None in bodies:
            return
        start = read_head(whole).generation
        following = [body for body in bodies if body is not None and read_head(body).generation > start]
        merged = merge(whole, following)
        self._save_whole(read_head(merged).generation, merged)

    def _deltas(self) -> list[tuple[int, Path]]:
        matches = ((_DELTA_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return sorted((int(match[1]), path) for match, path in matches if match)

    def _write(self, path: Path, kind: str, generation: int, body: bytes) -> None:
        head = _MAGIC + generation.to_bytes(8, "big")
        write_atomic(path, head + self._box.seal(body, _place(kind, generation)))

    def _read(self, path: Path, kind: str) -> bytes | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        head = content[:_HEAD_BYTES]
        try:
            if len(head) < _HEAD_BYTES or not head.startswith(_MAGIC):
                raise ValueError("not a sealed snapshot")
            generation = int.from_bytes(head[len(_MAGIC) :], "big")
            body = self._box.open(content[_HEAD_BYTES:], _place(kind, generation))
            if read_head(body).generation != generation:
                raise ValueError("the head names another generation")
        except Exception as error:  # noqa: BLE001  # whatever the cause, the answer is the same: start without this file
            reason = str(error) or type(error).__name__
            event(_log, logging.ERROR, "sealed snapshot ignored: it does not open", file=str(path), reason=reason)
            return None
        return body

    def _generation_of(self, path: Path) -> int:
        """The generation a file names, 0 when there is none. Not checked: the box does that when it is opened."""
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except FileNotFoundError:
            return 0
        return int.from_bytes(head[len(_MAGIC) :], "big") if head.startswith(_MAGIC) else 0


def _place(kind: str, generation: int) -> str:
    """Where a file belongs: a box does not open as another generation or kind."""
    return f"snapshot/{kind}/{generation}"
