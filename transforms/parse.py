"""Parse: chunks of lines in, events out, by the format that each file has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from schemas.load import Fields
from schemas.policy import Policy
from schemas.stages import Chunk, Events
from transforms.parsers.text import TextParser
from transforms.treatments import parameters


class Parse:
    """A step of the fused stage. `directives` are the formats of the plan by the name that Ranges carry."""

    def __init__(self, policy: Policy, fields: Fields, directives: dict[str, str]) -> None:
        self.directives, self.columns = directives, fields.kept
        self.allowed = allowed_parameters(policy)
        self._parsers: dict[str, TextParser] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_parsers": {}}

    def release(self) -> None:
        """Drop the working memory of the parsers: the bundle is over."""
        self._parsers = {}

    def __call__(self, chunks: Iterator[Chunk]) -> Iterator[Events]:
        for chunk in chunks:
            yield self.parser(chunk.format).parse(chunk)

    def parser(self, name: str) -> TextParser:
        """The parser of a format, made once a worker."""
        if name not in self._parsers:
            directive = self.directives[name]
            self._parsers[name] = TextParser(directive, allowed_parameters=self.allowed, columns=self.columns)
        return self._parsers[name]


def allowed_parameters(policy: Policy) -> frozenset[bytes]:
    """Names of all query parameters that some site may publish a value of; every other one is gone after parsing."""
    return parameters.NAMES | {name.encode() for site in policy.sites for name in site.parameters}
