"""Cases of a test, of which a few run each time."""

from collections.abc import Hashable, Iterable
from typing import Any

import pytest


def some(cases: Iterable[Hashable], *quick: Hashable) -> list[Any]:
    """Return the cases; those that are not ``quick`` have the mark slow."""
    return [case if case in quick else pytest.param(case, marks=pytest.mark.slow) for case in cases]
