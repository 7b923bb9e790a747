"""Measurements; each prints what it measured. `python -m benchmarks.NAME --help`."""
