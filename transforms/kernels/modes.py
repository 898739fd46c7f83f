"""Where a field ends: the modes of the scan, shared by the kernel and the regex that is its twin."""

BARE = 0  # at the first byte of the literal behind it
QUOTED = 1  # at the first double quote that no backslash escapes
LAZY = 2  # at the first place where the whole literal stands and the rest of the line can be read
FIXED = 3  # after the bytes that a time has, where the literal behind it begins with a byte that the time holds
WORD = 4  # at the first space or at the end of the line: the last field, when nothing stands behind it
REST = 5  # at the end of the line: the last field, when it may hold spaces
LAST = 6  # at the last place, before the first space, of the byte behind it: an address in front of its port
LIST = 7  # at the first space with no comma in front of it: addresses of X-Forwarded-For
NAMED = -1  # no text around it says: the family of the format does, and it may be missing
CLIENT, COLLAPSE, NO_DASH, PADDED = 1, 2, 4, 8
"""Flags of a field: must not be missing; may be missing with its space; must not begin with "- "; blanks in front are padding."""
FIXED_BYTES = 8  # the bits of the flags from here on are the bytes of a FIXED field
DEEPEST = 64  # JSON objects and arrays within each other: what is deeper is not read

LITERAL, CHOSEN = -1, -2
"""Steps of a line that is written: the same word on every line, or one that a code says (transforms/kernels/write.py)."""
BY_NUMBER = -1
"""The code of no word: an address is written from its number, in one of the forms QUAD and HASHED."""
QUAD, HASHED = 0, 1
DEPTH = 32  # bits of an address by which a tree of networks is walked (transforms/kernels/tree.py)
