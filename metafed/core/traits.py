"""What settings declare of themselves, so that rules between them need not know their names.

A setting ``needs`` something of the clients at the server, or ``hides`` it from the server. What one needs must not be
hidden by another. An experiment from outside the tree declares the same, so that the same rules hold for it.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

Trait: TypeAlias = Literal["client_updates", "client_losses", "client_rows", "client_predictions"]

WORDS: dict[Trait, str] = {
    "client_updates": "the update of each single client",
    "client_losses": "the loss of each single client",
    "client_rows": "the group and the number of rows of each single client",
    "client_predictions": "targets and predictions of single rows",
}
"""What the server gets, in words."""

NOTHING: frozenset[Trait] = frozenset()
EVERYTHING: frozenset[Trait] = frozenset(WORDS)


class Declared(NamedTuple):
    """What one chosen setting declares.

    Attributes:
        setting: The flag and its value.
        needs: What the server must get for it.
        hides: What the server does not get because of it.
        instead: What to choose in its place.
    """

    setting: str
    needs: frozenset[Trait] = NOTHING
    hides: frozenset[Trait] = NOTHING
    instead: str = ""


class Conflict(NamedTuple):
    """Two settings of which one needs what the other hides."""

    needing: Declared
    hiding: Declared
    trait: Trait

    def __str__(self) -> str:
        return (
            f"{self.needing.setting} cannot be combined with {self.hiding.setting}: it needs {WORDS[self.trait]}, which"
            f" the other hides from the server; {self.needing.instead}"
        )


def conflicts(chosen: Sequence[Declared]) -> list[Conflict]:
    """Return every pair of settings of which one needs what the other hides."""
    return [
        Conflict(needing, hiding, trait)
        for needing in chosen
        for hiding in chosen
        for trait in sorted(needing.needs & hiding.hides)
    ]
