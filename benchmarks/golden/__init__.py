"""``python -m benchmarks.golden --base REV``: small experiments in two trees, and whether every result is equal."""
