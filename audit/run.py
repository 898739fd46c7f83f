"""Run all attacks on a folder, say what came of each, and keep the result in DIR/internal/audits."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import pkgutil
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from audit import attacks
from audit.case import AUDITS, FOLDERS, RELEASES, Case, Tried
from audit.raw import read
from schemas.trouble import Trouble

HELD, SUCCEEDED, NOT_RUN = "held", "SUCCEEDED", "not run"
LEAK = 5  # exit status
SHOWN = 5  # pieces of evidence that the table has for an attack; --json has all
ASKS = {"raw": "--raw", "again": "--again", "key": "--key", "sensitive": "--sensitive", "planted": "--planted",
        "run": "--run"}  # fmt: skip


def entries() -> list[ModuleType]:
    """The attacks: every module in audit/attacks, by its file's name."""
    names = sorted(module.name for module in pkgutil.iter_modules(attacks.__path__))
    return [importlib.import_module(f"audit.attacks.{name}") for name in names]


def case_of(options: Mapping[str, Any]) -> Case:
    """What the command line gives. Raises Trouble E201, E301, E302 or E303."""
    root = Path(options["folder"])
    folders = (FOLDERS[options["profile"]],) if options.get("profile") else RELEASES
    if not any((root / name).is_dir() for name in folders):
        raise Trouble("E301", f"DIR has no folder `{folders[0]}`: nothing was published there")
    again = Path(options["again"]) if options.get("again") else None
    if again and not any((again / name).is_dir() for name in folders):
        raise Trouble("E301", f"--again: no folder `{folders[0]}` in it")
    look = tuple(Path(one) for one in options.get("look") or ())
    if not all(path.exists() for path in look):
        raise Trouble("E301", "--look: a path is not there")
    key = _key(options["key"]) if options.get("key") else None
    planted = tuple(_planted(options["planted"])) if options.get("planted") else ()
    raw = read(options["raw"]) if options.get("raw") else None
    sensitive, command = (tuple(options.get(name) or ()) for name in ("sensitive", "run"))
    case = Case(root, raw, again, look, planted, key, sensitive, command, folders=folders)
    if not case.parts:
        raise Trouble("E301", "DIR holds no published file")
    return case


def _key(name: str) -> bytes:
    try:
        content = Path(name).read_bytes()
    except OSError:
        raise Trouble("E302", "--key cannot be read") from None
    if len(content) < 16:
        raise Trouble("E201", f"--key has {len(content)} bytes, expected at least 16")
    return content


def _planted(name: str) -> Iterator[str]:
    """Values to hunt: a JSON object with `planted` (as sample_logs/planted.json), or one value a line."""
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Trouble("E302", "--planted cannot be read as text") from None
    if not text.lstrip().startswith("{"):
        yield from (line for line in text.splitlines() if line)
        return
    try:
        for entry in json.loads(text)["planted"]:
            yield from {entry["value"], entry["written"]}
    except (ValueError, KeyError, TypeError):
        raise Trouble("E302", '--planted: expected {"planted": [{"value": …, "written": …}]}') from None


def run(case: Case) -> dict[str, Any]:
    """All attacks, one after the other: {"attacks": [...], "succeeded": number, "parts": files}."""
    done = [_one(module, case) for module in entries()]
    number = sum(one["result"] == SUCCEEDED for one in done)
    given = [name for name in ASKS if getattr(case, name)]
    return {"attacks": done, "succeeded": number, "files": len(case.parts), "given": given,
            "releases": case.releases, "not_run": sum(one["result"] == NOT_RUN for one in done)}  # fmt: skip


def _one(module: ModuleType, case: Case) -> dict[str, Any]:
    began = time.monotonic()
    missing = [need for need in module.NEEDS if not any(getattr(case, name) for name in need.split(" or "))]
    asked = " and ".join(" or ".join(ASKS[one] for one in need.split(" or ")) for need in missing)
    tried: Tried = module.attack(case) if not missing else Tried("", why_not=f"needs {asked}")
    result = NOT_RUN if tried.why_not else SUCCEEDED if tried.evidence else HELD
    return {
        "id": module.ID, "title": module.TITLE, "result": result, "tried": tried.what, "why_not": tried.why_not,
        "evidence": [{"where": one.where, "what": one.what} for one in tried.evidence],
        "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip


def table(result: Mapping[str, Any]) -> str:
    """The result for people."""
    lines = []
    for one in result["attacks"]:
        lines.append(f"{one['id']:<4}{one['title']:<26}{one['result']:<11}{one['why_not'] or one['tried']}")
        lines += [f"      {found['where']}: {found['what']}" for found in one["evidence"][:SHOWN]]
        if len(one["evidence"]) > SHOWN:
            lines.append(f"      and {len(one['evidence']) - SHOWN:,} more; --json lists them")
    held = sum(one["result"] == HELD for one in result["attacks"])
    lines.append(
        f"{held} held, {result['succeeded']} SUCCEEDED, {result['not_run']} not run, on {result['files']} files"
    )
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def keep(root: Path, result: Mapping[str, Any]) -> Path:
    """Write DIR/internal/audits/<id>.json, mode 0600, for whoever has to show it."""
    folder = root
    try:
        for part in AUDITS:
            folder = folder / part
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        raise Trouble("E201", f"DIR/{'/'.join(AUDITS)} cannot be made: the result has to be kept there") from None
    now = dt.datetime.now(dt.UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    handle = os.open(folder / f"{name}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({**result, "id": name, "at": now.isoformat(timespec="seconds")}, file, indent=1, sort_keys=True)
    return folder / f"{name}.json"


def main(arguments: Sequence[str]) -> int:
    """Options as one JSON object, checked by the command line; the exit status."""
    options = json.loads(arguments[0])
    case = case_of(options)
    result = run(case)
    keep(case.root, result)
    print(json.dumps(result, sort_keys=True) if options.get("json") else table(result))
    return LEAK if result["succeeded"] else 0
