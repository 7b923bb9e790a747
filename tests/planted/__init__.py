"""Faults that others have published, planted on purpose: each must make a named test fail.

A module here is a pytest plugin that breaks something as it is imported; ``test_planted_faults.py`` loads it.
"""
