"""``simulate``: one run, from Python and from the command line alike; ``load`` reads the record of any."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from pydantic import ValidationError

from metafed.core.names import near
from metafed.core.settings import explain_keywords
from metafed.experiment.settings import Experiment
from simulation.api.carrying_out import carry_out
from simulation.api.run import Run
from simulation.cli.config import RAYS_OWN, Config
from simulation.cli.errors import BadInput
from simulation.records.studies import is_study
from simulation.runs.simulate import Callback


class How(TypedDict, total=False):
    """How a run is computed: the flags of ``simulation.run`` that leave every bit as it is."""

    worker_cpus: float
    worker_gpus: float | None
    ray_address: str | None
    device: str
    round_timeout: float
    track: Literal["tensorboard", "wandb", "trackio"] | None
    checkpoint_every: int
    keep: int
    report: bool


def simulate(
    experiment: Experiment | None = None,
    *,
    engine: Literal["ray", "local"] = "ray",
    workers: int | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    callbacks: Sequence[Callback] = (),
    references: str | None = None,
    **how: Unpack[How],
) -> Run:
    """Run an experiment and return its record.

    Args:
        experiment: What is computed. Default: ``Experiment()``.
        engine: ``ray``: worker processes; ``local``: in this process.
        workers: Ray workers. Default: as many as the CPUs allow.
        out: Folder of the record, which must not exist. Default: a temporary one, which goes when the ``Run`` does,
            and has a report when ``run.report()`` writes it.
        progress: Print the start and a line a round.
        callbacks: Each is called with the line of every finished round, a copy; one that raises ``StopRun`` ends the
            run there.
        references: As ``--references``, the simple ones: ``"usual"``, or their names.
        **how: The other settings of an engine, as flags have them.

    Raises:
        BadInput: A keyword is unknown, or a value, the data, the engine or the folder cannot be used; nothing is left
            behind.
        RunFailed: The run ended early; ``load`` reads the record, whose folder the message names.
        KeyboardInterrupt: Likewise.
    """
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise BadInput(f"simulate(callbacks): a list of functions, not {callbacks!r}")
    asked = an_experiment("simulate", experiment)
    keywords = ["experiment", "engine", "workers", "out", "progress", "callbacks", "references", *How.__annotations__]
    given: dict[str, Any] = {"engine": engine, "workers": workers, "quiet": not progress, "references": references}
    given["out"] = None if out is None else Path(out)
    config = configured("simulate", asked, given, how, keywords)
    if config.several:
        raise BadInput(
            f"simulate(references={config.references!r}): algorithms are runs of their own, which sweep has; here"
            " 'usual', or names of it"
        )
    if out is not None:
        return Run(carry_out(config, callbacks), asked)
    folder = Path(tempfile.mkdtemp(prefix="metafed-"))
    try:
        kept = {"out": folder / "run", "report": how.get("report", False)}
        return Run(carry_out(config.model_copy(update=kept), callbacks), asked, owned=folder)
    except BadInput:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def an_experiment(call: str, given: object) -> Experiment:
    """Return the experiment that ``call`` was given; the default one for None.

    Raises:
        BadInput: It is none.
    """
    if given is not None and not isinstance(given, Experiment):
        raise BadInput(f"{call}(experiment): an Experiment, not {type(given).__name__}")
    return Experiment() if given is None else given


def configured(
    call: str, asked: Experiment, given: Mapping[str, object], how: Mapping[str, object], keywords: Sequence[str]
) -> Config:
    """Return the settings of a run.

    Args:
        call: Who was called, for messages.
        asked: What is computed.
        given: Settings of the engine that ``call`` names itself.
        how: Further ones.
        keywords: All keywords of ``call``, for a near miss.

    Raises:
        BadInput: A keyword is unknown, or a value is not allowed.
    """
    for name in how:
        if name not in How.__annotations__:
            hint = near(name, keywords) or f" (it has {', '.join(keywords)})"
            raise BadInput(f"{call} has no setting {name!r}{hint}")
    for name in RAYS_OWN if given["engine"] == "local" else ():
        if (value := {**given, **how}.get(name)) is not None:
            raise BadInput(f"{call}({name}={value!r}): does nothing with engine='local', which has no workers")
    try:
        return Config.model_validate({"experiment": asked, **given, **how})
    except ValidationError as error:
        raise BadInput(explain_keywords(error, call, keywords)) from None


def load(folder: str | Path) -> Run:
    """Return the record of a run, by whatever command it was made.

    Raises:
        BadInput: It is no run's folder, or that of several runs.
    """
    if not isinstance(folder, str | Path):
        raise BadInput(f"load(folder): {folder!r}; give the folder of a run's record")
    path = Path(folder)
    if is_study(path):
        names = sorted(
            str(each.parent.relative_to(path)) for each in path.rglob("manifest.json") if each.parent != path
        )
        raise BadInput(f"{path}: holds several runs; load one of them ({', '.join(names)}), or compare the folder")
    return Run(path)
