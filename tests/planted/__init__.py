"""Faults that others have published, or that are easily made, planted on purpose: each must make a named test fail.

Most are entries of ``faults.py``. A module here of a fault's name breaks something as it is imported.
"""
