"""JSON lines with words in the place of their values: keys in their order, only those that the format declares."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from schemas.stages import Accounts
from transforms.kernels.lines import Key
from transforms.parsers.json_lines import JsonReader, key_path
from transforms.parsers.reader import Read
from transforms.scrub.family import NOTHING, UNDECLARED

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_TEXTS = frozenset({"client", "forwarded", "visitor"})  # what is written for these is no number, whatever stood there


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, in their order."""


class _Number(str):
    """A number as it was written."""


class _Node:
    """What the format declares at one place of a line, and below it."""

    def __init__(self) -> None:
        self.slot: int | None = None
        self.below: dict[Key, _Node] = {}

    @property
    def last(self) -> int:
        """The highest number of an entry that is declared, -1 for none."""
        return max((key for key in self.below if isinstance(key, int)), default=-1)


class JsonLine:
    """Builds a line anew from the values that its format declares. Numbers stay numbers; true and false become false."""

    def __init__(self, reader: JsonReader) -> None:
        self._fields, self._root = reader.fields, _Node()
        for slot, field in enumerate(reader.fields):
            node = self._root
            for key in key_path(field.variable):
                node = node.below.setdefault(key, _Node())
            node.slot = slot

    def put(self, line: bytes, read: Read, words: Sequence[bytes], accounts: Accounts) -> bytes:
        """See Puts. In arrays null stands for entries that are not declared, so that the others keep their numbers."""
        tree = json.loads(line, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)
        return _text(self._kept(tree, self._root, words, accounts)).encode()

    def _kept(self, value: Any, node: _Node, words: Sequence[bytes], accounts: Accounts) -> Any:
        """What is written for a value at a declared place; None where it is none that is read there."""
        if value is None:
            return None
        if isinstance(value, _Pairs) and node.below:
            kept = _Pairs(
                (name, self._kept(one, node.below[name], words, accounts)) for name, one in value if name in node.below
            )
            if left_out := len(value) - len(kept):
                accounts.noted[UNDECLARED] += left_out
            return kept
        if isinstance(value, list) and node.below and not isinstance(value, _Pairs):
            return self._entries(value, node, words, accounts)
        is_text = isinstance(value, str | bool)
        if node.slot is None or not (is_text or (isinstance(value, list) and self._is_whole(node.slot, value))):
            accounts.noted[UNDECLARED] += 1
            return None
        return self._scalar(value, node.slot, words[node.slot].decode())

    def _entries(self, value: list[Any], node: _Node, words: Sequence[bytes], accounts: Accounts) -> list[Any]:
        """Entries of an array: by their number, or those that say of themselves what they are."""
        kept: list[Any] = []
        for at, one in enumerate(value):
            chosen = [key for key in node.below if isinstance(key, tuple) and _says(one, key)]
            if chosen:
                kept.append(self._chosen(one, chosen, node, words, accounts))
            elif at <= node.last:
                kept.append(self._kept(one, node.below.get(at, _Node()), words, accounts))
            else:
                accounts.noted[UNDECLARED] += 1
        return kept

    def _chosen(
        self, entry: _Pairs, keys: Sequence[tuple[str, str]], node: _Node, words: Sequence[bytes], accounts: Accounts
    ) -> _Pairs:
        """An entry that was found by the text under a key, with that text."""
        shown = dict(keys)
        below = {name: one for key in keys for name, one in node.below[key].below.items()}
        kept = _Pairs()
        for name, one in entry:
            if name in shown:
                kept.append((name, shown[name]))
            elif name in below:
                kept.append((name, self._kept(one, below[name], words, accounts)))
            else:
                accounts.noted[UNDECLARED] += 1
        return kept

    def _is_whole(self, slot: int, value: Any) -> bool:
        """Whether an array or object is read as a whole: a list, or a message byte by byte."""
        return not isinstance(value, _Pairs) and (
            self._fields[slot].type == "list" or self._fields[slot].column == "message"
        )

    def _scalar(self, value: Any, slot: int, word: str) -> Any:
        field = self._fields[slot]
        if isinstance(value, list) and field.type == "list":
            return [] if word in ("", NOTHING.decode()) else word.split(",")
        if isinstance(value, bool):
            return False
        if isinstance(value, _Number) and field.column not in _TEXTS:
            return _Number(word if _NUMBER.fullmatch(word) else 0)
        return word


def _says(entry: Any, key: tuple[str, str]) -> bool:
    """Whether an entry is an object that has the text under the key."""
    return isinstance(entry, _Pairs) and any(
        name == key[0] and isinstance(one, str) and not isinstance(one, _Number) and one == key[1]
        for name, one in entry
    )


def _text(value: Any) -> str:
    """JSON without blanks, in ASCII."""
    if isinstance(value, _Pairs):
        return "{" + ",".join(f"{json.dumps(name)}:{_text(one)}" for name, one in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value)
