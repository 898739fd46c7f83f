"""Each layer of privacy switched off: the attacks that succeed then are those that docs/audit.md names."""

from __future__ import annotations

import ablation
import pytest
from ablation_layers import LAYERS, Layer


@pytest.fixture(scope="module")
def rows() -> list[str]:
    """The rows of the page's table."""
    _, _, rest = ablation.PAGE.read_text(encoding="utf-8").partition(ablation.BEGIN)
    return rest.partition(ablation.END)[0].strip().split("\n")[2:]


def test_table_has_every_layer(rows: list[str]) -> None:
    """One row for each layer, in their order."""
    assert [row.split(" | ")[0] for row in rows] == [f"| {layer.name}" for layer in LAYERS]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_row_is_what_the_build_says(layer: Layer, rows: list[str]) -> None:
    """The table's row is what comes of the build without the layer."""
    assert ablation.row(layer) in rows


def test_every_layer_matters(rows: list[str]) -> None:
    """Only the build as it is, and layers behind which another one or a named test stands, are held."""
    held = [layer for layer, row in zip(LAYERS, rows, strict=True) if row.split(" | ")[2].startswith("none")]
    assert held[0] is LAYERS[0] and not LAYERS[0].off
    assert [layer.name for layer in held[1:] if not layer.held_by] == []
