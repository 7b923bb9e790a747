"""Every method with the smallest settings that it is defined for, for tests from end to end."""

from metafed.algorithms import ALGORITHMS

METHODS = {name: {"algorithm": name} for name in ALGORITHMS} | {
    name: {"algorithm": "fedavg", "aggregator": name} for name in ("fedfv", "fedmgda+")
}


def smallest(name: str) -> dict[str, object]:
    """Return a method's settings: all kinds of tasks that it is defined for, and norms where it is about them."""
    algorithm = ALGORITHMS[METHODS[name]["algorithm"]]
    tasks = "personalization,assistant" if "regression" in algorithm.kinds else "assistant"
    network = {"tasks": "blob-images", "network": "small-conv", "filters": 4} if algorithm.needs_norm else {}
    usual = {"clients": 9, "cohort": 5, "rounds": 4, "eval_every": 2, "chunk": 2, "width": 6, "seed": 4, "tasks": tasks}
    return {**usual, **network, **METHODS[name]}
