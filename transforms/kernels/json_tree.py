"""What JSON lines have in common: all that stands between their values, remembered as a tree of literals.

A program writes the keys of its lines in the same order each time. A line that says the same between its values as one
that was walked is read by comparing that and finding the ends of the values alone: keys,
nesting and repetitions are those of the walked line, so they need no second look. nodes int64[n, 6]: place of the literal
in the arena (in bytes), its length, what follows it (BARE, STRING, END), slot of the value, first child, next sibling.
Node 0 is the root.
"""

from __future__ import annotations

from transforms.kernels.jit import part
from transforms.kernels.json_pieces import BEGINS_BARE, bare_end, string_end
from transforms.kernels.values import Ints, Spans
from transforms.kernels.wide import WIDTH
from transforms.kernels.words import Text, Words, same

BARE, STRING, END = 0, 1, 2
NODES, WORDS = 1024, 8192  # room of the tree, with WIDTH bytes of padding: more is not remembered
MOST = 8  # children of a node: so many literals are compared in one place at most
_LF, _NULL = 10, 110


@part
def follow(
    words: Words, text: Text, i: int, row: int, nodes: Ints, arena: Words, careful: bool, highest: int, starts: Spans,
    lens: Spans,
) -> tuple[bool, int]:  # fmt: skip
    """Spans of one line; False where it is not like one that was walked. Also its newline."""
    for k in range(starts.shape[0]):
        starts[k, row], lens[k, row] = 0, -1
    node = nodes[0, 4]
    while node > 0:
        n, kind, slot = nodes[node, 1], nodes[node, 2], nodes[node, 3]
        at = i + n
        if not same(words, i, n, arena, nodes[node, 0]) or (
            (kind == END and text[at] != _LF) or (kind == BARE and not BEGINS_BARE[text[at]])
        ):
            node = nodes[node, 5]
            continue
        if kind == END:
            return True, at
        if kind == STRING:
            i, _ = string_end(words, text, at, careful, highest)
        else:
            i = bare_end(text, at)
        if i < 0:
            return False, at
        if slot >= 0 and (kind == STRING or text[at] != _NULL):
            starts[slot, row], lens[slot, row] = at, i - at
        node = nodes[node, 4]
    return False, i


@part
def learn(text: Text, begin: int, end: int, trace: Ints, count: int, nodes: Ints, arena: Words, used: Ints) -> None:
    """Remember a line that was walked. trace int64[values, 4]: start, end, kind, slot of its values; used int64[2]."""
    node, at = 0, begin
    for p in range(count + 1):
        kind = trace[p, 2] if p < count else END
        slot = trace[p, 3] if p < count else -1
        stop = trace[p, 0] if p < count else end
        node = _child(text, at, stop - at, node, kind, slot, nodes, arena, used)
        if node < 0:
            return
        at = trace[p, 1] if p < count else end


@part
def _child(text: Text, i: int, n: int, node: int, kind: int, slot: int, nodes: Ints, arena: Words, used: Ints) -> int:
    """The child of `node` with the literal at `i`, made where there is none; -1 where there is no room."""
    memory = arena.view(text.dtype)
    last, child, siblings = 0, nodes[node, 4], 0
    while child > 0:
        if nodes[child, 1] == n and nodes[child, 2] == kind:
            alike, begin = 0, nodes[child, 0]
            while alike < n and memory[begin + alike] == text[i + alike]:
                alike += 1
            if alike == n:
                return int(child)
        last, child, siblings = child, nodes[child, 5], siblings + 1
    if siblings >= MOST or used[0] >= nodes.shape[0] or used[1] + n + WIDTH > memory.size:
        return -1
    made = used[0]
    nodes[made, 0], nodes[made, 1], nodes[made, 2], nodes[made, 3] = used[1], n, kind, slot
    nodes[made, 4], nodes[made, 5] = 0, 0
    for k in range(n):
        memory[used[1] + k] = text[i + k]
    used[0], used[1] = made + 1, used[1] + n
    if last > 0:
        nodes[last, 5] = made
    else:
        nodes[node, 4] = made
    return int(made)
