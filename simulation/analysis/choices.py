"""What a comparison may be asked for: measures by name, families, parts of the clients."""

from collections.abc import Sequence

from metafed.core.names import known
from simulation.analysis.measures import MEASURES
from simulation.cli.errors import BadInput
from simulation.records.methods import Method


def checked_metrics(text: str) -> tuple[str, ...]:
    """Parse ``--metrics``.

    Raises:
        BadInput: One is unknown, or none is named.
    """
    names = tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    try:
        for name in names:
            known("measure", name, MEASURES)
    except ValueError as error:
        raise BadInput(f"--metrics: {error}") from None
    if not names:
        raise BadInput(f"--metrics {text!r}: names none of {', '.join(MEASURES)}")
    return names


def has_unseen(method: Method) -> bool:
    """Say whether clients were held out."""
    return any(not bool(replicate.people.seen.all()) for replicate in method.seeds.values())


def families(methods: Sequence[Method]) -> list[str]:
    """Return the families of the methods' clients, in order of the name."""
    return sorted({str(name) for method in methods for each in method.seeds.values() for name in each.people.family})
