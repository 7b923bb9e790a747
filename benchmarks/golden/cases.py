"""The experiments: every choice of the command line at least once, each small."""

from typing import NamedTuple

BASE = (
    "--engine local --clients 12 --rounds 3 --cohort 6 --unseen 0.25 --eval-every 2 --width 8 --seed 5 --quiet"
    " --tasks personalization,assistant"
)
ONE = "--tasks assistant --cohort 8"


class Case(NamedTuple):
    """One experiment.

    Attributes:
        name: Its name.
        flags: Its flags beside ``BASE``; of a flag that is there twice the last counts. ``{own}``, ``{faults:NAME}``
            and ``{devices}`` stand for files.
        kind: How it is run: in a process with others; ``resume`` after an interrupt; ``longer``: resumed with more
            rounds; ``ray`` and ``deploy`` by processes of their own.
        code: The exit code that both must have.
    """

    name: str
    flags: str = ""
    kind: str = "run"
    code: int = 0


ALGORITHMS = (
    *("maml", "fomaml", "hf-maml", "per-fedavg", "reptile", "anil", "meta-sgd", "maml++", "protonet"),
    *("fedavg", "fedavg-ft", "fedprox", "local", "ditto", "pfedme", "fedper", "fedrep"),
)
OBJECTIVES = {
    "mean": "",
    "weighted": "--objective.power 0.5",
    "qffl": "--objective.q 2",
    "tilted": "--objective.t 3",
    "minimax": "--objective.over clients --objective.rate 0.05",
    "minimax-families": "--objective.over families",
    "cvar": "--objective.alpha 0.3",
    "gap": "--objective.lam 0.5",
    "propfair": "--objective.bound 9",
}
AGGREGATORS = {
    "median": "",
    "trimmed-mean": "--aggregator.share 0.3",
    "krum": "--aggregator.f 1",
    "multi-krum": "--aggregator.f 1",
    "bulyan": "--aggregator.f 1",
    "geometric-median": "--aggregator.steps 4",
    "norm-clipping": "--aggregator.bound 0.01",
    "centered-clipping": "--aggregator.bound 0.01",
    "sign-guard": "",
}
FAULTS = (
    *("crash", "hang", "nan", "infinity", "shape", "stale", "sign-flip", "scale", "random", "label-flip"),
    *("alie", "inner-product"),
)
FAMILIES = (
    *("avatar", "environment", "environment:navigation", "environment:cartpole", "assets", "social", "sinusoid"),
    "blobs",
)
IMAGES = "--tasks blob-images --filters 4 --clients 6 --cohort 3"


def cases() -> list[Case]:
    """Return all experiments."""
    found = [Case("default")]
    for name in ALGORITHMS:
        found.append(Case(f"algorithm {name}", f"--algorithm {name}"))
    for name, settings in OBJECTIVES.items():
        found.append(Case(f"objective {name}", f"--objective {name.partition('-')[0]} {settings}"))
    for name, settings in AGGREGATORS.items():
        found.append(Case(f"aggregator {name}", f"{ONE} --aggregator {name} {settings}"))
    for kind in FAULTS:
        found.append(Case(f"fault {kind}", f"--cohort 9 --faults {{faults:{kind}}}"))
    found.append(Case("fault alie, median", f"{ONE} --aggregator median --faults {{faults:alie}}"))
    for family in FAMILIES:
        found.append(Case(f"family {family}", f"--tasks {family} --cohort 6"))
    private = "--privacy.noise 0.8 --privacy.clip 0.05"
    found += [
        Case("sampling poisson", "--sampling poisson"),
        Case("sampling data", "--sampling data"),
        Case("sampling power-of-choice", "--sampling power-of-choice --cohort 4"),
        Case("sampling availability", "--sampling availability --devices.tiers default"),
        Case("privacy central", f"--sampling poisson {private}"),
        Case("privacy by epsilon", "--sampling poisson --privacy.epsilon 50 --privacy.clip 0.05 --privacy.delta 0.01"),
        Case("privacy local", f"--privacy.model local {private}"),
        Case("privacy adaptive", "--privacy.noise 0.4 --privacy.quantile 0.5 --cohort 9 --clients 40"),
        Case("privacy tilted", f"--objective tilted {private}"),
        Case("secure", "--cohort 9 --secure.aggregation --secure.fewest 2"),
        Case(
            "secure, propfair",
            "--cohort 9 --secure.aggregation --secure.fewest 2 --objective propfair --objective.bound 9",
        ),
        Case("secure, private", f"--cohort 9 --secure.aggregation --secure.fewest 2 {private}"),
        Case("secure, crash", "--cohort 9 --secure.aggregation --secure.fewest 2 --faults {faults:crash}"),
        Case("devices", "--devices.tiers default"),
        Case("devices, deadline", "--devices.tiers default --devices.deadline 0.02"),
        Case("devices, shorten", "--devices.tiers default --devices.deadline 0.02 --devices.late shorten"),
        Case("devices, own", "--devices.tiers {devices} --devices.deadline 1"),
        Case("bias", "--inject-bias a:0.5,b:0.5:rows=0.5:labels=0.3"),
        Case("chunk 1", "--chunk 1"),
        Case("chunk 3", "--chunk 3"),
        Case("mix", "--mix assistant=3"),
        Case("float64", "--precision float64 --activation tanh"),
        Case("kernels torch", "--kernels torch"),
        Case("outer sgd", "--outer-optimizer sgd --outer-lr 0.1"),
        Case("outer yogi", "--outer-optimizer yogi --outer-lr 0.01"),
        Case("outer momentum", "--outer-optimizer momentum --outer-lr 0.05"),
        Case("depth 0", "--depth 0 --eval-steps 4"),
        Case("images conv4", f"{IMAGES} --network conv4"),
        Case(
            "images conv4, torch",
            f"{IMAGES} --network conv4 --kernels torch",
        ),
        Case("images small", f"{IMAGES} --network small-conv --norm group"),
        Case("images mlp", "--tasks blob-images --network mlp --clients 6 --cohort 3"),
        Case("own table", "--tasks games:{own}/games.toml --clients 10 --cohort 5"),
        Case("own table, stated", "--tasks games:{own}/stated.toml --clients 10 --cohort 5"),
        Case("own numbers", "--tasks hours:{own}/hours.toml,assistant --clients 10 --cohort 5 --inner-lr 0.01"),
        Case("own table, private", f"--tasks games:{{own}}/games.toml --clients 10 --cohort 8 {private}"),
        Case("evaluated in part", "--clients 40 --eval-clients 5 --eval-every 0"),
        Case("nobody unseen", "--unseen 0"),
        Case("diverges", "--inner-lr 1e30 --kernels torch", code=3),
        Case("seeds and references", "--seeds 2 --references local,global --rounds 2"),
        Case("resumed", "--rounds 40 --checkpoint-every 3 --eval-every 10", "resume"),
        Case(
            "resumed, minimax and devices",
            "--rounds 40 --checkpoint-every 3 --eval-every 10 --devices.tiers default --objective minimax",
            "resume",
        ),
        Case("resumed, private", f"--rounds 40 --checkpoint-every 3 --eval-every 10 {private}", "resume"),
        Case("resumed, ditto", "--rounds 40 --checkpoint-every 3 --eval-every 10 --algorithm ditto", "resume"),
        Case(
            "resumed, stale and clipped",
            "--rounds 40 --checkpoint-every 3 --eval-every 10"
            f" {ONE} --aggregator centered-clipping --aggregator.bound 0.01 --faults {{faults:stale}}",
            "resume",
        ),
        Case("longer", "--rounds 2", "longer"),
        Case("ray", "--engine ray --workers 2 --rounds 2", "ray"),
        Case(
            "ray, faults",
            f"--engine ray --workers 2 --rounds 2 --cohort 9 --faults {{faults:sign-flip}} --aggregator median {ONE}",
            "ray",
        ),
        Case("deployed, rows withheld", "--nodes 2 --clients 16 --cohort 10 --rounds 2", "deploy"),
    ]
    return found
