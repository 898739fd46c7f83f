"""Merge and Gather: partial tallies added up by number, then everything of one site in one place."""

from collections.abc import Iterable

import apache_beam as beam
from apache_beam import coders, typehints

from schemas.trouble import only_codes
from transforms import partials
from transforms.keys import KeyReference, Seal
from transforms.sealed import open_all, seal_accounts, seal_partial


class ArrowMerge(beam.CombineFn):
    """Sealed tallies of one number → one sealed tally. Accumulators are lists of sealed bytes, merged when they have doubled.

    And a quarter more: of tallies of about one size, as Ranges give them, when the third one comes.
    """

    WAITING = 16 << 20  # bytes that all numbers together may hold before merging: waiting is cheaper

    def __init__(self, key: KeyReference, shares: int, content: type[bytes] = bytes) -> None:
        self.key, self.floor, self.content = key, self.WAITING // shares, content

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, held: list[bytes], sealed: bytes) -> list[bytes]:
        held.append(sealed)
        return self._merge(held) if _fresh(held) > max(self.floor, len(held[0]) + len(held[0]) // 4) else held

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return [sealed for held in accumulators for sealed in held]

    def compact(self, held: list[bytes]) -> list[bytes]:
        """At the end of a bundle: what is small is merged once, with that of other bundles."""
        return self._merge(held) if _fresh(held) > self.floor else held

    def extract_output(self, held: list[bytes]) -> bytes:
        return self._merge(held)[0]

    def _merge(self, held: list[bytes]) -> list[bytes]:
        if len(held) > 1:
            held[:] = [self._merged(held)]  # in place, for Beam keeps the list until all numbers are done
        return held

    def _merged(self, held: list[bytes]) -> bytes:
        with only_codes():
            seal = Seal(self.key.fetch())
            tallies, total = open_all(seal, held)
            if tallies:
                return seal_partial(seal, partials.merge([tally.whole() for tally in tallies]))
            return seal_accounts(seal, total)

    def get_accumulator_coder(self) -> coders.Coder:
        return coders.IterableCoder(coders.registry.get_coder(self.content))


def _fresh(held: list[bytes]) -> int:
    """Bytes behind the first sealed tally."""
    return sum(map(len, held[1:]))


class Merge(beam.PTransform):
    """(number, sealed) → one (number, sealed) a number."""

    def __init__(self, key: KeyReference, shares: int, content: type[bytes] = bytes) -> None:
        super().__init__()
        self.merge, self.content = ArrowMerge(key, shares, content), content

    def expand(self, tallies: beam.PCollection[tuple[int, bytes]]) -> beam.PCollection[tuple[int, bytes]]:
        return tallies | "ArrowMerge" >> beam.CombinePerKey(self.merge).with_output_types(
            typehints.Tuple[int, self.content]
        )


class Gather(beam.PTransform):
    """(number, sealed) → (site number, all sealed tallies of the site and the accounts of the run)."""

    def __init__(self, sites: int, shares: int, content: type[bytes] = bytes) -> None:
        super().__init__()
        self.address, self.content = Address(sites, shares), content

    def expand(self, tallies: beam.PCollection[tuple[int, bytes]]) -> beam.PCollection[tuple[int, Iterable[bytes]]]:
        addressed = beam.ParDo(self.address).with_output_types(typehints.Tuple[int, self.content])
        return tallies | "Address" >> addressed | "BySite" >> beam.GroupByKey()


class Address(beam.DoFn):
    """A tally goes to its site, the accounts of the run to every site: periods are judged by the whole input."""

    def __init__(self, sites: int, shares: int) -> None:
        self.sites, self.shares = sites, shares

    def process(self, tally: tuple[int, bytes]) -> Iterable[tuple[int, bytes]]:
        number, sealed = tally
        site = number // self.shares
        for to in range(self.sites) if site == self.sites else (site,):
            yield to, sealed
