"""What each stage makes of the sample logs; `python tests/expected.py [NAME…]` (make expected) rewrites the files beside them."""

from __future__ import annotations

import datetime as dt
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "sample_logs")]

import small  # noqa: E402

from pipeline.chosen import chosen_formats  # noqa: E402
from pipeline.find import find  # noqa: E402
from pipeline.options import Wanted  # noqa: E402
from pipeline.plan import plan  # noqa: E402
from pipeline.read import Read  # noqa: E402
from pipeline.run import run  # noqa: E402
from schemas import load  # noqa: E402
from schemas.policy import read_policy  # noqa: E402
from schemas.tables import trends  # noqa: E402
from transforms.anonymise import Bench  # noqa: E402
from transforms.geography import Countries  # noqa: E402
from transforms.parse import Parse  # noqa: E402

SAMPLES = ROOT / "sample_logs"
LINES = 60  # lines of each log of which the events are kept
NOW = int(dt.datetime(2026, 12, 1, tzinfo=dt.UTC).timestamp())  # every period of the samples is closed
# columns and tables of event logs: left out where a log has nothing of them, for most have not
TRACKED = ("event", "affiliate", "link", "licence", "server", "features")
ABOUT_EVENTS = ("affiliates", "links", "licences", "servers", "features")
COUNTS = ("lines", "skipped", "parsed", "rejected", "noted", "tables", "shapes")


def formats() -> list[str]:
    """Folders of sample_logs that hold a log."""
    return sorted(path.parent.name for path in SAMPLES.glob("*/input.log"))


def wanted(name: str, output: Path) -> Wanted:
    """How a sample is run: with the sample policy and the small country database."""
    writer = small.writers().get(name)
    own = {"format": name} if name not in load.formats() or (writer and writer.named) else {}
    policy, database = SAMPLES / "crowdlog.toml", SAMPLES / "test-country.mmdb"
    return Wanted((str(SAMPLES / name / "input.log"),), output, policy, geo_db=database, **own)


def stages(name: str, folder: Path) -> Mapping[str, str]:
    """Content of each expected file of a sample, by name; `folder` is for the output of the run."""
    return {**of_first_lines(name), **of_run(name, folder)}


def of_first_lines(name: str) -> Mapping[str, str]:
    """events.jsonl and pseudonymous.jsonl: one object a line for the first parsed lines."""
    asked = wanted(name, Path())
    policy = read_policy(asked.policy)
    inputs = find(asked.inputs)
    known, names = chosen_formats(asked, policy, inputs)
    chunks = Read(formats=known)(iter(plan(inputs, names, 1 << 30, known)))
    events = next(one for one in Parse(policy, load.fields(), known, NOW)(chunks) if one.batch.num_rows)
    bench = Bench(policy, None, Countries(asked.geo_db), bytes(32))
    return {
        "events.jsonl": "".join(objects(events.batch)),
        "pseudonymous.jsonl": "".join(objects(bench.anonymise(events).batch)),
    }


def objects(batch: pa.RecordBatch) -> Iterator[str]:
    """Rows as JSON; networks and marks by number in order of appearance, for their hashes mean nothing."""
    known: dict[str, dict[bytes | int, int]] = {"network": {}, "agent_mark": {}}
    for row in without_absent(batch.slice(0, LINES)).to_pylist():
        for name, numbers in known.items():
            if row.get(name) is not None:
                row[name] = numbers.setdefault(row[name], len(numbers))
        yield (
            json.dumps(row, default=lambda value: value.decode("utf-8", "backslashreplace"), ensure_ascii=False) + "\n"
        )


def without_absent(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without columns of events that say the same of all rows: nothing, or that all are page views."""
    given = [name for treatment in TRACKED for name in load.fields().treatments[treatment].gives]
    here = [name for name in given if name in batch.schema.names]
    return batch.drop_columns([name for name in here if set(map(str, batch[name].to_pylist())) <= {"None", "page"}])


def of_run(name: str, folder: Path) -> Mapping[str, str]:
    """run.json (the counts) and release.tsv (every published row)."""
    record = run(wanted(name, folder), now=NOW).record
    counts = {key: record[key] for key in COUNTS}
    for name in ABOUT_EVENTS:
        if counts["tables"][name]["not_applicable"] == record["parsed"]:
            del counts["tables"][name]
    return {
        "run.json": json.dumps(counts, indent=1, sort_keys=True) + "\n",
        "release.tsv": "".join(rows(folder / "release")),
    }


def rows(release: Path) -> Iterator[str]:
    """All rows of all tables as text."""
    for table in trends().tables:
        folder = release / table.name
        if folder.exists() or table.name not in ABOUT_EVENTS:
            yield f"# {table.name}\n"
        if folder.exists():
            for file in sorted(folder.rglob("*.parquet")):
                place = "/".join(part.partition("=")[2] for part in file.parent.relative_to(folder).parts)
                for row in ds.dataset(file).to_table().to_pylist():
                    yield "\t".join([place, *map(str, row.values())]) + "\n"


def main() -> None:
    for name in sys.argv[1:] or formats():
        (SAMPLES / name / "expected").mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            for file, content in stages(name, Path(folder)).items():
                (SAMPLES / name / "expected" / file).write_text(content, encoding="utf-8")
                print(f"sample_logs/{name}/expected/{file}: {len(content):,} characters")


if __name__ == "__main__":
    main()
