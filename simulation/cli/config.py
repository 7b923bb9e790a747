"""The schema of *how* an experiment is run, from a file or as it is."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tyro
from pydantic import Field, ValidationError, field_validator, model_validator

from metafed.core.errors import DataError
from metafed.core.reading import read_toml
from metafed.core.settings import Settings, explain
from metafed.experiment.renames import RENAMED
from metafed.experiment.settings import Experiment
from metafed.faults.plan import described, read_faults
from simulation.cli.errors import BadInput
from simulation.cli.references import parse_references, simple_references

NOT_IN_A_FILE = {
    "experiment": "there is no such table; what is computed stands at the top, such as rounds = 3",
    "config": "a file names no other; put the settings into one file",
    "resume": "is a flag only; a run that goes on has its settings already",
}
"""Names of settings that mean nothing in a file, and what to do instead."""
RAYS_OWN = ("workers", "worker_cpus", "worker_gpus", "ray_address")
"""Settings that ``--engine local`` has no use for."""
LONGEST = 10**7
"""Seconds that a round may take: 115 days."""


class Config(Settings):
    """Run an experiment and keep its record. Precedence: defaults < --config FILE < flags."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")] = Experiment()
    engine: Literal["ray", "local"] = Field(
        "ray", description="ray: worker processes, here or on a cluster; local: in this process."
    )
    workers: int | None = Field(
        None, ge=1, le=10**4, description="Ray workers. Default: as many as the CPUs (and GPUs) allow."
    )
    worker_cpus: float = Field(1.0, gt=0, le=10**4, description="CPUs of one worker.")
    worker_gpus: float | None = Field(
        None, ge=0, le=10**4, description="GPUs of one worker; 0.25 lets four share one. Default: 0.25 on cuda, else 0."
    )
    ray_address: str | None = Field(None, description="Address of a running Ray cluster. Default: start one here.")
    device: str = Field(
        "cpu",
        description="Where clients are trained: cpu, cuda, cuda:N, or auto: cuda where there is a CUDA device.",
    )
    round_timeout: float = Field(3600.0, gt=0, le=LONGEST, description="Seconds to wait for the answers of one round.")
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
        description="What the run must beat, on the same clients: usual (constant, nearest, nearest-mean, pooled,"
        " pooled-prior, local-tuned: computed after the run), all (with local and global), none, or NAME,… of these."
        " And algorithms to run as well, with the same seeds: NAME[:SETTING=VALUE],… of local, global (fedavg, not"
        " adapted), fedavg-ft and the others. With local: who is worse off than alone.",
    )
    track: Literal["tensorboard", "wandb", "trackio"] | None = Field(
        None, description="Send every round's figures to a tracker as well, by a package that is installed apart."
    )
    checkpoint_every: int = Field(
        20,
        ge=1,
        le=10**9,
        description="Write a checkpoint after every so many rounds; there is one after the last besides.",
    )
    keep: int = Field(3, ge=1, le=10**9, description="Checkpoints that are kept, the newest.")
    report: bool = Field(
        True, description="Write report.html at the end; python -m simulation.report writes it at any time."
    )
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

    @field_validator("out", "resume")
    @classmethod
    def _home_is_written_out(cls, value: Path | None) -> Path | None:
        # a shell leaves --out=~/x as it is, and Python any; Polars does not
        return value and Path(os.path.expanduser(value))

    @field_validator("references")
    @classmethod
    def _references_exist(cls, value: str | None) -> str | None:
        parse_references(value)
        simple_references(value)
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

    @property
    def several(self) -> bool:
        """Whether this asks for several runs: more seeds, or algorithms beside its own."""
        return self.seeds is not None or bool(parse_references(self.references))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file of settings.

        Raises:
            BadInput: It cannot be read, or a key or a value is not allowed.
        """
        try:
            settings = snake(read_toml(path, "--config"))
        except DataError as error:
            raise BadInput(str(error)) from None
        except ValueError as error:
            raise BadInput(f"--config {path}: {error}") from None
        for name, instead in NOT_IN_A_FILE.items():
            if name in settings:
                raise BadInput(f"--config {path}: {name}: {instead}")
        own = {name: settings.pop(name) for name in list(settings) if name in cls.model_fields}
        say_new_names([name for name in settings if name != "devices" or isinstance(settings[name], str)], str(path))
        try:
            if isinstance(settings.get("faults"), str):
                settings["faults"] = read_faults(settings["faults"])
            return cls.model_validate({**own, "experiment": Experiment.model_validate(settings)})
        except DataError as error:
            raise BadInput(f"{path}: {error}") from None
        except ValidationError as error:
            fields = [*cls.model_fields, *Experiment.model_fields]
            raise BadInput(f"{path}: {explain(error, known=fields)}") from None


def check_engine(config: Config, recorded: Config | None = None) -> None:
    """Refuse settings of Ray's workers where the engine has none; those of a record that goes on may stand there.

    Raises:
        BadInput: The message names the first.
    """
    for name in RAYS_OWN if config.engine == "local" else ():
        value, flag = getattr(config, name), name.replace("_", "-")
        if value != Config.model_fields[name].default and (recorded is None or value != getattr(recorded, name)):
            raise BadInput(
                f"--{flag} {value} does nothing with --engine local, which computes in one process; leave one out"
            )


def snake(settings: dict[str, Any]) -> dict[str, Any]:
    """Turn the keys of nested settings from kebab-case to names of fields.

    Raises:
        ValueError: A key is there in both spellings.
    """
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = key.replace("-", "_")
        if name in found:
            raise ValueError(f"{name.replace('_', '-')} is given twice, with - and with _; leave one out")
        found[name] = snake(value) if isinstance(value, dict) else value
    return found


def say_new_names(names: Sequence[str], where: str) -> None:
    """Say once what settings of a file are called now."""
    for name in names:
        if name in RENAMED:
            new = RENAMED[name].replace("_", "-")
            print(f"metafed: {where}: {name.replace('_', '-')} is now {new}", file=sys.stderr)
