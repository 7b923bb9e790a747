"""What is timed: the two workloads of the field's small networks, the default run, and nothing at all."""

from metafed.algorithms import Maml
from metafed.experiment.settings import Experiment

EPISODES = {"null": 1, "mlp": 4, "conv4": 1, "default": 1}
"""Episodes of a client in a round. Our engine takes each as a client of its own: more work for it, not less."""


def experiment(workload: str, clients: int, chunk: int | None, network: str | None = None) -> Experiment:
    """Return the experiment of a round of ``clients`` clients, with SGD as outer step so that θ can be compared."""
    episodes = EPISODES[workload] * clients
    common = {
        "clients": episodes,
        "cohort": episodes,
        "unseen": 0.0,
        "rounds": 1,
        "outer_optimizer": "sgd",
        "outer_lr": 0.1,
        "eval_clients": 1,
    }
    match workload:
        case "null":
            null = {"name": "benchmarks.null:Null"}
            own = {"tasks": "blobs", "algorithm": null, "chunk": chunk or max(1, clients // 2)}
        case "mlp":
            own = {"tasks": "blobs", "algorithm": Maml(), "chunk": chunk or max(1, episodes // 2)}
        case "conv4":
            # batch statistics and max-pooling amplify rounding: with β = 0.1 two float32 runs of one experiment
            # are 1e-3 of their way apart after one more round, 2e-2 after two, 7e-2 after three
            own = {"tasks": "blob-images", "algorithm": Maml(), "chunk": chunk or 5, "outer_lr": 0.005}
        case _:
            own = {"chunk": chunk or 16}
    return Experiment.model_validate({**common, **own, **({"network": network} if network else {})})
