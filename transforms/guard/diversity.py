"""Diversity: wherever the other keys are the same, a sensitive key has two values, or tells none (PRIVACY.md 5, A6)."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.guard.generalise import Climb, Label, Row
from transforms.guard.hierarchies import OTHER, ancestors

LEAST = 2  # l: distinct values of a sensitive key behind each combination of the others (Machanavajjhala et al., l-diversity)
Groups = dict[Label, list[Row]]  # rows of which all keys but the sensitive one are the same, by these


def diversify(climb: Climb) -> bool:
    """Merge groups of rows until none has one value alone of a sensitive key; whether any row was changed.

    A group goes into the next more general one. When none can, the most general one takes in the smallest group that has
    another value; where there is none, the sensitive key itself climbs. A group that shows nothing but (other) tells no
    value; beside a value (other) is another one only if it stands for another one.
    Depends on labels and counts alone.
    """
    if climb.is_published:
        return False
    changes = [_merge(climb, name) for name in climb.table.sensitive]
    if any(changes):
        diversify(climb)  # another sensitive key may have lost a value by it
    return any(changes)


def _merge(climb: Climb, name: str) -> bool:
    place = climb.columns[name][0]
    is_changed = False
    while True:
        groups = _groups(climb, place)
        constant = [rest for rest, rows in groups.items() if _tells(climb, rows, place)]
        if not constant:
            return is_changed
        is_changed = True
        # first what can go up, so that a value is hidden only where no other one is left to stand beside it
        low = [rest for rest in constant if any(_above(climb, row.label, place) for row in groups[rest])]
        if low:
            _up(climb, groups[low[0]], place)
        elif other := _smallest(climb, groups, constant[0], place):
            _up(climb, other, place)
        else:
            _hide(climb, groups[constant[0]], place)


def _groups(climb: Climb, place: int) -> Groups:
    """Groups in the order of their labels."""
    found: Groups = {}
    for row in sorted(climb.rows, key=lambda row: row.label):
        found.setdefault((*row.label[:place], *row.label[place + 1 :]), []).append(row)
    return found


def _tells(climb: Climb, rows: Sequence[Row], place: int) -> bool:
    """Whether a group has too few values of the sensitive key, and shows one."""
    shown = {row.label[place] for row in rows} - {OTHER}
    hidden = _values(climb, [row for row in rows if row.label[place] == OTHER], place)
    beside = bool(hidden - _values(climb, [row for row in rows if row.label[place] != OTHER], place))
    return bool(shown) and len(shown) + beside < LEAST


def _values(climb: Climb, rows: Sequence[Row], place: int) -> set[str]:
    """What the log has of the sensitive key behind these rows."""
    return {climb.cells.labels[leaf][place] for row in rows for leaf in row.leaves}


def _above(climb: Climb, label: Label, place: int) -> Label | None:
    """A label with the first of its other keys that can climb one step up; None where all have climbed."""
    for name in climb.climbing:
        at, column = climb.columns[name]
        if at != place and (above := ancestors(column, label[at])):
            return (*label[:at], above[0], *label[at + 1 :])
    return None


def _up(climb: Climb, rows: Sequence[Row], place: int) -> None:
    """All rows of a group go one step up together."""
    for row in rows:
        if (label := _above(climb, row.label, place)) is not None:
            climb.relabel(row, label)


def _smallest(climb: Climb, groups: Groups, rest: Label, place: int) -> list[Row]:
    """The smallest group that can come up to this one and has a value that it lacks; empty where there is none."""
    fixed = [at for name, (at, _) in climb.columns.items() if at != place and name not in climb.climbing]
    mine = _values(climb, groups[rest], place)
    held = [groups[rest][0].label[at] for at in fixed]
    found = [
        (sum(row.neighbourhoods for row in rows), climb.hits([leaf for row in rows for leaf in row.leaves]), other)
        for other, rows in groups.items()
        if other != rest and [rows[0].label[at] for at in fixed] == held and _values(climb, rows, place) - mine
    ]
    return groups[min(found)[2]] if found else []


def _hide(climb: Climb, rows: Sequence[Row], place: int) -> None:
    """The sensitive key climbs a step; where another table holds it, the rows are withheld."""
    climbs = [column for name, (at, column) in climb.columns.items() if at == place and name in climb.climbing]
    for row in rows:
        if climbs and (above := ancestors(climbs[0], row.label[place])):
            climb.relabel(row, (*row.label[:place], above[0], *row.label[place + 1 :]))
        elif not climbs:
            climb.rows.remove(row)
            climb.withheld += row.leaves
