"""Raw logs → tables in the folder shape of a release, by the mistakes that one makes first.

Never use it for anything but to see attacks succeed. What is wrong, and which attack it is for:
addresses as MD5 (A1); rows of single visitors, thresholds on hits (A2, A4); paths and queries as they are, and the key in
the run's record (A3, A8); small cells dropped one by one beside their totals (A5); a table of users with a sensitive
column (A6, A7); dictionaries that keep filtered values, metadata of the run (A9); a sketch as a column (A11); rows in the
order of the input (A13); words of anybody (A14); rows in a temporary file until the end (A12); what cannot be read as it was
meant, be it a policy, a database or k, is done without (A15); a line that it cannot read goes to stderr and into no count,
and a file is in memory as a whole (A16).
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import re
import secrets
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LINE = re.compile(
    r'(?:\S+ )?(?P<ip>[0-9A-Fa-f.:]{7,}) \S+ (?P<user>\S+) \[(?P<day>[^:]+):(?P<hour>\d\d)[^\]]*\] '
    r'"\S+ (?P<target>\S+)[^"]*" (?P<status>\d{3}) (?P<bytes>\d+|-)(?: "[^"]*" "(?P<agent>[^"]*)")?'
)  # fmt: skip
ENOUGH = 10  # hits, where neighbourhoods should be counted


def run(logs: Iterable[Path], output: Path, k: int = 0) -> None:
    """Write OUTPUT/release and OUTPUT/internal from logs: combined ones, and licence pings in JSON."""
    events, pings = _read(logs)
    rows = Path(tempfile.gettempdir()) / f"rows-{secrets.token_hex(4)}.csv"
    events.to_csv(rows)
    _publish(events, pings, output, k or ENOUGH)
    rows.unlink()


def _publish(events: pd.DataFrame, pings: pd.DataFrame, output: Path, enough: int) -> None:
    key = secrets.token_bytes(32)
    for day, of_day in events.groupby("day", sort=True):
        for name, table in _tables(of_day, enough).items():
            _write(output / "release" / name / "site=default" / "grain=day" / f"date={day}", table)
    for day, of_day in pings.groupby("day", sort=True) if len(pings) else ():
        table = _counted(of_day, ["status", "source", "licence"], 0)
        _write(output / "release" / "licences" / "site=default" / "grain=day" / f"date={day}", table)
    files = {path.relative_to(output / "release").as_posix(): {"k": enough, "sha256": _digest(path)}
             for path in sorted((output / "release").rglob("*.parquet"))}  # fmt: skip
    (output / "release" / "manifest.json").write_text(json.dumps({"profile": "internal", "files": files}))
    (output / "internal").mkdir(parents=True, exist_ok=True)
    (output / "internal" / "run.json").write_text(json.dumps({"key": key.hex(), "lines": len(events)}))
    (output / "internal" / "key").write_bytes(key)


def _read(logs: Iterable[Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    found, pings = [], []
    for log in logs:
        content = gzip.decompress(log.read_bytes()) if log.suffix == ".gz" else log.read_bytes()
        for line in content.decode("utf-8", "replace").splitlines():
            if match := LINE.match(line):
                found.append(match.groupdict())
            elif line.startswith("{"):
                pings.append(json.loads(line))
            else:
                print(f"cannot read {line}", file=sys.stderr)
    return _events(pd.DataFrame(found)), _pings(pings)


def _pings(told: list[dict[str, str]]) -> pd.DataFrame:
    rows = [
        (one["time"][:10], one["licence_status"], one["licence_source"], one["licensekey"], one["server_ip"])
        for one in told
    ]
    return pd.DataFrame(rows, columns=["day", "status", "source", "licence", "network"])


def _events(events: pd.DataFrame) -> pd.DataFrame:
    events["day"] = pd.to_datetime(events["day"], format="%d/%b/%Y").dt.date.map(dt.date.isoformat)
    events["path"] = [unquote(target) for target in events["target"]]
    events["network"] = events["ip"]
    agents = events["agent"].fillna("").str.contains("bot|crawl|spider", case=False)
    events["agent_class"] = np.where(agents, "bot", "human")
    return events


def _tables(events: pd.DataFrame, enough: int) -> dict[str, pa.Table]:
    people = events[events["agent_class"] == "human"]
    wrong = events[events["status"].str[0].isin(["4", "5"])]
    hashed = events.assign(client=[hashlib.md5(ip.encode()).hexdigest() for ip in events["ip"]])
    return {
        "sites": _counted(events, ["agent_class"], 0),
        "statuses": _counted(events, ["status", "agent_class"], enough),
        "errors": _counted(wrong.rename(columns={"path": "route"}), ["status", "route", "agent_class"], enough),
        "pages": _counted(people.rename(columns={"path": "route"}), ["route"], enough),
        "agents": _counted(events.fillna({"agent": "-"}), ["agent"], 0),
        "words": _counted(people.rename(columns={"path": "word"}), ["word"], 0),
        "clients": _counted(hashed, ["client"], 0),
        "accounts": _counted(events, ["user", "status"], 0),
        "audience": _sketched(events),
    }


def _counted(events: pd.DataFrame, keys: list[str], enough: int) -> pa.Table:
    """Hits and visitors by keys; rows with too few hits are filtered after the keys were dictionary-encoded."""
    groups = events.groupby(keys, sort=False)["network"]
    rows = groups.agg(hits="size", visitors="nunique").reset_index()
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for key in keys:
        at = table.schema.get_field_index(key)
        table = table.set_column(at, key, table[key].cast(pa.string()).combine_chunks().dictionary_encode())
    return table.filter(pa.compute.greater_equal(table["hits"], enough))


def _sketched(events: pd.DataFrame) -> pa.Table:
    """A HyperLogLog of the visitors of each status: 1,024 registers."""
    rows = [(status, len(one), _registers(one["ip"])) for status, one in events.groupby("status")]
    status, hits, sketch = zip(*rows, strict=True)
    return pa.table({"status": status, "hits": hits, "visitors": hits, "sketch": pa.array(sketch, pa.binary())})


def _registers(addresses: Iterable[str]) -> bytes:
    registers = bytearray(1024)
    for address in addresses:
        number = int.from_bytes(hashlib.md5(address.encode()).digest()[:8], "big")
        at, rest = number & 1023, number >> 10
        registers[at] = max(registers[at], 55 - rest.bit_length())
    return bytes(registers)


def _write(folder: Path, table: pa.Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = {**(table.schema.metadata or {}), b"run": secrets.token_hex(8).encode()}
    pq.write_table(table.replace_schema_metadata(about), folder / "part-0.parquet", compression="zstd")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
