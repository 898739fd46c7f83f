"""Directives as people paste them are compiled into layouts, or refused with a reason."""

from __future__ import annotations

import pickle

import pytest

from schemas import load
from transforms.kernels.modes import BARE, LAZY, QUOTED, WORD
from transforms.parsers.directive import DirectiveError, compile_layout, variables

NGINX = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
APACHE = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'


def shape_of(directive: str) -> tuple[bytes, list[tuple[str, str]], tuple[bytes, ...]]:
    layout = compile_layout(directive)
    return layout.lead, [(field.column, field.type) for field in layout.fields], layout.literals


@pytest.mark.parametrize(
    ("pasted", "bare"),
    [
        pytest.param(f"log_format main '{NGINX}';", NGINX, id="whole log_format"),
        pytest.param(
            "log_format  main  escape=default '$remote_addr - $remote_user [$time_local] \"$request\" '\n"
            "    '$status $body_bytes_sent \"$http_referer\" '\n    '\"$http_user_agent\"';\n",
            NGINX,
            id="log_format in pieces",
        ),
        pytest.param(f"'{NGINX}'", NGINX, id="quoted"),
        pytest.param(NGINX.replace("$status", "${status}"), NGINX, id="braces"),
        pytest.param('LogFormat "' + APACHE.replace('"', '\\"') + '" combined', APACHE, id="whole LogFormat"),
        pytest.param('CustomLog logs/access_log "' + APACHE.replace('"', '\\"') + '"', APACHE, id="CustomLog"),
        pytest.param(APACHE.replace('"', '\\"'), APACHE, id="escaped quotes left over"),
        pytest.param('"' + APACHE.replace('"', '\\"') + '"', APACHE, id="double quotes around"),
    ],
)
def test_pasted_directive_is_the_bare_one(pasted: str, bare: str) -> None:
    """What stands around a format in a server's file changes nothing."""
    assert shape_of(pasted) == shape_of(bare)


def test_apache_combined_is_read_by_columns() -> None:
    """The fields of combined, in order, with the modes that decide where each ends."""
    layout = compile_layout(APACHE)
    assert [(field.column, field.mode) for field in layout.fields] == [
        ("client", BARE),
        ("ident", BARE),
        ("user", LAZY),
        ("time", BARE),
        ("request", QUOTED),
        ("status", BARE),
        ("bytes", BARE),
        ("referrer", QUOTED),
        ("agent", QUOTED),
    ]
    assert layout.columns >= {"path", "query"}


@pytest.mark.parametrize(
    ("directive", "column", "taken"),
    [
        pytest.param('%h %t "%r" %s %>s', "status", ">s", id="final status over original"),
        pytest.param('%h %t "%r" %b %O', "bytes", "O", id="bytes on the wire over bytes of the body (combinedio)"),
        pytest.param('%h %a %t "%r"', "client", "a", id="address over host name"),
        pytest.param('%h %t "%r" %q', "request", "r", id="request line over query"),
        pytest.param(
            "$remote_addr $msec [$time_local] $request_uri $uri|", "target", "request_uri", id="target over path"
        ),
    ],
)
def test_of_two_variables_for_a_column_one_is_taken(directive: str, column: str, taken: str) -> None:
    """The one that directives.toml names first gives the column, the other is ignored."""
    fields = compile_layout(directive).fields
    assert [field.variable for field in fields if field.column == column] == [taken]


@pytest.mark.parametrize(
    ("variable", "column", "kind"),
    [
        ("%400,501{User-Agent}i", "agent", "text"),
        ("%!200,304{Referer}i", "referrer", "text"),
        ("%<s", "status", "status"),
        ("%{us}T", "duration", "micros"),
        ("%{ms}T", "duration", "millis"),
        ("%T", "duration", "seconds"),
        ("%D", "duration", "micros"),
        ("%{Host}i", "host", "word"),
        ("%{X-Forwarded-For}i", "forwarded", "text"),
        ("%{Cookie}i", "cookie", "text"),
        ("%{UNIQUE_ID}e", "ignored", "text"),
        ("%{Location}o", "ignored", "text"),
        ("%^ti", "ignored", "text"),
    ],
)
def test_apache_modifiers(variable: str, column: str, kind: str) -> None:
    """Conditions and redirect marks are dropped, arguments are kept where they decide."""
    field = compile_layout(f'%h %t "%r" "{variable}"').fields[-1]
    assert (field.column, field.type) == (column, kind)


@pytest.mark.parametrize(
    ("variable", "column"),
    [
        ("proxy_add_x_forwarded_for", "forwarded"),
        ("http_x_forwarded_for", "forwarded"),
        ("http_Cookie", "cookie"),
        ("http_authorization", "authorization"),
        ("http_x_request_id", "ignored"),
        ("upstream_response_time", "ignored"),
        ("request_time", "duration"),
        ("server_name", "host"),
    ],
)
def test_nginx_variables(variable: str, column: str) -> None:
    """Headers that we know have their columns, all else is ignored."""
    assert compile_layout(f'$remote_addr [$time_local] "$request" "${variable}"').fields[-1].column == column


@pytest.mark.parametrize(
    ("directive", "code"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("  \n", "empty", id="blank"),
        pytest.param("plain text", "no_variable", id="no variable"),
        pytest.param('$remote_addr %t "%r"', "mixed", id="two dialects"),
        pytest.param('$remote_addr$status [$time_local] "$request"', "no_separator", id="nothing between"),
        pytest.param('[$time_local] "$request" $status', "no_client", id="no client"),
        pytest.param('%h "%r" %>s', "no_time", id="no time"),
        pytest.param('%h %{%A}t "%r" %>s', "no_time", id="a time that nobody reads"),
        pytest.param("%h %t %>s", "no_request", id="no request"),
        pytest.param('%h %h %t "%r"', "repeated", id="the same variable twice"),
        pytest.param('%h %u %u %t "%r"', "repeated", id="two user names"),
        pytest.param('%h %t "%r" %>s0%b', "no_end", id="digit behind a number"),
        pytest.param("""log_format x escape=json '{"a":"$remote_addr"}';""", "escape_json", id="JSON"),
        pytest.param('log_format x \'$remote_addr [$time_local] "$request" ;', "bad_quotes", id="open quote"),
        pytest.param('%h %t\\n"%r"', "bad_text", id="line break"),
    ],
)
def test_refused_directive_says_why(directive: str, code: str) -> None:
    """What cannot be read without guessing is refused, and the message opens with a code."""
    with pytest.raises(DirectiveError, match=f"^{code}: "):
        compile_layout(directive)


def test_layout_can_be_pickled() -> None:
    """Workers get the layout as bytes."""
    layout = compile_layout(APACHE)
    assert layout.regex.pattern
    assert pickle.loads(pickle.dumps(layout)) == layout


def test_method_and_target_apart_are_a_request() -> None:
    """%U%q, though nothing stands between, is one target; the last word ends at a space."""
    fields = compile_layout('%h %t "%m %U%q %H" %>s').fields
    assert [(field.column, field.mode) for field in fields[2:]] == [
        ("method", BARE),
        ("target", BARE),
        ("protocol", BARE),
        ("status", WORD),
    ]


@pytest.mark.parametrize("dialect", ["nginx", "apache"])
def test_every_declared_variable_gives_a_known_column(dialect: str) -> None:
    """directives.toml speaks of canonical columns only."""
    known = {*load.fields().columns, "request", "target"}
    assert {variable.column for variable in variables()[dialect].values()} <= known


@pytest.mark.parametrize("directive", [NGINX, APACHE])
def test_shipped_directives_are_anchored(directive: str) -> None:
    """A line with one field more, or less, is of another format."""
    line = b'192.0.2.1 - - [20/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "A"'
    layout = compile_layout(directive)
    assert layout.read(line) is not None
    assert [
        layout.read(other) for other in (line + b' "x"', line + b" 1", line[: line.rindex(b' "')], b"x " + line)
    ] == [
        None,
        None,
        None,
        None,
    ]
