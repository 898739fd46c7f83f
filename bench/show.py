"""Print the first rows of a published table: `python bench/show.py out/release/pages 3`."""

from __future__ import annotations

import sys

import pyarrow.dataset as ds

folder, count = sys.argv[1], int(sys.argv[2])
table = ds.dataset(folder, partitioning="hive").to_table().sort_by([("hits", "descending")])
print(table.slice(0, count).to_pandas().to_string(index=False))
