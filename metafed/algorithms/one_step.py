"""What the methods share that make a client's model of its support rows at once: there is no step to repeat."""

from abc import ABC
from typing import final

from metafed.algorithms.base import Algorithm, Table


class OneStep(Algorithm, ABC):
    """A method whose evaluation has one step, in which nothing is trained."""

    @property
    @final
    def evaluation_steps(self) -> int:
        """One."""
        return 1

    @final
    def evaluation_warning(self, steps: int) -> str | None:
        """There is only one step."""
        if steps <= 1:
            return None
        name = type(self).model_fields["name"].default
        return f"{name} adapts in one step; what --eval-steps {steps} asks for beyond it changes nothing"

    @final
    def uses(self, table: Table) -> frozenset[str]:
        """In training what it would use anyway; in evaluation nothing."""
        return super().uses(table) if table == "local" else frozenset()
