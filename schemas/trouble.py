"""What can go wrong, by code: the only exception that may leave a worker, without any content of a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

# a message ends where an engine's own words begin: Beam names the step, a repr ends the string
MARK = re.compile(r"crowdlog\[(E\d{3})/(\d)\]: (.*?)(?= \[while running |\\n|'\)|\"\)|\n|$)")

# code -> (exit, what it means); exits are a contract: 1 internal, 2 usage, 3 input, 4 refused, 5 leak found
CODES = {
    "E101": (1, "an internal error"),
    "E102": (1, "the run's key could not be had"),
    "E103": (1, "the engine failed"),
    "E104": (1, "the output could not be written"),
    "E201": (2, "wrong usage"),
    "E202": (2, "a wrong declaration or policy"),
    "E203": (2, "no usable geo database"),
    "E301": (3, "nothing matched"),
    "E302": (3, "an input could not be read"),
    "E303": (3, "an input is truncated or corrupt"),
    "E304": (3, "no format reads an input"),
    "E305": (3, "too many lines were rejected"),
    "E401": (4, "another run holds the folder"),
    "E402": (4, "the ledger is broken"),
    "E403": (4, "a span would be published a second time"),
    "E404": (4, "a table to be published breaks its contract"),
    "E405": (4, "a published file is missing or changed"),
    "E406": (4, "the counts of the run do not add up"),
    "E407": (4, "the folder holds something else"),
    "E408": (4, "tombstones cannot be applied"),
    "E409": (4, "what would be deleted is not what was shown"),
    "E410": (4, "the privacy budget is spent"),
}


class Trouble(Exception):
    """A run has to stop. `code` names why, `exit` is the exit status, `message` says what to do; never log content."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, " ".join(message.split())
        self.exit = CODES[code][0]

    def __str__(self) -> str:
        return f"crowdlog[{self.code}/{self.exit}]: {self.message}"


def from_text(text: str) -> Trouble | None:
    """The first Trouble in a text, such as the traceback that an engine brings from another process; else None."""
    found = MARK.search(text)
    return Trouble(found[1], found[3]) if found and found[1] in CODES else None


@contextmanager
def only_codes() -> Iterator[None]:
    """Let nothing but a Trouble out: an unforeseen error becomes E101 with its type and place in our code, never its text."""
    try:
        yield
    except Trouble as trouble:
        raise trouble from None
    except Exception as error:
        raise _internal(error) from None


def _internal(error: Exception) -> Trouble:
    place = "unknown"
    frame = error.__traceback__
    while frame is not None:
        module = frame.tb_frame.f_globals.get("__name__", "")
        if module.split(".")[0] in ("transforms", "pipeline", "schemas"):
            place = f"{module}:{frame.tb_lineno}"
        frame = frame.tb_next
    return Trouble("E101", f"{type(error).__name__} at {place}")
