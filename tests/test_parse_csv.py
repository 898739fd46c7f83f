"""Tables with a header row (CSV, TSV): columns are where the first line of the file says, as the csv module reads it."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.find import find
from pipeline.plan import plan
from pipeline.read import Read
from schemas import load
from schemas.load import Format, read_format
from schemas.policy import Policy
from schemas.trouble import Trouble
from transforms.parse import Parse

SHOP: Format = read_format(
    {
        "name": "shop", "family": "delimited", "separator": ",", "header": "row",
        "columns": {"client": "ip", "time": {"from": "when", "type": "epoch"}, "target": "uri", "agent": "ua", "bytes": "size"},
    },
    "here",
)  # fmt: skip
NAMES = ["when", "ip", "uri", "ua", "size", "note, free", "secret"]
TEXTS = ["", "-", "plain", "a,b", 'say "x"', "é", "/a?b=1&c=2", " padded ", "#hash"]


def table(names: list[str], count: int, seed: int, newline: str = "\n") -> tuple[str, list[dict[str, str]]]:
    """A table as the csv module writes it, and its rows."""
    draw, out = random.Random(seed), io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator=newline)
    writer.writeheader()
    rows = []
    for number in range(count):
        row = {name: draw.choice(TEXTS) for name in names}
        row |= {"when": str(1795132800 + number), "ip": f"192.0.2.{number % 250}", "size": draw.choice(["", "-", "17"])}
        row["uri"] = "/" + draw.choice(["a", "a,b", 'q"q', "c?d=1"])
        rows.append(row)
        writer.writerow(row)
    return out.getvalue(), rows


def read(
    tmp_path: Path, *texts: str, chunk_bytes: int = 1 << 20
) -> tuple[list[dict[str, Any]], Counter[str], Counter[str]]:
    """Rows, lines skipped and lines rejected, of files in the format; some of them one after the other."""
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.log").write_bytes(text.encode())
    inputs, known = find([str(tmp_path / "*.log")]), {"shop": SHOP}
    chunks = Read(chunk_bytes, formats=known)(iter(plan(inputs, ["shop"] * len(inputs), chunk_bytes, known)))
    rows: list[dict[str, Any]] = []
    skipped, rejected = Counter[str](), Counter[str]()
    for one in Parse(Policy(), load.fields(), known)(chunks):
        rows += one.batch.to_pylist()
        skipped, rejected = skipped + one.accounts.skipped, rejected + one.accounts.rejected
    return rows, skipped, rejected


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("chunk_bytes", [1 << 16, 1 << 20], ids=["many chunks", "one chunk"])
def test_values_are_those_of_the_csv_module(tmp_path: Path, chunk_bytes: int, newline: str) -> None:
    """Client, path, agent and size of each row: quotes, doubled quotes, commas in values and in a column's name."""
    text, truth = table(NAMES, 4000, 1, newline)
    rows, skipped, rejected = read(tmp_path, text, chunk_bytes=chunk_bytes)
    assert skipped == {"directive": 1} and not rejected
    for row, said in zip(rows, truth, strict=True):
        assert (row["time"], row["client"].decode()) == (int(said["when"]), said["ip"])
        assert row["path"].decode() == said["uri"].partition("?")[0]
        assert (row["agent"] or b"-").decode() == (said["ua"] or "-")
        assert row["bytes"] == (17 if said["size"] == "17" else -1)


def test_each_file_has_a_header_of_its_own(tmp_path: Path) -> None:
    """Two files with their columns in another order, one of them behind a byte order mark."""
    one, first = table(NAMES, 40, 2)
    other, second = table(NAMES[::-1], 40, 3)
    rows, skipped, rejected = read(tmp_path, "\ufeff" + one, other)
    assert skipped == {"directive": 2} and not rejected
    assert [row["client"].decode() for row in rows] == [said["ip"] for said in first + second]


def test_a_header_that_comes_again_is_no_event(tmp_path: Path) -> None:
    """Files of one table that were joined: the header stands in the middle too."""
    text, truth = table(NAMES, 10, 4)
    rows, skipped, rejected = read(tmp_path, text + text)
    assert len(rows) == 2 * len(truth) and skipped == {"directive": 2} and not rejected


@pytest.mark.parametrize(
    "names", [["when", "uri", "ua", "size"], [*NAMES, "ip"], ["x"]], ids=["no client", "client twice", "another table"]
)
def test_a_header_that_does_not_say_enough_lets_nothing_through(tmp_path: Path, names: list[str]) -> None:
    """Without a client, or with two of them, every line is rejected: no column is guessed."""
    head = ",".join(f'"{name}"' for name in names)
    body = ",".join("1795132800" if name == "when" else "192.0.2.1" if name == "ip" else "/a" for name in names)
    rows, skipped, rejected = read(tmp_path, f"{head}\n{body}\n{body}\n")
    assert rows == [] and rejected + skipped == {"no_format": 3}


def test_a_row_with_more_or_fewer_values_is_rejected(tmp_path: Path) -> None:
    """A comma that nobody quoted would move every value behind it."""
    text, _ = table(NAMES, 3, 5)
    rows, _, rejected = read(tmp_path, text + "1795132800,192.0.2.1,/a,b,ua,1,x,y\n1795132800,192.0.2.1,/a\n")
    assert len(rows) == 3 and rejected == {"no_format": 2}


def test_the_format_is_found_by_its_header(tmp_path: Path) -> None:
    """Among all formats; with a header that lacks the client none is, and the run stops."""
    from pipeline.chosen import detected

    text, _ = table(NAMES, 20, 6)
    (tmp_path / "a.log").write_text(text)
    (tmp_path / "b.log").write_text(text.replace("ip,", "who,", 1))
    good, bad = find([str(tmp_path / "a.log")])[0], find([str(tmp_path / "b.log")])[0]
    known = {**load.formats(), "shop": SHOP}
    assert detected(good, known) == "shop"
    with pytest.raises(Trouble, match="E304"):
        detected(bad, known)
