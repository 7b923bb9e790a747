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


PEOPLE = "--clients 90 --unseen 0.333 --validation 0.167 --cohort 15"
SUITES = {
    "generated": Suite(
        "The three generated families",
        "--tasks personalization,assistant,avatar --clients 60 --unseen 0.333 --validation 0.167 --cohort 10"
        " --rounds 50",
    ),
    # 50 rounds: one of 100 takes some 4 seconds of computing, and 2 trials and 5 seeds of all methods are 259 runs
    "assistant": Suite("CLINC150", f"--tasks assistant:clinc150 {PEOPLE} --rounds 50"),
    "avatar": Suite("Bandai-Namco motions", "--tasks avatar:bandai_motion --unseen 0.3 --validation 0.2 --rounds 100"),
    # a perceptron and 20 rounds take FOMAML 3.5 seconds of computing; 5 rounds with conv4 take 12
    "fashion-mnist": Suite(
        "Fashion-MNIST, Dirichlet 0.1",
        "--tasks fashion-mnist:benchmarks/leaderboard/fashion-mnist.toml --clients 20 --unseen 0.25 --validation 0.2"
        " --cohort 11 --network mlp --rounds 20",
    ),
    # its unseen clients have classes of their own, which validation clients would share: chosen by seen clients
    "omniglot": Suite(
        "Omniglot, 5 ways and 1 shot", "--tasks omniglot:5w1s --clients 200 --unseen 0.3 --cohort 8 --rounds 100"
    ),
}
