"""`bench/run.py [--quick] [--only ROW] [--gate]`: measures beside nginx, writes bench/results/<date>-<commit>.md.

`make bench` builds what it needs and runs it. The parts: harness.py (a run), rows.py and probes.py (what is measured),
blocks.py (how), ratios.py (the arithmetic), processes.py (who runs where), report.py (the result).
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from bench.harness import main

    sys.exit(main(sys.argv[1:]))
