"""The canary factory: personal values that stand nowhere else, planted in logs, hunted in all bytes that a run writes.

kinds (what), encodings (how it is written), fields (where in a line), crowds (by how many) → planted (the logs) →
runs (what a run writes, with `kept` for what it deletes) → hunt (what of it survived). `defences` are taken off one by one.
"""
