"""The command line of a run: flags over a file over defaults."""

import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from pydantic import BaseModel, Field, ValidationError, create_model

from metafed.aggregators import AGGREGATORS
from metafed.algorithms import ALGORITHMS
from metafed.core.errors import DataError
from metafed.experiment.lookup import aggregator_class, algorithm_class, objective_class, sampler_class
from metafed.experiment.renames import RENAMED
from metafed.experiment.settings import Experiment
from metafed.faults import read_faults
from metafed.federation.federation import Federation
from metafed.objectives import OBJECTIVES
from metafed.sampling import SAMPLERS
from simulation.cli.config import Config
from simulation.cli.errors import BadInput, explain
from simulation.cli.late import unused
from simulation.cli.resume import check_settings, check_unchanged, settings_file

TABLES: dict[str, Mapping[str, type[BaseModel]]] = {
    "algorithm": ALGORITHMS,
    "objective": OBJECTIVES,
    "sampling": SAMPLERS,
    "aggregator": AGGREGATORS,
}
"""What is chosen by name, each with settings of its own."""


def parse(argv: Sequence[str]) -> Config:
    """Read the command line.

    Raises:
        BadInput: A value is not allowed.
        SystemExit: tyro printed the help (0) or a misuse of flags (2).
    """
    rest, algorithm = take_option(renewed_flags(argv), "--algorithm")
    rest, objective = take_option(rest, "--objective")
    rest, sampling = take_option(rest, "--sampling")
    rest, aggregator = take_option(rest, "--aggregator")
    rest, network = take_option(rest, "--network")
    rest, arguments = take_arguments(rest, "--network.")
    rest, file = take_option(rest, "--config")
    rest, faults = take_option(rest, "--faults")
    rest, resumed = take_option(rest, "--resume")
    if resumed is not None and file is not None:
        raise BadInput("--resume reads the run's own settings; leave --config out")
    file = str(settings_file(Path(resumed))) if resumed is not None else file
    default = Config.from_file(Path(file)) if file is not None else Config()
    if resumed is not None:
        check_settings(Path(resumed), default)
        default = default.model_copy(update={"resume": Path(resumed)})
    chosen: dict[str, BaseModel] = {
        "algorithm": _chosen("algorithm", algorithm, default.experiment.algorithm, algorithm_class),
        "objective": _chosen("objective", objective, default.experiment.objective, objective_class),
        "sampling": _chosen("sampling", sampling, default.experiment.sampling, sampler_class),
        "aggregator": _chosen("aggregator", aggregator, default.experiment.aggregator, aggregator_class),
    }
    flags = _flags(default, chosen)
    with unused("torch"):
        parsed = tyro.cli(flags, args=rest, prog="python -m simulation.run", description=Config.__doc__)
    settings = parsed.model_dump()
    if network is not None or arguments:
        settings["experiment"] |= networked(default.experiment, network, arguments)
    if faults is not None:
        try:
            settings["experiment"]["faults"] = read_faults(faults)
        except DataError as error:
            raise BadInput(str(error)) from None
    for what, model in chosen.items():
        try:
            settings["experiment"][what] = type(model).model_validate(settings["experiment"][what])
        except ValidationError as error:
            raise BadInput(explain(error, type(model).model_fields, what)) from None
    try:
        experiment = Experiment(**settings.pop("experiment"))
        config = Config(**{**settings, "experiment": experiment})
    except ValidationError as error:
        raise BadInput(explain(error)) from None
    try:
        Federation(experiment)  # a user's own table, and what only it can tell
    except ValueError as error:
        raise BadInput(str(error)) from None
    if config.resume is not None:
        check_unchanged(default, config)
    return config


def networked(default: Experiment, network: str | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the network that the command line names, with the file's arguments if it is the file's."""
    kept = default.network_settings or {} if network in (None, default.network) else {}
    return {"network": network or default.network, "network_settings": {**kept, **arguments} or None}


def renewed_flags(argv: Sequence[str]) -> list[str]:
    """Return the command line with the new names of flags; the old ones go on working, and it is said once."""
    flags = {f"--{old.replace('_', '-')}": f"--{new.replace('_', '-')}" for old, new in RENAMED.items()}
    flags["--no-secure-aggregation"] = "--secure.no-aggregation"
    found, old = [], []
    for word in argv:
        flag, equals, value = word.partition("=")
        if flag in flags:
            old.append(flag)
        found.append(flags.get(flag, flag) + equals + value)
    for flag in dict.fromkeys(old):
        print(f"metafed: {flag} is now {flags[flag]}", file=sys.stderr)
    return found


def _chosen(what: str, named: str | None, default: BaseModel, find: Callable[[str], type[BaseModel]]) -> BaseModel:
    """Return what the command line names, such as an algorithm, with the file's settings if it is the file's.

    Raises:
        BadInput: There is none of that name.
    """
    if named is None:
        return default
    try:
        kind = find(named)
    except ValueError as error:
        raise BadInput(f"--{what}: {error}") from None
    try:
        return default if isinstance(default, kind) else kind()
    except ValidationError as error:
        raise BadInput(f"--{what} {named}: its settings need defaults: {explain(error, prefix=what)}") from None


def _flags(default: Config, chosen: Mapping[str, BaseModel]) -> type[BaseModel]:
    """Return a schema of flags for tyro: types, defaults and help, with the settings of what was chosen.

    It has no constraints: values are evaluated by our own models, whose complaints name the flag.
    """
    changed = {}
    for what, model in chosen.items():
        about = (
            f"{(type(model).__doc__ or '').strip()} Choose another by --{what} NAME: {', '.join(TABLES[what])},"
            " or module:Class from anywhere."
        )
        inner = _loosen(model)
        changed[what] = (inner, Field(inner(), description=about))
    for table in ("privacy", "secure", "devices"):
        values = getattr(default.experiment, table)
        inner = _loosen(values)
        changed[table] = (inner, Field(inner(), description=(type(values).__doc__ or "").strip()))
    experiment = _loosen(default.experiment, **changed)
    return _loosen(default, experiment=(Annotated[experiment, tyro.conf.arg(name="")], experiment()))


def _loosen(values: BaseModel, **changed: Any) -> type[BaseModel]:
    """Return a model with the fields of ``values``, its values as defaults, and no constraints."""
    fields: dict[str, Any] = {}
    for name, field in type(values).model_fields.items():
        annotation: Any = field.annotation
        for marker in field.metadata:
            if type(marker).__module__.startswith("tyro"):
                annotation = Annotated[annotation, marker]
        fields[name] = (annotation, Field(getattr(values, name), description=field.description))
    return create_model(type(values).__name__, __doc__=type(values).__doc__, **{**fields, **changed})


def take_option(argv: list[str], flag: str) -> tuple[list[str], str | None]:
    """Take ``flag VALUE`` or ``flag=VALUE`` out of ``argv``; the last one counts.

    Raises:
        BadInput: The flag has no value.
    """
    rest, value = [], None
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == flag:
            if index + 1 == len(argv) or argv[index + 1].startswith("--"):
                raise BadInput(f"{flag} needs a value")
            value, index = argv[index + 1], index + 1
        elif word.startswith(flag + "="):
            value = word.removeprefix(flag + "=")
        else:
            rest.append(word)
        index += 1
    return rest, value


def take_arguments(argv: list[str], prefix: str) -> tuple[list[str], dict[str, Any]]:
    """Take ``PREFIXkey VALUE`` or ``PREFIXkey=VALUE`` out of ``argv``; a value is read as in TOML, else it is text.

    Raises:
        BadInput: A flag has no value.
    """
    found: dict[str, Any] = {}
    for flag in dict.fromkeys(word.partition("=")[0] for word in argv if word.startswith(prefix)):
        argv, text = take_option(argv, flag)
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except ValueError:
            value = text
        found[flag.removeprefix(prefix).replace("-", "_")] = value if isinstance(value, bool | int | float) else text
    return argv, found
