"""`python -m audit.naive OUTPUT LOG…`: run the naive pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

from audit.naive.pipeline import run

if __name__ == "__main__":
    run([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]))
