"""A worker process of `--workers N`: Beam's own, but silent, for what engines print may hold values."""

from __future__ import annotations

import logging
import os
import sys


def main() -> None:
    """Run Beam's worker; CROWDLOG_DEBUG=1 lets it speak."""
    if os.environ.get("CROWDLOG_DEBUG") != "1":
        logging.disable(logging.CRITICAL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
