"""The kernels against their plain twins and against the standard library."""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.stages import Accounts, Chunk
from transforms.kernels import calls, compiled, dictionary, group, lists, plain
from transforms.kernels.cells import Cells
from transforms.parsers.reader import PATTERNS

needs_numba = pytest.mark.skipif(not compiled(), reason="numba is not installed, so that nothing is compiled")
Spans = tuple[calls.Block, calls.Int32, calls.Int32]


def spans(texts: list[bytes]) -> Spans:
    """The texts one behind the other, without anything between them."""
    block = calls.Block(sum(map(len, texts)) + 64)
    block.fill(np.frombuffer(b"".join(texts), np.uint8))
    lens = np.array([len(text) for text in texts], np.int32)
    return block, (np.cumsum(lens) - lens).astype(np.int32), lens


def mutated(base: list[str], count: int) -> list[bytes]:
    draw, made = random.Random(5), [text.encode() for text in base]
    for _ in range(count):
        text = draw.choice(base)
        at = draw.randrange(len(text) + 1)
        made.append(
            (
                text[:at] + draw.choice("0159-+:/. TZA,\x00") * draw.randrange(2) + text[at + draw.randrange(3) :]
            ).encode()
        )
    return made


TEXTS = {
    "clf": ["20/Nov/2026:09:08:07 +0000", "29/Feb/2024:23:59:60 -0930", "31/Dec/1999:00:00:00 +2359",
            "30/Feb/2024:00:00:00 +0000"],
    "iso8601": ["2026-11-20T09:08:07Z", "2024-02-29T23:59:59.123456789+05:30", "2999-12-31T00:00:00,5-0330",
                "1970-01-01T00:00:00+00:00"],
    "epoch": ["1795132800", "1795132800.999", "0", "99999999999"],
    "epoch_ms": ["1795132800999", "7"],
    "epoch_us": ["1795132800999999", "1"],
    "status": ["200", "599", "100", "-", "099", "600"],
    "count": ["0", "12", "-", "9" * 18, "007"],
    "seconds": ["0.001", "12", "-", "999999999999.999999999", "0.1234567"],
    "millis": ["1", "0.5", "-", "1.23456"],
    "micros": ["12", "0", "-", "12.9"],
}  # fmt: skip


@needs_numba
@pytest.mark.parametrize("kind", TEXTS)
def test_values_are_those_of_pattern_and_twin(kind: str) -> None:
    """A kernel gives a value exactly where the pattern matches and the twin has one."""
    texts = mutated(TEXTS[kind], 3000)
    got, wrong = calls.values(kind, *spans(texts))
    pattern = re.compile(rb"(?:" + PATTERNS[kind] + rb")\Z")
    want = [plain.VALUES[kind](text) if pattern.match(text) else None for text in texts]
    assert [None if value == calls.WRONG else value for value in got.tolist()] == want
    assert wrong == want.count(None) < len(want)


@pytest.mark.parametrize("zone", ["+0000", "-0930", "+1400"])
def test_clf_times_are_those_of_the_standard_library(zone: str) -> None:
    """Every 29 hours and some of a hundred years, months named as strptime does in the C locale."""
    start = dt.datetime(1970, 1, 2)
    moments = [start + dt.timedelta(hours=29 * n, seconds=7 * n) for n in range(30_000)]
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    offset = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[3:])) * (-1 if zone[0] == "-" else 1)
    texts = [f"{m:%d}/{names[m.month - 1]}/{m:%Y:%H:%M:%S} {zone}".encode() for m in moments]
    want = [int((m - offset - dt.datetime(1970, 1, 1)).total_seconds()) for m in moments]
    assert [plain.clf_time(text) for text in texts[::50]] == want[::50]
    if compiled():
        assert calls.values("clf", *spans(texts))[0].tolist() == want


REQUEST_PIECES = [b"GET", b"CONNECT", b" ", b"/", b"?", b"#", b"http", b"://", b"a.b",
    b"HTTP/1.1", b" HTTP/2", b"-", b"@:", b"\xff", b"\n"]  # fmt: skip
REQUEST = st.lists(st.sampled_from(REQUEST_PIECES)).map(b"".join)


@needs_numba
@settings(max_examples=400, deadline=None)
@given(st.lists(REQUEST, min_size=1, max_size=8), st.booleans())
def test_requests_are_split_as_the_twin_does(lines: list[bytes], method: bool) -> None:
    """Path and query of anything that may stand in a request."""
    block, starts, lens = spans(lines)
    out = calls.split_requests(block, starts, lens, method)
    for r, line in enumerate(lines):
        path, stop, query, end = plain.split_request(line, method)
        begin = int(starts[r])
        got = [bytes(block.text[a : a + n]) for a, n in (out[:2, r].tolist(), out[2:, r].tolist())]
        assert got == [line[path:stop], line[query:end]]
        assert not got[0] or out[0, r] - begin == path


PARAMETERS = st.lists(
    st.sampled_from([b"a", b"page", b"=", b"&", b";", b"1", b"%20", b"?", b"@", b"x" * 127, b"\0", b"-"])
).map(b"".join)


@needs_numba
@settings(max_examples=400, deadline=None)
@given(st.lists(PARAMETERS, min_size=1, max_size=8))
def test_parameters_are_selected_as_the_twin_does(queries: list[bytes]) -> None:
    """Names by the list, values by their characters and length."""
    kept = calls.Block()
    starts, lens = calls.Parameters([b"page", b"a"]).select(*spans(queries), kept)
    got = [bytes(kept.text[a : a + n]) for a, n in zip(starts.tolist(), lens.tolist(), strict=True)]
    assert got == [plain.select_parameters(query, {b"page", b"a"}) for query in queries]


@pytest.mark.parametrize("dash", [True, False])
@pytest.mark.parametrize("way", ["compiled", "plain"])
def test_dictionary_has_each_value_once_in_order(dash: bool, way: str, plainly: Callable[[], None]) -> None:
    """Codes lead back to the texts, over several blocks and while the table grows."""
    if way == "plain":
        plainly()
    draw = random.Random(3)
    texts = [bytes(draw.choices(b"ab\0-\xff", k=draw.randrange(20))) for _ in range(9000)] + [b"-", b"", b"x" * 60_000]
    dictionary = calls.Dictionary(dash)
    codes = [
        code for at in range(0, len(texts), 2500) for code in dictionary.encode(*spans(texts[at : at + 2500])).tolist()
    ]
    values = dictionary.values()
    nothing = (b"", b"-") if dash else (b"",)
    assert values.to_pylist() == list(dict.fromkeys(text for text in texts if text not in nothing))
    assert [values[code].as_py() if code >= 0 else None for code in codes] == [
        t if t not in nothing else None for t in texts
    ]
    values.validate(full=True)


@needs_numba
def test_dictionary_does_not_depend_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed moves values in the table, never in the result."""
    texts = [b"%d" % (n % 700) for n in range(5000)]
    results = []
    for seed in (0, 1, 2**64 - 1):
        monkeypatch.setattr(dictionary, "seed", lambda seed=seed: seed)
        results.append(calls.Dictionary(True).encode(*spans(texts)).tolist())
    assert results[0] == results[1] == results[2] == [n % 700 for n in range(5000)]


@pytest.fixture(params=["compiled", "plain"])
def grouping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "plain":
        monkeypatch.setattr(group, "compiled", lambda: False)
        monkeypatch.setattr(lists, "compiled", lambda: False)
    return str(request.param)


@pytest.mark.parametrize("distinct", [1, 7, 5000])
def test_groups_are_numbered_by_first_appearance(grouping: str, distinct: int) -> None:
    """Ids and first rows are those of a Python dict."""
    draw = random.Random(9)
    values = [draw.getrandbits(64) for _ in range(distinct)]
    keys = [draw.choice(values) for _ in range(8000)]
    seen: dict[int, int] = {}
    first: dict[int, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(seen.setdefault(key, len(seen)), row)
    ids, starts = group.group(np.array(keys, np.uint64))
    assert ids.dtype == np.int32 and starts.dtype == np.int64
    assert ids.tolist() == [seen[key] for key in keys]
    assert starts.tolist() == list(first.values())


def test_no_keys_are_no_groups(grouping: str) -> None:
    """Nothing in, nothing out."""
    ids, first = group.group(np.empty(0, np.uint64))
    assert (ids.size, first.size, group.sum_by(ids, 0, np.empty(0, np.int64)).size) == (0, 0, 0)


def test_sums_by_group(grouping: str) -> None:
    """Values of a group add up, also negative ones; a group without rows has 0."""
    ids = np.array([0, 2, 0, 2, 2], np.int32)
    values = np.array([5, 1, -7, 2**40, 3], np.int64)
    values.flags.writeable = False
    assert group.sum_by(ids, 4, values).tolist() == [-2, 0, 2**40 + 4, 0]


def test_rows_are_ordered_by_group(grouping: str) -> None:
    """Rows of a group follow each other in the order of the rows; a group without rows is empty."""
    order, bounds = group.order_by(np.array([2, 0, 2, 3, 0], np.int32), 4)
    assert order.tolist() == [1, 4, 0, 2, 3]
    assert bounds.tolist() == [0, 2, 2, 4, 5]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 5)), max_size=40))
def test_lists_say_who_was_seen_how_often(grouping: str, rows: list[tuple[int, int]]) -> None:
    """The list of a cell has each id once, as often as the rows say; a negative id is nobody."""
    cell, seen = np.array(rows, np.int32).reshape(-1, 2).T
    found = lists.collect(cell, seen, 5, 6)
    assert as_counts(found) == [Counter(n for c, n in rows if c == one and n >= 0) for one in range(5)]


@pytest.mark.parametrize("cells", [5, 500], ids=["few cells", "many cells"])
def test_lists_of_few_and_of_many_cells(grouping: str, cells: int) -> None:
    """However the lists are collected, and where every pair is another one."""
    draw = random.Random(2)
    rows = [(draw.randrange(5), draw.randrange(-1, 40)) for _ in range(400)]
    rows += [(c, n) for c in range(5) for n in range(40)]
    for some in (rows, rows[-200:]):
        cell, seen = np.array(some, np.int32).T
        found = as_counts(lists.collect(cell, seen, cells, 40))
        assert found == [Counter(n for c, n in some if c == one and n >= 0) for one in range(cells)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(st.integers(0, 5), st.integers(1, 1 << 40)), max_size=8),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
    st.data(),
)
def test_lists_unite(grouping: str, cells: list[dict[int, int]], ids: list[int], data: st.DataObject) -> None:
    """Each group says what its cells say together, ids that are one counted as one."""
    group_of = data.draw(st.lists(st.integers(0, 2), min_size=len(cells), max_size=len(cells)))
    flat = [pair for cell in cells for pair in cell.items()]
    found = lists.union(
        *group.order_by(np.array(group_of, np.int32), 3),
        np.cumsum([0, *map(len, cells)]),
        np.array([id_ for id_, _ in flat], np.int32),
        np.array([n for _, n in flat], np.int64),
        np.array(ids, np.int32),
        3,
    )
    expected: list[Counter[int]] = [Counter(), Counter(), Counter()]
    for one, cell in zip(group_of, cells, strict=True):
        for id_, n in cell.items():
            expected[one][ids[id_]] += n
    assert as_counts(found) == expected


def as_counts(found: lists.Lists) -> list[Counter[int]]:
    """What the list of each cell says; nothing may stand in it twice."""
    offsets, seen, hits = (column.tolist() for column in found)
    said = [list(zip(seen[i:j], hits[i:j], strict=True)) for i, j in pairwise(offsets)]
    assert all(len(one) == len(dict(one)) for one in said)
    return [Counter(dict(one)) for one in said]


@pytest.mark.parametrize(("cell", "seen"), [([2], [0]), ([-1], [0]), ([0], [3])])
def test_lists_of_cells_and_ids_that_are_not_there_are_refused(cell: list[int], seen: list[int]) -> None:
    """Before the kernel would stop at its bounds, with less to say."""
    with pytest.raises(ValueError, match="expected"):
        lists.collect(np.array(cell, np.int32), np.array(seen, np.int32), 2, 3)


@pytest.mark.parametrize(("ids", "groups"), [([0, 3], 3), ([-1, 0], 3), ([0], 1)])
def test_wrong_sums_are_refused(ids: list[int], groups: int) -> None:
    """Ids outside the groups, or as many as there are no values."""
    with pytest.raises(ValueError, match="expected"):
        group.sum_by(np.array(ids, np.int32), groups, np.array([1, 2], np.int64))


@needs_numba
def test_kernels_check_their_bounds() -> None:
    """A span outside of its buffer raises; it does not read other memory."""
    block, starts, lens = spans([b"1"])
    with pytest.raises(IndexError):
        calls.values("count", block, starts + np.int32(1 << 30), lens)


@needs_numba
def test_cache_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without NUMBA_CACHE_DIR it is made in the user's cache, for the user alone."""
    from transforms.kernels import jit

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = jit.cache_folder()
    assert folder == tmp_path / "cache" / "crowdlog" / "numba"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@needs_numba
def test_cache_folder_that_others_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code is loaded from it: nobody else may put some there."""
    from transforms.kernels import jit

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert jit.cache_folder() == tmp_path
    tmp_path.chmod(0o777)
    assert jit.cache_folder() is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"CROWDLOG_KERNEL": "regex"}, "False 2", id="regex wanted"),
        pytest.param({"NUMBA_CACHE_DIR": "/proc/none"}, f"{compiled()} 2", id="no folder for the cache"),
    ],
)
def test_ways_without_cache_or_compiler(environment: dict[str, str], expected: str) -> None:
    """A read-only home or a wish for the plain way are no errors."""
    code = (
        "import numpy as np; from transforms.kernels import compiled, group;"
        "print(compiled(), group.group(np.array([4, 4, 5], np.uint64))[1].size)"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected


@needs_numba
def test_warm_leaves_nothing_to_compile() -> None:
    """After it a parse and a grouping compile no kernel: workers that start later only load."""
    from transforms.kernels import cell_counts, cell_lists, encode, hash_groups, request, scan, values
    from transforms.parsers.text import TextParser

    kernels = [
        scan.scan, values.clf_times, values.iso_times, values.numbers, request.split_requests,
        request.select_parameters, encode.encode, encode.rehash, hash_groups.group, hash_groups.regroup,
        hash_groups.sum_by, hash_groups.place, cell_lists.collect, cell_lists.collect_few, cell_lists.union,
        hash_groups.add_tokens, cell_counts.arrange, cell_counts.count, cell_counts.place,
    ]  # fmt: skip
    calls.warm()
    warm = [len(kernel.signatures) for kernel in kernels]  # type: ignore[attr-defined]
    lines = b'192.0.2.1 - - [20/Nov/2026:00:00:00 +0000] "GET /a?a=1 HTTP/1.1" 200 1 "-" "A"\njunk\n'
    data = np.frombuffer(lines + b"\0" * 64, np.uint8)
    directive = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'
    columns = frozenset({"time", "client", "path", "query", "status", "bytes", "referrer", "agent"})
    parser = TextParser(directive, allowed_parameters=frozenset([b"a"]), columns=columns)
    assert parser.parse(Chunk(0, "x", data, len(lines), Accounts())).batch.num_rows == 1
    ids, _ = group.group(np.array([3, 3, 4], np.uint64))
    group.sum_by(ids, 2, np.ones(3, np.int64))
    group.order_by(ids, 2)
    tokens = np.arange(4096, dtype=np.uint64).reshape(-1, 2)
    group.Tokens().number(tokens)
    many = np.arange(2048, dtype=np.int32)
    Cells(3, 0, 0).add(many, np.stack([many] * 3), [2, 0, 1], np.zeros((0, 2048), np.int64), tokens[:, 0][:0].copy())
    assert [len(kernel.signatures) for kernel in kernels] == warm == [1] * len(kernels)  # type: ignore[attr-defined]
