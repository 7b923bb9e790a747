"""What methods are ranked on: flags of ``simulation.run`` that all of them share."""

import shlex
from typing import NamedTuple


class Suite(NamedTuple):
    """A suite.

    Attributes:
        title: In the page.
        flags: Of ``simulation.run``; a share of the clients is held out for tuning, others for the test.
    """

    title: str
    flags: str

    @property
    def words(self) -> list[str]:
        """The flags, one by one."""
        return [*shlex.split(self.flags), "--eval-every", "0", "--engine", "local", "--quiet", "--no-report"]


# 50 unseen clients a seed: with fewer their worst tenth and the harmed have no interval that holds (decision 0074)
PEOPLE = "--clients 150 --unseen 0.334"
SUITES = {
    "generated": Suite(
        "The three generated families",
        f"--tasks personalization,assistant,avatar {PEOPLE} --validation 0.066 --cohort 10 --rounds 50",
    ),
    "assistant": Suite("CLINC150", f"--tasks assistant:clinc150 {PEOPLE} --validation 0.1 --cohort 15 --rounds 50"),
    "avatar": Suite("Bandai-Namco motions", "--tasks avatar:bandai_motion --unseen 0.3 --validation 0.2 --rounds 100"),
    # a perceptron and 20 rounds take FOMAML 3.5 seconds of computing; 5 rounds with conv4 take 12
    "fashion-mnist": Suite(
        "Fashion-MNIST, Dirichlet 0.1",
        "--tasks fashion-mnist:benchmarks/leaderboard/fashion-mnist.toml --clients 160 --unseen 0.3125"
        " --validation 0.0625 --cohort 11 --network mlp --rounds 20",
    ),
    # its unseen clients have classes of their own, which validation clients would share: chosen by seen clients
    "omniglot": Suite(
        "Omniglot, 5 ways and 1 shot", "--tasks omniglot:5w1s --clients 200 --unseen 0.3 --cohort 8 --rounds 100"
    ),
}
