"""What is looked at before a run: whether all clients are there, and whether its numbers will mean what they say."""

from metafed.core.episodes import Episode
from metafed.core.errors import DataError
from metafed.core.reading import brief
from metafed.data.source import Share, Source
from metafed.devices.work import blank
from metafed.federation.federation import Federation
from metafed.federation.guard.inspect import inspect
from metafed.models import is_norm
from metafed.models.module import LONE
from metafed.privacy.budget import check_budget, simulated

LOOKED_AT = 2000
"""Clients whose group is looked at in a search for groups that a description of devices names."""


def preflight(federation: Federation) -> tuple[str, ...]:
    """Read what must be there before a run starts, have the guard look at it, and return what to tell a person.

    Raises:
        DataError: A data set is missing, damaged, or has too few clients; or the guard stops the run.
    """
    check_size(federation)
    check_norms(federation)
    check_modules(federation)
    check_budget(federation.experiment)
    check_groups(federation)
    findings = inspect(federation.population)
    fatal = [finding.text for finding in findings if finding.fatal]
    if fatal:
        raise DataError("; ".join(fatal))
    bias = federation.population.bias
    noise = simulated(federation.experiment)
    return (
        *(() if bias is None else (bias.remark,)),
        *(() if noise is None else (noise,)),
        *(finding.text for finding in findings),
    )


def check_modules(federation: Federation) -> None:
    """Have the algorithm try each module of a user's own on rows of zeros.

    Raises:
        DataError: A module, or the algorithm with it, cannot be used.
    """
    algorithm = federation.experiment.algorithm
    if algorithm.can_be_shortened:
        algorithm = algorithm.shortened(1)
    for choice, source in zip(federation.choices, federation.sources, strict=True):
        model = federation.modules.get(choice.family.name)
        if model is None:
            continue
        name = f"--network {federation.experiment.network_of(choice.family)}"
        for table in ("local", "eval"):
            if getattr(federation.experiment, table).batch_size == 1 < model.fewest:
                raise DataError(f"--{table}.batch-size 1: {name}: {LONE}")
        own = {n: t for n, t in federation.initial.items() if n in model.shapes}
        if algorithm.needs_head != "no" and model.head_path is None:
            raise DataError(
                f"{name} has no head that is trained, which the algorithm {type(algorithm).__name__} needs: call the"
                ' last layer head, classifier or fc, or name it by an attribute: head = "path"'
            )
        if algorithm.needs_head == "linear" and not model.embedding:
            raise DataError(
                f"{name}: the algorithm {type(algorithm).__name__} needs a linear head, but the outputs"
                f" are not those of the head {model.head_path!r}, or it is no torch.nn.Linear with a bias; choose"
                " another --algorithm"
            )
        task, state = federation.tasks[choice.family.name], algorithm.personal(own)
        episode = Episode(*(blank(task, source, 2, next(iter(own.values())).dtype) for _ in range(2)))
        try:
            state = {n: t.unsqueeze(0).clone() for n, t in state.items()}
            algorithm.update(task, algorithm.shared(own), state, episode, 1)
        except Exception as error:
            raise DataError(
                f"{name} for family {choice.family.name!r} cannot be trained by the algorithm"
                f" {type(algorithm).__name__}: {brief(error, 200)}"
            ) from None


def check_norms(federation: Federation) -> None:
    """Refuse an algorithm of norm layers for a network that has none.

    Raises:
        DataError: A family's network has no norm layer.
    """
    algorithm = federation.experiment.algorithm
    without = [name for name, task in federation.tasks.items() if not any(map(is_norm, task.model.shapes))]
    if algorithm.needs_norm and without:
        raise DataError(
            f"the algorithm {type(algorithm).__name__} is about norm layers, and the network of {', '.join(without)}"
            " has none; choose --network conv4 or small-conv with --norm batch or group, a module of your own with"
            " norms, or another --algorithm"
        )


def check_size(federation: Federation) -> None:
    """Read each data set, and refuse one that is too small.

    Raises:
        DataError: A data set is missing, damaged, or has too few clients.
    """
    experiment, roster = federation.experiment, federation.roster
    shares, members = experiment.proportions, roster.members(experiment.clients)
    for choice, source, share, needed in zip(federation.choices, federation.sources, shares, members, strict=True):
        there = source.clients
        if source.share is not None and there is not None:
            _check_share(federation, choice.family.name, source, source.share, there)
        elif there is not None and there < needed:
            raise DataError(
                f"--clients {experiment.clients} asks for {needed} clients of"
                f" {choice.family.name}:{choice.source}, which has {there};"
                f" choose at most {there // share * sum(shares)}"
                + (f", or a smaller share of them than --mix {experiment.mix} gives" if share > 1 else "")
            )


def _check_share(federation: Federation, family: str, source: Source, share: Share, there: int) -> None:
    if there >= len(share.numbers):
        return
    clients = federation.experiment.clients
    own = [c for c in range(share.node, clients, share.nodes) if federation.roster.family(c) == family]
    raise DataError(
        f"{source.files[-1]} has {there} people with rows enough, but node {share.node} of {share.nodes} hosts"
        f" {len(own)} of the {clients} clients, those of {family}: choose at most --clients"
        f" {own[there]}, another --mix, or put more people into the file"
    )


def check_groups(federation: Federation) -> None:
    """Refuse a description of devices that speaks of groups that nobody is of: it would do nothing.

    The groups of 2000 clients at most are looked at.

    Raises:
        DataError: It does, or it cannot be used.
    """
    fleet, clients = federation.fleet, federation.experiment.clients
    if fleet is None or not fleet.needs_groups:
        return
    looked = {federation.population.split(client).own.group for client in range(min(clients, LOOKED_AT))}
    missing = [group for group in fleet.description.by_group if group not in looked]
    if missing and clients <= LOOKED_AT:
        raise DataError(
            f"--devices.tiers {federation.experiment.devices.tiers}: by-group.{missing[0]}: no client is of this group"
            f" (groups: {', '.join(sorted(looked))})"
        )
