"""Types of arguments: texts of the command line as what they mean; imports nothing that takes time."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path


def folder(text: str) -> Path:
    """The argument of --output; Path would make a folder `s3:` of a URL."""
    if "://" in text:
        raise argparse.ArgumentTypeError("expected a folder on a file system that all workers share, not a URL")
    return Path(text)


def day(text: str) -> dt.date:
    """The argument of --log-date."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a day such as 2026-11-20") from None


def moment(text: str) -> dt.date | dt.datetime:
    """The argument of --from and --to: a day, or a time of it (ISO 8601)."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        pass
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a day or a time such as 2026-11-20T10:30:00+01:00") from None
