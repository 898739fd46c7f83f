"""The table of formats in docs/formats.md, made from the declarations; `python tests/format_table.py` (make docs) writes it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pages import with_table  # noqa: E402

from pipeline.formats import table  # noqa: E402
from schemas import load  # noqa: E402

PAGE = ROOT / "docs" / "formats.md"
BEGIN, END = "<!-- made by `make docs` from schemas/formats/ -->\n", "<!-- end -->\n"


def page(text: str) -> str:
    """The page with its table as the declarations say now."""
    return with_table(text, BEGIN, table(load.formats()), END)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
