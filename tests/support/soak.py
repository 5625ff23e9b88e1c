"""How much of a long test is run: a quick part at each `make test`, all of it with TOLLWAY_SOAK=1 (`make soak`).

Only the amount differs (examples, rows); what is asserted is the same in both.
"""

import os

SOAK = os.environ.get("TOLLWAY_SOAK") == "1"


def amount(quick: int, long: int) -> int:
    """The number of examples or rows to use in this run."""
    return long if SOAK else quick
