"""Rules between settings and the families whose clients are in a run."""

from collections.abc import Mapping, Sequence

from metafed.aggregators.updates import check_enough
from metafed.core.names import near
from metafed.core.parameters import TRUNK
from metafed.data.family import TaskChoice
from metafed.experiment.fields import Fields
from metafed.experiment.lookup import aggregator_name, algorithm_name, parse_scores
from metafed.faults.injected_bias import parse_bias
from metafed.faults.plan import described
from metafed.models import IMAGE_NETWORKS, MODULES, NETWORKS, factory_of, parse_network
from metafed.models.choice import TEXT_ENCODER
from metafed.scores import kinds_of, takes_weights
from metafed.secure.settings import FEWEST


def check_families(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse settings that do not fit the families of a run.

    Raises:
        ValueError: The message says which and why.
    """
    for choice in choices:
        experiment.algorithm.check(choice.family.name, choice.kind)
    check_held_out(experiment, choices)
    check_names(experiment, choices)
    check_encoder(experiment)
    check_networks(experiment, choices)
    check_control(experiment, choices)
    check_scores(experiment, choices)
    check_weights(experiment, choices)
    check_kept(experiment, choices)
    held = holders(experiment, choices)
    check_enough(experiment.aggregator, aggregator_name(experiment.aggregator), experiment.cohort_size, held)
    if experiment.secure.aggregation:
        check_shared(experiment, held)


def check_held_out(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse validation clients where they would have the classes of the test.

    Raises:
        ValueError: A data set holds classes out for unseen clients, and none to choose by.
    """
    for choice in choices if experiment.validation else ():
        if getattr(choice.family.sources[choice.source], "held_out_classes", False):
            raise ValueError(
                f"--validation {experiment.validation:g}: {choice.family.name}:{choice.source} holds classes out for"
                " unseen clients, and validation clients would have the same: they would choose on the test; leave it"
                " out"
            )


def check_encoder(experiment: Fields) -> None:
    """Refuse an encoder that reads nothing.

    Raises:
        ValueError: No network is text-encoder.
    """
    if experiment.encoder and TEXT_ENCODER not in parse_network(experiment.network).values():
        raise ValueError(f"--encoder {experiment.encoder} does nothing: no network is {TEXT_ENCODER} (--network)")


def check_names(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse to hash names where there are none.

    Raises:
        ValueError: No family is a table that names its clients.
    """
    about = [getattr(choice.family.sources[choice.source], "description", None) for choice in choices]
    if experiment.anonymise and not any(getattr(each, "client", None) for each in about):
        raise ValueError("--anonymise does nothing: no family of --tasks is a table with names of clients")


def holders(experiment: Fields, choices: Sequence[TaskChoice]) -> dict[str, float]:
    """Return the share of clients that hold each part of θ."""
    shares = experiment.proportions
    families = [choice.family for choice in choices]
    own = {family.name: share / sum(shares) for family, share in zip(families, shares, strict=True)}
    # of a module only what it makes tells; all clients of a family hold the family's part, and no fewer a trunk
    trunk = sum(own[family.name] for family in families if shares_trunk(experiment.network_of(family)))
    return {TRUNK: trunk, **own} if trunk else own


def shares_trunk(name: str) -> bool:
    """Say whether a network of ours shares the trunk."""
    return name in NETWORKS and NETWORKS[name].on_trunk


def check_networks(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse a network that a family cannot have, and settings that no network of the run looks at.

    Raises:
        ValueError: The message says which.
    """
    families = [choice.family for choice in choices]
    check_named(experiment, [family.name for family in families])
    for family in families:
        chosen = experiment.network_of(family)
        if chosen in IMAGE_NETWORKS and family.image is None:
            raise ValueError(
                f"--network {experiment.network} is for images, but family {family.name!r} has none;"
                " leave the family out or choose --network auto"
            )
        if family.image is not None and chosen in IMAGE_NETWORKS and min(family.image[1:]) < NETWORKS[chosen].smallest:
            shape = " × ".join(str(size) for size in family.image[1:])
            least: dict[str, int] = {each: NETWORKS[each].smallest for each in IMAGE_NETWORKS}
            others = [each for each in IMAGE_NETWORKS if least[each] <= min(family.image[1:])]
            raise ValueError(
                f"images of {shape}, image = {list(family.image)} of family {family.name!r}, are too small for the"
                f" network {chosen}, which takes {least[chosen]} × {least[chosen]} at least: choose --network"
                f" {' or --network '.join([*others, 'mlp'])}, or say image = [channels, height, width] as it is"
            )
    chosen_ones = {experiment.network_of(family) for family in families}
    used = {name for each in chosen_ones & NETWORKS.keys() for name in NETWORKS[each].settings}
    for name in sorted({name for each in NETWORKS.values() for name in each.settings} - used):
        if getattr(experiment, name) != type(experiment).model_fields[name].default:
            names = " and ".join(sorted(chosen_ones))
            raise ValueError(f"--{name} {getattr(experiment, name)} does nothing: the network of this run is {names}")


def check_named(experiment: Fields, families: Sequence[str]) -> None:
    """Refuse networks of families that are not in the run, and arguments that no factory or several would take.

    Raises:
        ValueError: The message says which.
    """
    chosen = parse_network(experiment.network)
    for name in chosen:
        if name and name not in families:
            raise ValueError(
                f"--network {name}={chosen[name]}: no such family in --tasks{near(name, families)} (it has"
                f" {', '.join(families)})"
            )
    factories = sorted({name for name in chosen.values() if factory_of(name)})
    whose = {key.rpartition(".")[0].replace("-", "_"): key for key in experiment.network_settings or {}}
    takers = [name for name in families if factory_of(chosen.get(name, chosen.get("", "")))]
    for named in whose.keys() - {"", *(name.replace("-", "_") for name in takers)}:
        raise ValueError(
            f"--network.{whose[named]}: no network of a family {named!r} takes arguments"
            + (f"; those of {', '.join(takers)} do" if takers else "")
        )
    if "" in whose and len(factories) != 1:
        first = whose[""]
        if not factories:
            kinds = ", ".join([*MODULES, "MODULE:FACTORY"])
            raise ValueError(
                f"--network.{first} does nothing: the network is {experiment.network}, and only {kinds} take arguments"
            )
        raise ValueError(
            f"--network.{first}: {' and '.join(factories)} would take it; say whose it is:"
            f" {' or '.join(f'--network.{name}.{first}' for name in takers)}"
        )


def check_control(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse what is done to labels where a family has none.

    Raises:
        ValueError: It has none.
    """
    control = [choice.family.name for choice in choices if choice.kind == "control"]
    if not control:
        return
    if experiment.inject_bias and parse_bias(experiment.inject_bias).spoils_labels:
        raise ValueError(
            f"--inject-bias {experiment.inject_bias}: family {control[0]!r} is control and has no labels to spoil"
        )
    if any(fault.kind == "label-flip" for fault in described(experiment.faults)):
        raise ValueError(f"--faults: kind 'label-flip': family {control[0]!r} is control and has no labels")


def check_scores(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse a score that no family of the run has.

    Raises:
        ValueError: The message says which, and of what kind of task it is.
    """
    if experiment.headline is not None and experiment.headline not in experiment.score_names:
        raise ValueError(f"--headline {experiment.headline} is none of --score; name it there, too")
    there = {choice.kind for choice in choices}
    for name in parse_scores(experiment.score):
        if not there & set(kinds_of(name)):
            raise ValueError(
                f"--score {name} is of {' and '.join(kinds_of(name))} tasks, and the families of --tasks are"
                f" {' and '.join(sorted(there))}; leave it out"
            )


def check_weights(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse what counts rows alike where a family's rows have weights.

    Raises:
        ValueError: The algorithm does, or a score of the user's.
    """
    for choice in choices:
        if not choice.family.sources[choice.source].weighted:
            continue
        rows = f"the rows of family {choice.family.name!r} have weights"
        if experiment.algorithm.counts_rows:
            raise ValueError(
                f"--algorithm {algorithm_name(experiment.algorithm)} counts rows alike, and {rows}: leave weight out"
            )
        headline = (str(experiment.headline), experiment.headline_of(choice.kind))
        for name, score in (*experiment.scores_of(choice.kind).items(), headline):
            if score is not None and not takes_weights(score):
                raise ValueError(
                    f"--score {name} takes targets and outputs, and {rows}: give it an argument weight=None"
                )


def check_kept(experiment: Fields, choices: Sequence[TaskChoice]) -> None:
    """Refuse to keep predictions for rows where no family has rows.

    Raises:
        ValueError: All families are control.
    """
    if experiment.keep_predictions and all(choice.kind == "control" for choice in choices):
        raise ValueError("--keep-predictions does nothing: the families of --tasks are control, which has no rows")


def check_shared(experiment: Fields, held: Mapping[str, float]) -> None:
    """Refuse secure aggregation where so few clients hold a part, as those of a small family, that a sum hides little.

    Raises:
        ValueError: So few do.
    """
    fewest = experiment.secure.fewest_of(experiment.cohort_size)
    for part, share in held.items():
        there = int(experiment.cohort_size * share + 1e-9)
        if there < fewest:
            raise ValueError(
                f"--secure.aggregation: of a cohort of {experiment.cohort_size} about {there} hold the part {part!r} of"
                f" θ, and a sum over fewer than {fewest} hides little; choose a larger --cohort, --tasks of one family,"
                f" or say how many are enough: --secure.fewest {max(there, FEWEST)}"
            )
