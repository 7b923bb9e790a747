"""Power of choice: Cho, Wang, Joshi, "Client Selection in Federated Learning", 2020, arXiv 2010.01243, section 4.

Draw d candidates, and of them ask those whose loss is largest. The paper's π_pow-d asks all candidates for their loss
under the present θ first; its π_rpow-d takes what each reported when it was last trained, and infinity for whom never
was. Ours is the second: it costs no message and no computing on devices that are then not asked, which would be a wrong
number in a study of time and energy; and a deployed round has one question instead of two. Losses grow stale, which the
paper finds to cost little.

Ours as well: candidates are drawn uniformly, since clients count alike in the mean (the paper's p_k = 1 / N); ties are
settled in the order of the draw. The loss is that after adaptation, on the query set. Losses of families of another
kind (nats, squared errors) are compared as they are: mix such families with care.
"""

from typing import Annotated, ClassVar, Literal, final

import numpy as np
import tyro
from pydantic import Field

from metafed.sampling.base import Sampler, Scene


@final
class PowerOfChoice(Sampler):
    """Of some candidates, those whose last reported loss is largest; whoever never reported one comes first."""

    name: Annotated[Literal["power-of-choice"], tyro.conf.Suppress] = "power-of-choice"
    candidates: int | None = Field(
        None,
        ge=1,
        le=10**7,
        description="Candidates d, at least the cohort. Default: twice the cohort, or all seen clients.",
    )

    uses: ClassVar[Literal["nothing", "rows", "losses", "online"]] = "losses"

    def check(self, size: int, seen: int) -> None:
        """Refuse a number of candidates that does not suit a cohort of ``size`` of ``seen`` clients.

        Raises:
            ValueError: It does not.
        """
        if self.candidates is not None and not size <= self.candidates <= seen:
            raise ValueError(
                f"--sampling.candidates {self.candidates} must be at least the cohort of {size} and at most the {seen}"
                " seen clients"
            )

    def drawn(self, seen: int, size: int) -> int:
        """Return the number of candidates d."""
        return min(seen, 2 * size if self.candidates is None else self.candidates)

    def cohort(self, scene: Scene, rng: np.random.Generator) -> list[int]:
        """Draw d candidates and keep the ``size`` of largest loss."""
        among = rng.choice(scene.seen, self.drawn(scene.seen, scene.size), replace=False).tolist()
        losses = np.array([scene.losses.get(client, np.inf) for client in among])
        largest = np.argsort(-losses, kind="stable")[: scene.size]
        return sorted(among[place] for place in largest)
