"""The pipeline that one would write first: Beam, line by line. `python bench/peers/per_line.py LOG OUT`.

It parses with one regular expression, truncates the address and counts hits and addresses by day, path and status. It has
no threshold, no detectors and one table: less than crowdlog does, and a baseline for what elements by the line cost.
"""

from __future__ import annotations

import re
import sys

import apache_beam as beam

LINE = re.compile(r'(\S+) \S+ \S+ \[([^:\]]+):[^\]]+\] "(?:\S+ )?([^ ?"]*)[^"]*" (\d{3}) ')


def parsed(line: str) -> list[tuple[tuple[str, str, str], str]]:
    """((day, path, status), truncated address) of a line that parses."""
    if not (match := LINE.match(line)):
        return []
    address, day, path, status = match.groups()
    return [((day, path, status), address.rpartition(".")[0])]


class Crowd(beam.CombineFn):
    """Hits and distinct truncated addresses."""

    def create_accumulator(self) -> tuple[int, set[str]]:
        return 0, set()

    def add_input(self, held: tuple[int, set[str]], address: str) -> tuple[int, set[str]]:
        held[1].add(address)
        return held[0] + 1, held[1]

    def merge_accumulators(self, parts: list[tuple[int, set[str]]]) -> tuple[int, set[str]]:
        hits, seen = 0, set()
        for n, addresses in parts:
            hits, seen = hits + n, seen | addresses
        return hits, seen

    def extract_output(self, held: tuple[int, set[str]]) -> str:
        return f"{held[0]},{len(held[1])}"


if __name__ == "__main__":
    with beam.Pipeline() as pipeline:
        (
            pipeline
            | beam.io.ReadFromText(sys.argv[1])
            | beam.FlatMap(parsed)
            | beam.CombinePerKey(Crowd())
            | beam.MapTuple(lambda key, counts: ",".join((*key, counts)))
            | beam.io.WriteToText(sys.argv[2])
        )
