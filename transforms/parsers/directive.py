"""A server's own log directive (nginx log_format, Apache LogFormat), as pasted, compiled into a Layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from schemas import load
from transforms.kernels.modes import BARE, FIXED, LAZY, LIST, QUOTED, REST, WORD
from transforms.parsers.layout import Layout
from transforms.parsers.reader import PATTERNS, Field


class DirectiveError(ValueError):
    """A directive cannot be compiled: the message opens with a code and says what is wrong and what to do."""


@dataclass(frozen=True)
class Variable:
    """What schemas/directives.toml says of one variable; `rank` is its place in the file, smaller wins."""

    column: str
    type: str
    rank: int


# The same types as in the head of directives.toml; those without a pattern are text.
_TYPES = frozenset(PATTERNS) | {"text", "word", "request", "target", "path", "query"}
_UNKNOWN = Variable("ignored", "text", 0)
# Composed targets stand first: two variables with nothing between them, but together a target.
_NGINX = re.compile(r"\$(uri\$is_args\$(?:args|query_string))\b|\$(\w+)|\$\{(\w+)\}")
_APACHE = re.compile(r"%(U%q|%)|%([!<>,\d]*)(?:\{([^}]*)\})?([!<>,\d]*)(\^t[io]|[a-zA-Z])")
_STRING = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_LOG_FORMAT = re.compile(r"\s*log_format\s+[^\s'\"]+\s+(?:escape=(\w+)\s+)?(.*)\Z", re.DOTALL)
_APACHE_LOG = re.compile(
    r'\s*(?:LogFormat|TransferLog|CustomLog\s+(?:"[^"]*"|\S+))\s+"((?:[^"\\]|\\.)*)"', re.I | re.DOTALL
)
_HOLDS = {"clf": b"", "iso8601": b"0123456789.,:+-Z"}  # what a number or time may hold, and so cannot end it
_CLF_BYTES = b"0123456789/: +-" + bytes(range(65, 91)) + bytes(range(97, 123))


@cache
def variables() -> Mapping[str, Mapping[str, Variable]]:
    """The shipped schemas/directives.toml: dialect ("nginx", "apache") to name to Variable."""
    here = "schemas/directives.toml"
    data = load.shipped("directives.toml")
    load.only_keys(here, data, ("variable",))
    columns = {*load.fields().columns, "request", "target"}
    found: dict[str, dict[str, Variable]] = {"nginx": {}, "apache": {}}
    for rank, entry in enumerate(data["variable"]):
        load.only_keys(here, entry, ("column", "type", "nginx", "apache"))
        load.expect(here, "column", entry.get("column"), "a column of fields.toml", entry.get("column") in columns)
        load.expect(here, "type", entry.get("type"), f"one of {', '.join(sorted(_TYPES))}", entry.get("type") in _TYPES)
        for dialect, names in found.items():
            for place, name in enumerate(entry.get(dialect, ())):
                load.expect(here, f"the {dialect} variable {name}", "twice", "1 time", name not in names)
                names[name] = Variable(entry["column"], entry["type"], rank * 100 + place)
    return MappingProxyType(found)


@cache
def compile_layout(directive: str) -> Layout:
    """The Layout of a directive: the bare format, or a log_format or LogFormat line as it stands in a server's file.

    Raises DirectiveError (a ValueError) where it could not be read without guessing.
    """
    dialect, text = _unwrap(directive)
    names, texts = (_nginx_pieces if dialect == "nginx" else _apache_pieces)(text)
    lead, *literals = [piece.encode("utf-8", "surrogateescape") for piece in texts]
    if re.search(rb"[\x00-\x08\x0a-\x1f]", b"".join((lead, *literals))):
        raise DirectiveError("bad_text: the format holds a line break or control character, expected one line")
    for left, right, literal in zip(names, names[1:], literals, strict=False):
        if not literal:
            raise DirectiveError(
                f"no_separator: nothing stands between {left} and {right}, so their values cannot be told apart"
            )
    chosen = _choose(dialect, names)
    fields = tuple(
        Field(name, found.column, found.type, _mode(found, before, after))
        for name, found, before, after in zip(names, chosen, (lead, *literals), literals, strict=False)
    )
    _check(fields, literals)
    return Layout(directive, lead, fields, tuple(literals))


# ---- what was pasted ------------------------------------------------------------------------------------------------


def _unwrap(directive: str) -> tuple[str, str]:
    """Dialect and bare format of what was pasted."""
    text = directive.strip()
    if not text:
        raise DirectiveError("empty: the directive is empty, expected an nginx log_format or an Apache LogFormat")
    if match := _LOG_FORMAT.match(text):
        if match[1] == "json":
            raise DirectiveError("escape_json: this log_format writes JSON (escape=json); name a JSON format instead")
        return "nginx", _join(match[2])
    if match := _APACHE_LOG.match(text):
        return "apache", _unescape(match[1])
    if text.startswith("'") and re.fullmatch(rf"(?:{_STRING.pattern}|\s)+;?", text, re.DOTALL):
        text = _join(text)
    elif (match := re.fullmatch(r'"((?:[^"\\]|\\.)*)"', text, re.DOTALL)) and len(text) > 2:
        text = _unescape(match[1])
    nginx, apache = _NGINX.search(text), any(m[1] != "%" for m in _APACHE.finditer(text))
    if nginx and apache:
        raise DirectiveError("mixed: both $variables (nginx) and %directives (Apache) are in it, expected one of them")
    if not nginx and not apache:
        raise DirectiveError("no_variable: neither $variables (nginx) nor %directives (Apache) are in it")
    return ("nginx", text) if nginx else ("apache", _unescape(text))


def _join(text: str) -> str:
    """The quoted pieces of an nginx directive, joined as nginx does."""
    text = text.strip().removesuffix(";")
    if rest := _STRING.sub("", text).strip():
        if any(mark in rest for mark in "'\";"):
            raise DirectiveError("bad_quotes: the quotes of the log_format do not match, expected one whole directive")
        return text  # without quotes: nginx allows it where the format holds no space
    return "".join(_unescape(m[1] if m[1] is not None else m[2]) for m in _STRING.finditer(text))


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"t": "\t", "n": "\n", "r": "\r"}.get(m[1], m[1]), text, flags=re.DOTALL)


# ---- pieces ---------------------------------------------------------------------------------------------------------


def _nginx_pieces(text: str) -> tuple[list[str], list[str]]:
    """Names of the variables, and the texts around them (one more)."""
    names, texts, end = [], [], 0
    for match in _NGINX.finditer(text):
        names.append(match[1] or match[2] or match[3])
        texts.append(text[end : match.start()])
        end = match.end()
    return names, [*texts, text[end:]]


def _apache_pieces(text: str) -> tuple[list[str], list[str]]:
    names, texts, held, end = [], [], "", 0
    for match in _APACHE.finditer(text):
        held += text[end : match.start()]
        end = match.end()
        if match[1] == "%":
            held += "%"
            continue
        name = match[1] or _apache_name(match[2] + match[4], match[3], match[5])
        brackets = name == "t"  # %t writes its own brackets
        names.append(name)
        texts.append(held + "[" * brackets)
        held = "]" * brackets
    return names, [*texts, held + text[end:]]


def _apache_name(modifiers: str, argument: str | None, letter: str) -> str:
    """Name as in directives.toml: modifiers dropped but the > of >s, header names in small letters."""
    if letter in ("i", "o") and argument is not None:
        argument = argument.lower()
    if letter == "t" and argument is not None:
        argument = re.sub(r"^(?:begin|end):", "", argument)
    final = ">" if letter == "s" and ">" in modifiers else ""
    return f"{{{argument}}}{letter}" if argument else final + letter


# ---- fields ---------------------------------------------------------------------------------------------------------


def _choose(dialect: str, names: list[str]) -> list[Variable]:
    """The variable behind each name; where several give the same column, all but the first by rank are ignored."""
    known = variables()[dialect]
    found = [known.get(name.lower() if name.startswith(("http_", "sent_http_")) else name, _UNKNOWN) for name in names]
    kept = load.fields().kept | {"request", "target"}
    best: dict[str, int] = {}
    for i, variable in enumerate(found):
        for part in _parts(variable):
            if part in kept and (part not in best or variable.rank < found[best[part]].rank):
                best[part] = i
    for i, name in enumerate(names):
        if found[i].column in kept and name in names[:i]:
            raise DirectiveError(f"repeated: {name} stands more than once, expected each variable once")
    if "client" not in best and "forwarded" in best:  # behind a proxy that nobody logs: the last one it names
        found[best["forwarded"]] = Variable("client", "list", 0)
        best["client"] = best.pop("forwarded")
    if best.get("path") is not None and found[best["path"]].column in ("request", "target"):
        best["query"] = best["path"]
    for need, example in (("client", "$remote_addr or %h"), ("time", "$time_local or %t"), ("path", "$request or %r")):
        if need not in best:
            raise DirectiveError(f"no_{'request' if need == 'path' else need}: nothing gives it, expected {example}")
    return [v if v.column not in kept or i in best.values() else _unread(v) for i, v in enumerate(found)]


def _unread(variable: Variable) -> Variable:
    """The variable of a column that another one gives: still checked where it is a number or time, never built."""
    return Variable("ignored", variable.type if variable.type in PATTERNS else "text", variable.rank)


def _parts(variable: Variable) -> tuple[str, ...]:
    return ("path", "query") if variable.column in ("request", "target") else (variable.column,)


def _mode(found: Variable, before: bytes, after: bytes) -> int:
    if before.endswith(b'"') and after.startswith(b'"'):
        return QUOTED
    if found.type == "clf" and (not after or after[0] in _CLF_BYTES):
        return FIXED
    if found.type == "list" and after.startswith(b" "):
        return LIST
    if not after:
        return WORD if found.type == "word" or found.type in PATTERNS else REST
    return LAZY if found.column == "user" else BARE


def _check(fields: tuple[Field, ...], literals: list[bytes]) -> None:
    for field, literal in zip(fields, literals, strict=True):
        held = _HOLDS.get(field.type, b"0123456789." if field.typed else b"")
        if literal and literal[0] in held:
            raise DirectiveError(
                f"no_end: what stands behind {field.variable} may be a part of it, so it cannot be told where it ends"
            )
    if sum(field.mode == LAZY for field in fields) > 1:
        raise DirectiveError("repeated: the user name stands more than once, expected it once")
