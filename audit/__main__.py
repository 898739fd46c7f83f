"""`python -m audit OPTIONS`: a process of its own for `crowdlog audit`, which shares no code with what it attacks."""

from __future__ import annotations

import os
import sys

from audit.run import main
from schemas.trouble import Trouble


def guarded() -> int:
    """Whatever goes wrong is one line without content."""
    try:
        return main(sys.argv[1:])
    except Trouble as trouble:
        print(f"crowdlog: {trouble.code}: {trouble.message}", file=sys.stderr)
        return trouble.exit
    except Exception as error:
        if os.environ.get("CROWDLOG_DEBUG") == "1":
            raise
        name = type(error).__name__
        print(f"crowdlog: E101: an internal error ({name}); CROWDLOG_DEBUG=1 shows more", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(guarded())
