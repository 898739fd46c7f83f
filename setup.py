"""Literal top-level packages: editable installs, mypy and Beam's stager all follow them (DESIGN.md 3)."""

from setuptools import setup

setup(
    packages=[
        "schemas", "transforms", "transforms.detectors", "transforms.guard", "transforms.kernels", "transforms.parsers",
        "transforms.scrub", "transforms.treatments", "pipeline", "audit", "audit.attacks", "audit.inside", "audit.naive",
    ],
    package_dir={"": "."},
    package_data={"schemas": ["*.toml", "formats/*.toml", "presets/*.toml", "geo/*"]},
)  # fmt: skip
