"""Lines of CrowdSec's parser tests are read as its own assertions say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from schemas import load
from schemas.stages import Accounts, Chunk
from transforms.parsers.detect import fits
from transforms.parsers.directive import compile_layout
from transforms.parsers.text import TextParser

NGINX = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
APACHE = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"'
LAYOUTS = {
    "nginx_http-logs": (NGINX, "$host " + NGINX),
    "apache2-logs": (APACHE, "%v " + APACHE, '%h %l %u %t "%r" %>s %b'),
    "traefik_clf": (NGINX + ' $requests "$router" "$url" ${took}ms',),
}
ASSERTION = re.compile(r'results\["s01-parse"\]\["[^"]+"\]\[(\d+)\]\.Evt\.(?:Meta|Parsed)\["(\w+)"\] == (".*")$', re.M)


def expected(path: Path) -> dict[int, dict[str, str]]:
    """Line number to what parser.assert says of it."""
    said: dict[int, dict[str, str]] = {}
    for number, key, value in ASSERTION.findall(path.read_text()):
        said.setdefault(int(number), {})[key] = json.loads(value)
    return said


def read(line: bytes, directives: tuple[str, ...], parameters: frozenset[bytes]) -> dict[str, object] | None:
    """The event of a line in the first format that fits it."""
    for directive in directives:
        if fits(compile_layout(directive), line):
            parser = TextParser(directive, allowed_parameters=parameters, columns=load.fields().kept)
            data = np.frombuffer(line + b"\n" + b"\0" * 64, np.uint8)
            (row,) = parser.parse(Chunk(0, directive, data, len(line) + 1, Accounts())).batch.to_pylist()
            return dict(row)
    return None


@pytest.mark.parametrize(("folder", "accesses"), [("nginx_http-logs", 8), ("apache2-logs", 7), ("traefik_clf", 7)])
def test_lines_are_read_as_crowdsec_says(shared: Path, folder: str, accesses: int) -> None:
    """Client, path with query, status and host agree line by line; lines of error logs are left alone."""
    here = shared / "logs" / "crowdsec" / folder
    lines = [line for line in (here / f"{folder}.log").read_bytes().split(b"\n") if line.strip()]
    said = expected(here / "parser.assert")
    compared = 0
    for number, line in enumerate(lines):
        truth = said[number]
        path, _, query = truth.get("http_path", "").partition("?")
        names = frozenset(pair.split("=")[0].encode() for pair in query.split("&"))
        row = read(line, LAYOUTS[folder], names)
        if "http_status" not in truth:
            assert row is None
            continue
        compared += 1
        assert row is not None, number
        assert row["client"] == truth["source_ip"].encode()
        assert (row["path"], row["query"]) == (path.encode(), query.encode() or None)
        assert str(row["status"]).replace("-1", "-") == truth["http_status"]
        host = row.get("host")
        assert (host.split(b":")[0].decode() if isinstance(host, bytes) else "") == truth.get("target_fqdn", "")
    assert compared == accesses
