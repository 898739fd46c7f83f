"""Events as Parquet: what Anonymise yields before it is added up, and the address as scrub writes it; still personal data."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.durable import PRIVATE_FILE, PRIVATE_FOLDER, sync_folders, write_whole
from pipeline.entry import FOLDERS
from pipeline.find import Input
from pipeline.rejects import refuse_rejects
from pipeline.scrubber import Scrubber, chunks
from schemas import load
from schemas.lineage import Holding, refuse_link
from schemas.stages import Accounts, Events, PseudonymousEvents
from schemas.trouble import Trouble
from transforms import accounts as adding
from transforms.anonymise import Bench
from transforms.distinct import Source
from transforms.geography import Countries
from transforms.partials import number

NOTICE = """\
The events in this folder are PSEUDONYMISED, STILL PERSONAL DATA (GDPR, article 4(5)).
Each row is one request of one person: what is left of it can be enough to find the person in the raw log.
Keep it as you keep the log, and as short as you can. What may leave the house is made by `crowdlog run`.
"""
METADATA = {b"crowdlog": b"pseudonymised events, still personal data"}
WORDS = (
    "country", "site", "route", "source", "campaign_medium", "campaign", "status", "status_class", "le_ms", "medium",
    "domain", "agent_class", "family", "major", "os", "device", "bot",
)  # fmt: skip
"""Columns of PseudonymousEvents that are written; a list, so that keyed hashes (network, agent_mark) and new ones are not."""

SCHEMA = pa.schema(
    [
        ("time", pa.timestamp("ms", "UTC")),  # whole seconds; Parquet has no coarser unit
        ("ip", pa.string()),
        *((name, pa.string()) for name in WORDS),
        ("bytes", pa.int64()),
    ],
    METADATA,
)


class Writing:
    """An output folder in the making: beside its place, with a name of its own, until it is whole."""

    def __init__(self, output: Path) -> None:
        self.output = output.absolute()
        self.folder = self.output.with_name(f".{self.output.name}.{secrets.token_hex(8)}.tmp")

    def __enter__(self) -> Path:
        refuse_used(self.output)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        os.mkdir(self.folder, PRIVATE_FOLDER)
        return self.folder

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                write_whole(self.folder / "NOTICE.txt", NOTICE.encode(), PRIVATE_FILE)
                sync_folders([self.folder])
                os.rename(self.folder, self.output)  # over an empty folder, or none
                sync_folders([self.output.parent])
        except OSError as error:
            raise Trouble("E104", f"{self.output} cannot be put in place: {error.strerror}") from None
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def refuse_used(output: Path) -> None:
    """Raise Trouble E407 unless the folder is empty or not there: events never lie beside what may leave the house."""
    if not output.exists():
        return
    held = {entry.name for entry in output.iterdir()}
    if held & {*FOLDERS.values(), "internal", "preview"}:
        raise Trouble("E407", f"{output} holds a release: personal data must not lie in it; name another folder")
    if held:
        raise Trouble("E407", f"{output} is not empty; name a new folder")


def write_events(
    output: Path, inputs: Sequence[Input], scrubber: Scrubber, countries: Countries, max_reject_rate: float
) -> Accounts:
    """events-00000.parquet and so on, one an input, in the order of its lines. Raises Trouble; then nothing is there."""
    refuse_link(
        load.fields(), Holding("a file of scrubbed events", ("network", *WORDS, "bytes"))
    )  # its ip is the network
    bench = Bench(scrubber.policy, scrubber.site, countries, secrets.token_bytes(32))
    total = Accounts()
    with Writing(output) as folder:
        for place, source in enumerate(inputs):
            path = folder / f"events-{place:05}.parquet"
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
            try:
                with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
                    for chunk in chunks(source, place, scrubber):
                        for events in scrubber.parse.events(chunk):
                            treated = bench.anonymise(events)  # first: it counts what it notes
                            writer.write_table(table(events, treated, scrubber))
                            adding.add(total, events.accounts)
            except OSError as error:
                raise Trouble("E104", f"{output} cannot be written to: {error.strerror}") from None
        refuse_rejects(total.parsed, total.rejected, max_reject_rate)
    return total


def table(events: Events, treated: PseudonymousEvents, scrubber: Scrubber) -> pa.Table:
    """Rows of SCHEMA. Columns are plain strings: a dictionary page would hold words of other rows (DESIGN.md 5.14)."""
    columns = {
        "time": events.batch["time"].cast(pa.timestamp("s", "UTC")),
        "ip": addresses(events, treated, scrubber),
        **{name: treated.batch[name] for name in (*WORDS, "bytes")},
    }
    return pa.table([columns[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names], schema=SCHEMA)


def addresses(events: Events, treated: PseudonymousEvents, scrubber: Scrubber) -> pa.Array:
    """The address of each row as scrub writes it, null where the log has none; on distinct values."""
    by, source = scrubber.treatments, Source(events.batch)
    days, _ = by.when.treat(source.batch["time"].to_numpy(), scrubber.policy.timezone)
    names = treated.batch["site"].dictionary.to_pylist()
    sites = {one.name: one for one in by.sites}
    site = treated.batch["site"].indices.to_numpy()
    ids, first = number((days, site, source.codes("client"), source.codes("forwarded")))
    clients, forwarded = source.values("client"), source.values("forwarded")
    found = [
        by.addresses.treat(day, sites[names[place]], clients[client], forwarded[behind])[0]
        for day, place, client, behind in zip(
            days[first].tolist(), site[first].tolist(), source.codes("client")[first].tolist(),
            source.codes("forwarded")[first].tolist(), strict=True,
        )
    ]  # fmt: skip
    return pa.array([None if one is None else one.decode() for one in found], pa.string()).take(
        pa.array(ids.astype(np.int64))
    )
