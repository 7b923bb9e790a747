"""Fuzzing of everything that crosses a boundary: ``python -m fuzz.run --minutes 60``."""
