"""The command line of a run: flags over a file over defaults."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from pydantic import BaseModel, Field, ValidationError, create_model

from metafed.algorithms import Algorithm
from metafed.core.errors import DataError
from metafed.core.reading import parse_toml
from metafed.core.settings import explain
from metafed.devices.settings import Devices
from metafed.experiment.lookup import KINDS, Kinds
from metafed.experiment.renames import RENAMED
from metafed.experiment.settings import Experiment
from metafed.faults import read_faults
from metafed.federation.federation import Federation, lay_ready
from simulation import HOME, ROOMS
from simulation.cli.asking import ask
from simulation.cli.config import Config, check_engine
from simulation.cli.errors import BadInput
from simulation.cli.late import unused
from simulation.cli.resume import again, check_unchanged

ABOUT = {
    "algorithm": "What clients and server compute in a round; its settings stand below",
    "objective": "Whose loss counts how much",
    "sampling": "Who is asked",
    "aggregator": "How client updates are combined",
}
"""What is chosen by name, each with settings of its own."""
NAME_OF = "name_of_{}"
"""The field for the name of such a choice, which its settings leave no other name for."""


def parse(argv: Sequence[str]) -> Config:
    """Read the command line.

    Raises:
        BadInput: A value is not allowed.
        SystemExit: The help was printed.
    """
    rest, named = renewed_flags(argv), {}
    for what in KINDS:
        rest, named[what] = take_option(rest, f"--{what}")
    rest, network = take_option(rest, "--network")
    rest, arguments = take_arguments(rest, "--network.")
    rest, file = take_option(rest, "--config")
    rest, faults = take_option(rest, "--faults")
    rest, resumed = take_option(rest, "--resume")
    rest, data_dir = take_option(rest, "--data-dir")
    if resumed is not None and file is not None:
        raise BadInput("--resume reads the run's own settings; leave --config out")
    here = os.getcwd()
    if resumed is not None:
        default = again(Path(resumed))
    else:
        default = Config.from_file(Path(file)) if file is not None else Config()
    if data_dir is not None and os.getcwd() != here:
        data_dir = os.pathsep.join(os.path.join(here, each) for each in data_dir.split(os.pathsep))
    if data_dir is not None:
        rest += ["--data-dir", data_dir]
    chosen = {what: _chosen(kind, named[what], getattr(default.experiment, what)) for what, kind in KINDS.items()}
    flags = _flags(default, chosen)
    with unused("torch"):
        parsed = ask(lambda prog: tyro.cli(flags, args=rest, prog=prog, description=Config.__doc__), "run", rest)
    settings = parsed.model_dump()
    if "clients" not in default.experiment.model_fields_set and take_option(list(argv), "--clients")[1] is None:
        del settings["experiment"]["clients"]  # not given, which is told from given as its default
    if default.experiment.devices == Devices() and take_option(rest, "--devices.tiers")[1] is None:
        del settings["experiment"]["devices"]["tiers"]  # likewise
    if network is not None or arguments:
        settings["experiment"] |= networked(default.experiment, network, arguments)
    if faults is not None:
        try:
            settings["experiment"]["faults"] = read_faults(faults)
        except DataError as error:
            raise BadInput(str(error)) from None
    for what, model in chosen.items():
        del settings["experiment"][NAME_OF.format(what)]  # named already
        given = {name: value for name, value in settings["experiment"][what].items() if value is not None}
        try:
            settings["experiment"][what] = type(model).model_validate(given)
        except ValidationError as error:
            raise BadInput(explain(error, type(model).model_fields, what)) from None
    try:
        experiment = Experiment.model_validate(settings.pop("experiment"))
        config = Config.model_validate({**settings, "experiment": experiment})
    except ValidationError as error:
        raise BadInput(explain(error)) from None
    try:
        # a user's own table, and what only it can tell
        config = config.model_copy(update={"experiment": lay_ready(Federation(experiment)).experiment})
    except ValueError as error:
        raise BadInput(str(error)) from None
    check_engine(config, default if config.resume is not None else None)
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


def _chosen(kinds: "Kinds[BaseModel]", named: str | None, default: BaseModel) -> BaseModel:
    """Return what the command line names, such as an algorithm, with the file's settings if it is the file's.

    Raises:
        BadInput: There is none of that name.
    """
    if named is None:
        return default
    what = kinds.what
    try:
        kind = kinds.find(named)
    except ValueError as error:
        raise BadInput(f"--{what}: {error}{_hidden(named)}") from None
    try:
        return default if isinstance(default, kind) else kind.model_validate({})
    except ValidationError as error:
        raise BadInput(f"--{what} {named}: its settings need defaults: {explain(error, prefix=what)}") from None


def _hidden(named: str) -> str:
    """Say why a module of the current folder is not found, where that is so."""
    module = named.partition(":")[0].partition(".")[0]
    if not Path(f"{module}.py").is_file():
        return ""
    if module in (*ROOMS, "simulation"):
        return f"; {module} is a package of metafed, in {HOME}: rename your {module}.py"
    if os.getcwd() in map(os.path.abspath, sys.path):
        return ""
    return f"; {module}.py of the current folder is found by PYTHONPATH=., or by python -m simulation.run"


def _flags(default: Config, chosen: Mapping[str, BaseModel]) -> type[BaseModel]:
    """Return a schema of flags for tyro: types, defaults and help, with the settings of what was chosen.

    It has no constraints: values are evaluated by our own models, whose complaints name the flag.
    """
    changed: dict[str, Any] = {}
    for what, model in chosen.items():
        inner, kinds = _loosen(model), KINDS[what]
        changed[what] = (inner, Field(inner(), description=(type(model).__doc__ or "").strip()))
        name = Annotated[str, tyro.conf.arg(name=what, metavar="NAME")]
        about = f"{ABOUT[what]}: {', '.join(kinds.table)}, or MODULE:CLASS of your own."
        changed[NAME_OF.format(what)] = (name, Field(kinds.name(model), description=about))
    for table in ("local", "eval", "privacy", "secure", "devices"):
        values = getattr(default.experiment, table)
        inner = _loosen(values)
        changed[table] = (inner, Field(inner(), description=(type(values).__doc__ or "").strip()))
    experiment = _loosen(default.experiment, **changed)
    # with a description tyro need not look for one in our source
    described = Field(experiment(), description="What is computed.")
    return _loosen(default, experiment=(Annotated[experiment, tyro.conf.arg(name="")], described))


def _loosen(values: BaseModel, **changed: Any) -> type[BaseModel]:
    """Return a model with the fields of ``values``, its values as defaults, and no constraints."""
    fields: dict[str, Any] = {}
    left_open = values.left_open if isinstance(values, Algorithm) else ()
    for name, field in type(values).model_fields.items():
        annotation: Any = field.annotation
        value = getattr(values, name)
        if name in left_open:  # a flag that is not given leaves it so
            annotation, value = annotation | None, None
        for marker in field.metadata:
            if type(marker).__module__.startswith("tyro"):
                annotation = Annotated[annotation, marker]
        fields[name] = (annotation, Field(value, description=field.description))
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
            value = parse_toml(f"value = {text}", flag).get("value")
        except DataError:
            value = text
        found[flag.removeprefix(prefix).replace("-", "_")] = value if isinstance(value, bool | int | float) else text
    return argv, found
