"""Rules between the settings of local training, those of fine-tuning, and the algorithm that uses them."""

from metafed.algorithms import ALGORITHMS, Algorithm
from metafed.algorithms.base import Table
from metafed.experiment.fields import Fields
from metafed.experiment.lookup import algorithm_name, objective_name

CLOCKED = frozenset({"epochs", "steps", "batch_size", "rows"})
"""Settings that change how many rows a client passes."""
RATED = frozenset({"optimizer", "schedule", "round_decay"})
"""Settings with which a step is not the gradient times α."""


def check_training(experiment: Fields) -> None:
    """Refuse settings that the algorithm does not use, or that do nothing.

    Raises:
        ValueError: The message says which and why.
    """
    algorithm, local = experiment.algorithm, experiment.local
    check_used(algorithm, "local", local.changed)
    check_used(algorithm, "eval", experiment.eval.changed)
    if local.epochs is not None and local.steps is not None:
        raise ValueError(
            f"--local.epochs {local.epochs} and --local.steps {local.steps} both say how long a client trains; give one"
        )
    if local.rows == "all" and experiment.query_rows is not None:
        raise ValueError(
            f"--query-rows {experiment.query_rows} does nothing with --local.rows all, which trains on all rows; leave"
            " one out"
        )
    check_replaced(algorithm, local.changed)
    if local.changed:
        local.check("local", local.length(algorithm.training_steps))
    if experiment.devices.tiers != "none" and local.changed & CLOCKED:
        raise ValueError(
            f"--local.{flag(min(local.changed & CLOCKED))} cannot be combined with --devices.tiers"
            f" {experiment.devices.tiers}: the virtual clock counts full-batch steps on the rows of an episode; choose"
            " --devices.tiers none"
        )
    if experiment.objective.reads_rates and (other := sorted(local.changed & RATED)):
        raise ValueError(
            f"--local.{flag(other[0])} cannot be combined with --objective {objective_name(experiment.objective)},"
            " which takes what clients send for gradients times α; leave it out"
        )
    check_evaluation(experiment)


def check_used(algorithm: Algorithm, table: Table, changed: frozenset[str]) -> None:
    """Refuse settings that an algorithm does not use.

    Raises:
        ValueError: It does not use one.
    """
    uses, name = algorithm.uses(table), algorithm_name(algorithm)
    if not (unused := sorted(changed - uses)):
        return
    setting = unused[0]
    others = [each for each, kind in ALGORITHMS.items() if setting in kind().uses(table)]
    own = f"uses {', '.join(f'--{table}.{flag(each)}' for each in sorted(uses))}" if uses else "uses none of these"
    raise ValueError(
        f"--{table}.{flag(setting)} does nothing with the algorithm {name}, which {own} (docs/local-training.md); leave"
        f" it out, or choose --algorithm {', '.join(others[:-1])} or {others[-1]}"
    )


def check_replaced(algorithm: Algorithm, changed: frozenset[str]) -> None:
    """Refuse settings of the algorithm's own in whose place local training has others.

    Raises:
        ValueError: The message says which.
    """
    fields = type(algorithm).model_fields
    for setting in ("epochs", "steps"):
        for own in algorithm.replaced.get(setting, ()) if setting in changed else ():
            if (value := getattr(algorithm, own)) != fields[own].default:
                raise ValueError(
                    f"--algorithm.{flag(own)} {value} and --local.{setting} both say how long a client trains; leave"
                    " one out (steps in evaluation are --eval-steps)"
                )
    for own in algorithm.with_epochs if "epochs" not in changed else ():
        if (value := getattr(algorithm, own)) != fields[own].default:
            raise ValueError(f"--algorithm.{flag(own)} {value} does nothing without --local.epochs")


def check_evaluation(experiment: Fields) -> None:
    """Refuse settings of fine-tuning where nothing is fine-tuned, or two that say how long.

    Raises:
        ValueError: The message says which.
    """
    own, steps = experiment.eval, experiment.eval_steps
    if own.epochs is not None and steps is not None:
        raise ValueError(
            f"--eval.epochs {own.epochs} and --eval-steps {steps} both say how long a client is fine-tuned; give one"
        )
    if not own.changed:
        return
    if experiment.evaluation_steps == 0:
        raise ValueError(
            f"--eval.{flag(min(own.changed))} does nothing: in evaluation clients take no step; give --eval.epochs or"
            " --eval-steps"
        )
    own.check("eval", own.length(experiment.evaluation_steps))


def flag(setting: str) -> str:
    """Return a setting's name as in a flag."""
    return setting.replace("_", "-")
