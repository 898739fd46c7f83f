"""What is written for each column of a format: a copy, a constant, or words by treatment, found by the column's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from schemas.policy import Policy
from schemas.stages import Accounts
from transforms.kernels.block import Block, Int32, Int64
from transforms.kernels.calls import Parameters, split_requests
from transforms.kernels.writing import Lexicon
from transforms.parse import allowed_parameters
from transforms.scrub import targets
from transforms.scrub.addresses import NO_ADDRESS, Addresses, DayKeys
from transforms.scrub.agents import Agents
from transforms.scrub.family import NOTHING, Family
from transforms.scrub.places import Hosts, Referrers
from transforms.scrub.remembered import Numbers, Quads, Remembered, RememberedRuns, Source, Span
from transforms.scrub.targets import Targets
from transforms.treatments import site, when

Memory = TypeVar("Memory", Remembered, RememberedRuns, Quads)
CONTEXTS = 1 << 16  # pairs of day and site that are remembered
NOTED = "no_address"
_SIGNS = b"0123456789abcdef.:"  # of addresses


class Treatments:
    """What scrub does to values, by policy; the formats of one scrub share it."""

    def __init__(self, policy: Policy, forced_site: str | None, addresses: str, keys: DayKeys) -> None:
        self.policy, self.sites = policy, policy.all_sites
        self.addresses, self.keys = Addresses(policy, addresses, keys), keys
        self.site = {has_host: site.Treatment(policy, forced_site, has_host) for has_host in (True, False)}
        self.targets, self.hosts, self.agents = Targets(policy), Hosts(policy), Agents()
        self.referrers = Referrers(policy, self.hosts, self.targets)
        self.parameters, self.when = Parameters(allowed_parameters(policy)), when.Treatment(policy)


class View(NamedTuple):
    """The parsed lines of a block: starts, lens int32[fields, rows]; times int64[rows]; the site's number of each row.

    numbers uint64[rows] is filled where clients are written by number.
    """

    block: Block
    starts: Int32
    lens: Int32
    times: Int64
    sites: Int32 | int
    numbers: Numbers
    accounts: Accounts

    def span(self, field: int) -> Span:
        return self.block, self.starts[field], self.lens[field]


Writer = Callable[[View], Int32]
"""Numbers of words, int32[pieces, rows], that are written for a field, one behind the other."""


class Columns:
    """The writers of one format, and all that they remember."""

    def __init__(self, family: Family, by: Treatments, lexicon: Lexicon) -> None:
        self._family, self._by, self._lexicon = family, by, lexicon
        self._at = {slot.column: i for i, slot in enumerate(family.slots)}
        self._memories: list[Remembered | RememberedRuns | Quads] = []
        self._kept = Block()
        self._hosts, self._site_of = Source(), np.zeros(0, np.int32)
        self._contexts: dict[tuple[int, int], int] = {}
        self._context: list[tuple[int, int]] = []
        self.behind: dict[int, bytes] = {}
        self.by_number: set[int] = set()
        self._numbers = {one.name: i for i, one in enumerate(by.sites)}

    @property
    def full(self) -> bool:
        return self._hosts.full or len(self._contexts) > CONTEXTS or any(one.full for one in self._memories)

    def writer(self, i: int) -> tuple[int, Writer] | None:
        """(pieces, writer) of a field; None where "-" is all that is written for it."""
        column = self._family.slots[i].column
        if column == "forwarded" and not self._by.policy.ip.trusted_proxies:
            return None
        made = {
            "client": self._address, "forwarded": self._address, "host": self._host, "referrer": self._referrer,
            "agent": self._agent, "request": self._request, "target": self._target, "path": self._path,
            "query": self._query, "method": self._method, "protocol": self._protocol,
        }.get(column)  # fmt: skip
        return made(i) if made else None

    def sites(self, view: View) -> Int32 | int:
        """The number of each row's site, or of all rows'."""
        if "host" not in self._at:
            return self._numbers[self._by.site[False].treat(None)]
        codes = self._hosts.encode(view.span(self._at["host"]))
        fresh = [self._numbers[self._by.site[True].treat(host)] for host in self._hosts.values[len(self._site_of) :]]
        self._site_of = np.concatenate([self._site_of, np.array(fresh, np.int32)])
        sites: Int32 = self._site_of[codes]
        return int(sites[0]) if sites.size and (sites == sites[0]).all() else sites

    # ---- one column -------------------------------------------------------------------------------------------------

    def _remember(self, treat: Callable[..., Sequence[int]], sources: int = 1, width: int = 1) -> Remembered:
        return self._keep(Remembered(treat, sources, width))

    def _keep(self, memory: Memory) -> Memory:
        self._memories.append(memory)
        return memory

    def _word(self, i: int, word: bytes, last: bool = True) -> int:
        """The number of what is written; `last`: as the last piece of a field, with what stands behind the field."""
        return self._lexicon.number(self._family.fitting(i, word) + (self.behind[i] if last else b""))

    def _single(self, i: int, treat: Callable[[bytes | None], bytes]) -> tuple[int, Writer]:
        remembered = self._keep(RememberedRuns(lambda value: self._word(i, treat(value))))
        return 1, lambda view: remembered(view.span(i))

    def _host(self, i: int) -> tuple[int, Writer]:
        return self._single(i, self._by.hosts.treat)

    def _agent(self, i: int) -> tuple[int, Writer]:
        return self._single(i, self._by.agents.treat)

    def _method(self, i: int) -> tuple[int, Writer]:
        return self._single(i, targets.method)

    def _protocol(self, i: int) -> tuple[int, Writer]:
        return self._single(i, targets.protocol)

    def _referrer(self, i: int) -> tuple[int, Writer]:
        treat = self._by.referrers.treat
        remembered = self._remember(lambda number, value: (self._word(i, treat(number, value)),))
        return 1, lambda view: remembered(view.sites, view.span(i))

    # ---- addresses --------------------------------------------------------------------------------------------------

    def _address(self, i: int) -> tuple[int, Writer]:
        """client or forwarded: words of the one visitor, by day and site."""
        fields = [self._at["client"]]
        if "forwarded" in self._at and self._by.policy.ip.trusted_proxies:
            fields.append(self._at["forwarded"])
        is_client = i == fields[0]

        def treat(number: int, client: bytes | None, forwarded: bytes | None = None) -> tuple[int, int]:
            day, place = self._context[number]
            written, behind = self._by.addresses.treat(day, self._by.sites[place], client, forwarded)
            return address(written) if is_client else self._word(i, behind), int(is_client and written is None)

        def treat_quads(number: int, quads: Int64) -> Numbers:
            day, place = self._context[number]
            return self._by.addresses.quads(day, self._by.sites[place], quads)

        def address(written: bytes | None) -> int:
            fitting = self._family.fitting(i, written or NO_ADDRESS)
            return self._lexicon.number((NO_ADDRESS if fitting == NOTHING else fitting) + self.behind[i])

        texts = self._remember(treat, len(fields), 2)
        alone = None
        if len(fields) == 1 and self._family.fitting(i, _SIGNS) == _SIGNS:  # every address may stand in the field
            alone = self._keep(Quads(treat_quads, self._by.addresses.daily, texts))
            self.by_number.add(i)

        def write(view: View) -> Int32:
            contexts = self._days_and_sites(view)
            if alone:
                words, noted = alone(contexts, view.span(i), view.numbers)
            else:
                words, noted = texts(contexts, *map(view.span, fields))
            if count := int(noted.sum()):
                view.accounts.noted[NOTED] += count
            return np.atleast_2d(words)

        return 1, write

    def _days_and_sites(self, view: View) -> Int32 | int:
        """A number for the day (by the clock of the policy's zone) and site of each row, or of all rows."""
        days = self._by.when.days(view.times, self._by.policy.timezone) if self._by.addresses.daily else 0
        if isinstance(days, int) and isinstance(view.sites, int):
            return self._context_of(days, view.sites)
        key = np.asarray(days, np.int64) * len(self._by.sites) + view.sites
        found, where = np.unique(key, return_inverse=True)
        numbers = [self._context_of(*divmod(one, len(self._by.sites))) for one in found.tolist()]
        return np.array(numbers, np.int32)[where]

    def _context_of(self, day: int, site: int) -> int:
        if (day, site) not in self._contexts:
            self._contexts[day, site] = len(self._contexts)
            self._context.append((day, site))
        return self._contexts[day, site]

    # ---- targets ----------------------------------------------------------------------------------------------------

    def _parts(self, view: View) -> Int32:
        """int32[4, rows]: start and length of the path and of the query in the field that holds both."""
        whole = next(name for name in ("request", "target", "path") if name in self._at)
        return split_requests(*view.span(self._at[whole]), whole == "request")

    def _words(self, path: int, query: int | None, last: bool = True) -> Callable[[View, Int32], Int32]:
        """Words of path and query of each row; `path` and `query` are the fields that they are written in, if any."""

        def treat(number: int, *target: bytes | None) -> tuple[int, int]:
            words = self._by.targets.treat(number, *target)
            if query is None:
                return self._word(path, words[0]), 0
            shown = self._query_word(query, words[1])
            return self._word(path, words[0], last and path != query), self._word(query, shown, last)

        remembered = self._remember(treat, 2, 2)

        def words(view: View, parts: Int32) -> Int32:
            queries = view.span(self._at["query"])[1:] if "query" in self._at else (parts[2], parts[3])
            selected = self._by.parameters.select(view.block, queries[0], queries[1], self._kept)
            return remembered(view.sites, (view.block, parts[0], parts[1]), (self._kept, *selected))

        return words

    def _query_word(self, field: int, word: bytes) -> bytes:
        """The query as its variable writes it: Apache's %q with its question mark, $args without and "-" for none."""
        slot = self._family.slots[field]
        if slot.column != "query" or slot.variable == "q":
            return word
        return word[1:] or NOTHING

    def _target(self, i: int) -> tuple[int, Writer]:
        words = self._words(i, i)
        return 2, lambda view: words(view, self._parts(view))

    def _path(self, i: int) -> tuple[int, Writer]:
        words = self._words(i, None)
        return 1, lambda view: words(view, self._parts(view))[:1]

    def _query(self, i: int) -> tuple[int, Writer]:
        words = self._words(i, i)
        return 1, lambda view: words(view, self._parts(view))[1:]

    def _request(self, i: int) -> tuple[int, Writer]:
        """Four pieces: method, path, query, protocol."""
        words = self._words(i, i, last=False)
        before = self._keep(RememberedRuns(lambda value: self._word(i, targets.before_path(value), last=False)))
        behind = self._keep(RememberedRuns(lambda value: self._word(i, targets.behind_target(value))))

        def write(view: View) -> Int32:
            block, start, length = view.span(i)
            parts = self._parts(view)
            path, path_length, query, query_length = parts
            none = path_length == 0
            stop = np.where(query_length > 0, query + query_length, path + path_length)
            front = np.where(none, np.int32(0), path - start)
            rest = np.where(none, np.int32(0), start + length - stop)
            return np.concatenate([before((block, start, front)), words(view, parts), behind((block, stop, rest))])

        return 4, write
