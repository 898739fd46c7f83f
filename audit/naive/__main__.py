"""`python -m audit.naive LOG… --output DIR [OPTION…]`: run the naive pipeline, by the options of `crowdlog run`."""

from __future__ import annotations

import argparse
from pathlib import Path

from audit.naive.pipeline import run


def main() -> None:
    """What cannot be read as it was meant is done without: that is one of its mistakes (A15)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--k", type=int, default=0)
    for name in ("--policy", "--geo-db", "--profile"):
        parser.add_argument(name)
    options, _ = parser.parse_known_args()
    run(options.logs, options.output, options.k)


if __name__ == "__main__":
    main()
