"""Measures of runs and the differences between them."""
