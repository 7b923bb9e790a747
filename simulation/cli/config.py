"""The schema of *how* an experiment is run, and its way from flags and files."""

import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tyro
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from metafed.aggregators import AGGREGATORS
from metafed.algorithms import ALGORITHMS
from metafed.core.source import DataError
from metafed.experiment.lookup import aggregator_class, algorithm_class, objective_class, sampler_class
from metafed.experiment.renames import RENAMED
from metafed.experiment.settings import Experiment
from metafed.faults.plan import described, read_faults
from metafed.federation.federation import federation_of
from metafed.objectives import OBJECTIVES
from metafed.sampling import SAMPLERS
from simulation.cli.errors import BadInput, explain
from simulation.cli.late import unused
from simulation.runs.references import parse_references
from simulation.runs.resume import check_unchanged, settings_file

TABLES: dict[str, Mapping[str, type[BaseModel]]] = {
    "algorithm": ALGORITHMS,
    "objective": OBJECTIVES,
    "sampling": SAMPLERS,
    "aggregator": AGGREGATORS,
}
"""What is chosen by name, each with settings of its own."""


class Config(BaseModel):
    """Run an experiment and keep its record. Precedence: defaults < --config FILE < flags."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Annotated[Experiment, tyro.conf.arg(name="")] = Experiment()
    engine: Literal["ray", "local"] = Field(
        "ray", description="ray: worker processes, here or on a cluster; local: in this process."
    )
    workers: int | None = Field(None, ge=1, description="Ray workers. Default: as many as the CPUs (and GPUs) allow.")
    worker_cpus: float = Field(1.0, gt=0, description="CPUs of one worker.")
    worker_gpus: float | None = Field(
        None, ge=0, description="GPUs of one worker; 0.25 lets four share one. Default: 0.25 on cuda, else 0."
    )
    ray_address: str | None = Field(None, description="Address of a running Ray cluster. Default: start one here.")
    device: str = Field(
        "cpu",
        description="Where clients are trained: cpu, cuda, cuda:N, or auto: cuda where there is a CUDA device.",
    )
    round_timeout: float = Field(3600.0, gt=0, description="Seconds to wait for the answers of one round.")
    out: Path | None = Field(
        None, description="Folder of the record; must not exist. Default: runs/<time>-<algorithm>-seed<seed>."
    )
    config: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = Field(
        None, description="TOML file of settings; a key is a flag without its dashes."
    )
    seeds: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Run so many seeds, from --seed upwards: one folder with a whole record a seed, and a summary"
        " across them.",
    )
    references: str | None = Field(
        None,
        description="Algorithms to run as well, with the same clients and seeds: NAME[:SETTING=VALUE],… of local,"
        " global (fedavg, not adapted), fedavg-ft and the others. With local: who is worse off than alone.",
    )
    track: Literal["tensorboard", "wandb", "trackio"] | None = Field(
        None, description="Send every round's figures to a tracker as well, by a package that is installed apart."
    )
    checkpoint_every: int = Field(
        20, ge=1, description="Write a checkpoint after every so many rounds; there is one after the last besides."
    )
    keep: int = Field(3, ge=1, description="Checkpoints that are kept, the newest.")
    resume: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = Field(
        None, description="Go on with the run whose record is in this folder, with its settings; --rounds may be more."
    )
    quiet: Annotated[bool, tyro.conf.FlagCreatePairsOff] = Field(False, description="Print nothing but errors.")

    @field_validator("device")
    @classmethod
    def _device_has_a_name(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
            raise ValueError("choose auto, cpu, cuda or cuda:N")
        return value

    @field_validator("references")
    @classmethod
    def _references_exist(cls, value: str | None) -> str | None:
        parse_references(value)
        return value

    @model_validator(mode="after")
    def _a_worker_can_be_lost(self) -> Self:
        faults = described(self.experiment.faults)
        if self.engine == "local" and any(fault.kind == "worker" for fault in faults):
            raise ValueError("--faults: kind 'worker' needs workers that can be lost; choose --engine ray")
        return self

    @model_validator(mode="after")
    def _one_says_which_gpu(self) -> Self:
        if self.worker_gpus and ":" in self.device:
            raise ValueError(
                f"--device {self.device} with --worker-gpus {self.worker_gpus:g}: Ray chooses the GPUs of its workers;"
                " leave one of the two out"
            )
        return self

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file of settings.

        Raises:
            BadInput: It cannot be read, or a key or a value is not allowed.
        """
        try:
            settings = snake(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise BadInput(f"--config {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"--config {path}: not TOML: {error}") from None
        own = {name: settings.pop(name) for name in list(settings) if name in cls.model_fields}
        say_new_names([name for name in settings if name != "devices" or isinstance(settings[name], str)], str(path))
        try:
            if isinstance(settings.get("faults"), str):
                settings["faults"] = read_faults(settings["faults"])
            return cls(**{**own, "experiment": Experiment.model_validate(settings)})
        except DataError as error:
            raise BadInput(f"{path}: {error}") from None
        except ValidationError as error:
            fields = [*cls.model_fields, *Experiment.model_fields]
            raise BadInput(f"{path}: {explain(error, known=fields)}") from None


def snake(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn the keys of nested settings from kebab-case to names of fields."""
    return {k.replace("-", "_"): snake(v) if isinstance(v, dict) else v for k, v in settings.items()}


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
    rest, file = take_option(rest, "--config")
    rest, faults = take_option(rest, "--faults")
    rest, resumed = take_option(rest, "--resume")
    if resumed is not None and file is not None:
        raise BadInput("--resume reads the run's own settings; leave --config out")
    file = str(settings_file(Path(resumed))) if resumed is not None else file
    default = Config.from_file(Path(file)) if file is not None else Config()
    default = default.model_copy(update={"resume": Path(resumed)}) if resumed is not None else default
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
        federation_of(experiment)  # a user's own table, and what only it can tell
    except ValueError as error:
        raise BadInput(str(error)) from None
    if config.resume is not None:
        check_unchanged(default, config)
    return config


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


def say_new_names(names: Sequence[str], where: str) -> None:
    """Say once what settings of a file are called now."""
    for name in names:
        if name in RENAMED:
            new = RENAMED[name].replace("_", "-")
            print(f"metafed: {where}: {name.replace('_', '-')} is now {new}", file=sys.stderr)


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
    return default if isinstance(default, kind) else kind()


def _flags(default: Config, chosen: Mapping[str, BaseModel]) -> type[BaseModel]:
    """Return a schema of flags for tyro: types, defaults and help, with the settings of what was chosen.

    It has no constraints: values are judged by our own models, whose complaints name the flag.
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
