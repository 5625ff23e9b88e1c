"""The stacks that the end-to-end tests share: real processes are slow to start, so a test takes one that runs.

Decides that tests which break nothing share one installation for the whole session, each with accounts, keys and models
of its own; what kills or stops processes starts its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`tollway serve --demo` with an operator's token."""
    with Stack(tmp_path_factory.mktemp("stack"), demo=True) as running:
        yield running
