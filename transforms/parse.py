"""Parse: chunks of lines in, events out, by the formats that each file has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from schemas.load import Fields, Format
from schemas.policy import Policy
from schemas.stages import Accounts, Chunk, Events
from transforms.endpoints import Endpoints
from transforms.kernels.block import PADDING
from transforms.parsers.escapes import from_bytes
from transforms.parsers.families import by_header, readers, readers_behind
from transforms.parsers.reader import UNREAD, Reader
from transforms.parsers.text import TextParser
from transforms.treatments import parameters

_MOST = 64  # parsers kept: a file whose header changes with each line must not fill the memory


class Parse:
    """A step of the fused stage. `formats` are those of the plan, by the names of which those in Ranges are made.

    "a+b": lines that a does not read are in b. "e/a": lines of a are inside those of the envelope e. `now`: by when the
    lines were written, in seconds since the epoch; without it those whose time says no year are rejected.
    """

    def __init__(self, policy: Policy, fields: Fields, formats: Mapping[str, Format], now: int | None = None) -> None:
        self.formats, self.columns, self.now = dict(formats), fields.kept, now
        allowed = allowed_parameters(policy)
        self.allowed: frozenset[bytes] | None = allowed
        self.endpoints = Endpoints(policy.endpoints, allowed)
        self._parsers: dict[Reader, TextParser] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_parsers": {}}

    def release(self) -> None:
        """Drop the working memory of the parsers: the bundle is over."""
        self._parsers = {}

    def __call__(self, chunks: Iterator[Chunk]) -> Iterator[Events]:
        for chunk in chunks:
            yield from self.events(chunk)

    def events(self, chunk: Chunk) -> Iterator[Events]:
        """Events of a chunk, one batch for each format that is in it."""
        envelope, _, inner = chunk.format.rpartition("/")
        if envelope:
            chunk = self._inside(readers(self.formats[envelope]), chunk)
        names = inner.split("+")
        first = self.formats[names[0]]
        if not first.header:
            yield from self._tried([one for name in names for one in readers(self.formats[name])], chunk)
            return
        accounts = chunk.accounts
        for header, lines in by_header(first, chunk.header, chunk.buffer[: chunk.size].tobytes()).items():
            yield from self._tried(readers_behind(first, header) or (UNREAD,), _chunk(chunk, lines, accounts))
            accounts = Accounts()

    def _inside(self, tried: Sequence[Reader], chunk: Chunk) -> Chunk:
        """The lines that are inside those of an envelope, by each reader of what those before it refused."""
        inside, outside = b"", chunk
        for number, reader in enumerate(tried):
            refused: list[bytes] = []
            lines, accounts = self.parser(reader).inside(outside, None if number == len(tried) - 1 else refused)
            inside += from_bytes(lines) if reader.escapes == "json" else lines
            outside = _chunk(chunk, b"".join(refused), accounts)
        return _chunk(chunk, inside, outside.accounts)

    def _tried(self, tried: Sequence[Reader], chunk: Chunk) -> Iterator[Events]:
        """Events by each reader of what those before it refused."""
        for number, reader in enumerate(tried):
            last = number == len(tried) - 1
            refused: list[bytes] = []
            events = self.parser(reader).parse(chunk, None if last else refused)
            if events.batch.num_rows or last or not refused:
                yield events
                accounts = Accounts()
            else:
                accounts = events.accounts
            if last or not refused:
                return
            chunk = _chunk(chunk, b"".join(refused), accounts)

    def parser(self, reader: Reader) -> TextParser:
        """The parser of a reader, made once a worker."""
        if reader not in self._parsers:
            if len(self._parsers) >= _MOST:
                self._parsers.clear()
            self._parsers[reader] = TextParser(
                reader, allowed_parameters=self.allowed, columns=self.columns, endpoints=self.endpoints, now=self.now
            )
        return self._parsers[reader]


def _chunk(chunk: Chunk, lines: bytes, accounts: Accounts) -> Chunk:
    """The same chunk with other lines."""
    buffer = np.concatenate([np.frombuffer(lines, np.uint8), np.zeros(PADDING, np.uint8)])
    return Chunk(chunk.file, chunk.format, buffer, len(lines), accounts)


def allowed_parameters(policy: Policy) -> frozenset[bytes]:
    """Names of all query parameters that some site may publish a value of; every other one is gone after parsing."""
    return parameters.NAMES | {name.encode() for name in policy.parameter_names}
