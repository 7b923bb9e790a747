"""Carrying out a deployment: start or join a federation, submit, follow, collect, clean up."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from metafed.experiment.lookup import algorithm_name
from metafed.federation.federation import federation_of
from server.files import new_folder, remove
from server.record.provenance import git_state
from simulation.cli.config import Config
from simulation.cli.console import Screen
from simulation.cli.errors import BadInput
from simulation.deployment.bundle import app
from simulation.deployment.closing import amend, close, manifest
from simulation.deployment.control import Control
from simulation.deployment.errors import Interrupted, NotStarted, Refused, RunEndedEarly
from simulation.deployment.local import LocalFederation
from simulation.deployment.plan import Plan, check_nodes
from simulation.deployment.runs import (
    Watch,
    check_status,
    collect,
    run_config,
    wait_for_nodes,
)
from simulation.report.pages import write_report
from simulation.runs.people import all_people
from simulation.runs.preparing import federated, read
from simulation.runs.settings import check_apart, default_folder

NOTHING_KEPT = "interrupted before the first round; nothing is left behind"
KEPT = "interrupted; θ and all finished rounds are in {}"


class Federation(NamedTuple):
    """A federation whose nodes are registered: how it is reached, and whether its processes still live."""

    control: Control
    alive: Callable[[], None]
    logs: dict[str, Path]


def deploy(plan: Plan, console: Console) -> Path:
    """Have a federation compute what ``plan`` says, and return the folder of the record.

    Raises:
        BadInput: The data or the folder cannot be used; nothing is left behind.
        NotStarted, NodesMissing, Refused: The federation is not there, or ended.
        RunEndedEarly: The run failed; what there is of its record is collected.
        Interrupted: Likewise, by Ctrl-C or SIGTERM.
    """
    again = plan.config.resume is not None
    if plan.remote is None and not plan.node_data:  # else the data are with the nodes
        plan = plan._replace(config=all_people(plan.config))
        check_nodes(plan.nodes, plan.config.experiment.clients)
    # other processes make it, and only later: the number of this one tells it from those of the same second
    unnamed = default_folder(plan.config)
    unnamed = unnamed.with_name(f"{unnamed.name}-{os.getpid()}")
    folder = (plan.config.resume or plan.config.out or unnamed).absolute()
    if not again:
        check_new(folder)
    if plan.remote is None and not plan.node_data:
        read(federated(plan.config.experiment), lambda federation, remarks: None)
    record = plan.remote.records / folder.name if plan.remote else folder
    if record != folder and record.exists() != again:
        announced = "is not there" if again else "exists already"
        raise BadInput(f"--{'resume' if again else 'out'} {folder}: {record} {announced} on the SuperLink's machine")
    resumed = check_resumable(plan.config, record) if again else None
    settings = run_config(plan.config.experiment, record, plan.config.round_timeout, again, plan.fewest or 0)
    with tempfile.TemporaryDirectory(prefix="metafed-") as name:
        scratch = Path(name)
        with _federation(plan, scratch, console) as federation:
            online = wait_for_nodes(federation.control, plan.nodes, plan.patience, federation.alive, plan.fewest)
            run_id = federation.control.submit(app(scratch / "app"), settings)
            if not plan.config.quiet:
                console.print(
                    f"run {run_id}: {online} of {plan.nodes} nodes have joined; the record is {folder}", soft_wrap=True
                )
            progress = Screen(plan.config, console).round
            watch = Watch(federation.control, run_id, record, scratch / "run.log", progress, resumed)
            logs = {"run.log": scratch / "run.log", **federation.logs}
            try:
                check_status(watch.until_end(federation.alive), record, plan.config.experiment.rounds)
            except KeyboardInterrupt:
                with _undisturbed():
                    watch.stop()
                    _collect(record, folder, logs, "interrupted")
                raise Interrupted(KEPT.format(folder) if folder.exists() else NOTHING_KEPT) from None
            except (RunEndedEarly, Refused, NotStarted) as error:
                _collect(record, folder, logs, f"failed: {error}")
                raise
            _collect(record, folder, logs)
    return folder


def check_new(folder: Path) -> None:
    """Refuse a folder that exists or cannot be made, before anything is started.

    Raises:
        BadInput: It does, or cannot be, or lies in a run's record.
    """
    check_apart(folder)
    try:
        if folder.exists():
            raise BadInput(f"--out {folder}: exists already; choose another folder or move it away")
        with new_folder(draft_of(folder)) as made:
            pass
        remove(draft_of(folder), made)
    except FileExistsError:
        return  # left by a process that was killed: it can be made
    except OSError as error:
        raise BadInput(f"--out {folder}: {error.strerror}") from None


def draft_of(folder: Path) -> Path:
    """Return where a copy of a record is put together; its name is longer, and the file system must take it, too."""
    return folder.with_name(f".{folder.name}.draft")


def check_resumable(config: Config, record: Path) -> int:
    """Refuse what would go on as another run; returns how many times the record was gone on with before.

    Raises:
        BadInput: There is nothing left to do, or clients had personal states, which were their nodes'.
    """
    experiment, about = config.experiment, manifest(record)
    if experiment.algorithm.personal(federation_of(experiment).initial):
        raise BadInput(
            f"--resume {record}: by --algorithm {algorithm_name(experiment.algorithm)} clients keep states of their"
            " own, which were at the nodes and went with the run; start anew"
        )
    done = (about.get("experiment") or {}).get("rounds", 0)
    if about.get("exit_reason") == "done" and experiment.rounds <= done:
        raise BadInput(f"--resume {record}: its {done} rounds are done; more than {done} by --rounds let it go on")
    return len(about.get("resumed", ()))


@contextmanager
def _federation(plan: Plan, scratch: Path, console: Console) -> Iterator[Federation]:
    """Start the federation or join the one that runs, and register its nodes."""
    if plan.remote is not None:
        with Control(plan.remote.address, plan.remote.credentials) as control:
            _register(control, plan.remote.credentials, plan.nodes)
            yield Federation(control, lambda: None, {})
        return
    with LocalFederation(scratch, plan.nodes, plan.config.device) as local:
        superlink = local.start_superlink()
        with Control(local.address, local.operator) as control:
            _register(control, local.operator, plan.nodes)
            own = plan.node_data or (None,) * plan.nodes
            nodes = [local.start_node(number, own_data=folder) for number, folder in enumerate(own)]
            announced: set[str] = set()

            def alive() -> None:
                if superlink.ended is not None:
                    raise NotStarted(f"the SuperLink ended; its log ends with\n{superlink.tail()}")
                for node in nodes:
                    if node.ended is not None and node.name not in announced:
                        announced.add(node.name)
                        console.print(f"{node.name} ended; its clients are missing. Its log ends with\n{node.tail()}")

            try:
                yield Federation(control, alive, {f"logs/{each.name}.log": each.log for each in (superlink, *nodes)})
            except BaseException:
                # signals must not keep the processes from being ended
                with _undisturbed():
                    local.__exit__()
                raise


def _register(control: Control, folder: Path, nodes: int) -> None:
    """Register the nodes' public keys.

    Raises:
        BadInput: One is missing.
    """
    for number in range(nodes):
        key = folder / f"node-{number}.pub"
        if not key.is_file():
            raise BadInput(f"--nodes {nodes}: {key} is missing; make keys for all nodes, or name fewer")
        control.register(key, f"node-{number}")


def _collect(record: Path, folder: Path, logs: dict[str, Path], reason: str | None = None) -> None:
    """Bring the record here, if there is one, with the logs and its report; whoever owns the runs owns the copy.

    Args:
        record: Where the ServerApp wrote it; where that is not ``folder`` it is only read.
        folder: Where it shall be.
        logs: What else it shall hold, by its name in the record.
        reason: Why the run ended, where the ServerApp could not know.
    """
    if not record.exists():
        return
    if record != folder:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = draft_of(folder)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(record, fresh)
        if folder.exists():  # a run that went on: its copy here is older, but for the logs
            for name in ("run.log", "logs"):
                if (folder / name).exists() and not (fresh / name).exists():
                    (folder / name).rename(fresh / name)
            shutil.rmtree(folder)
        fresh.rename(folder)
    # Flower starts the ServerApp with a token on its command line, which nobody needs to keep; ours says more
    ours, entries = {"argv": sys.argv, "git": git_state()}, manifest(folder).get("resumed")
    amend(folder, {"resumed": [*entries[:-1], {**entries[-1], **ours}]} if entries else ours)
    if reason is not None:
        close(folder, reason)
    collect(logs, folder)
    if (folder / "summary.json").exists():
        write_report(folder)
    if record != folder:
        owner = folder.parent.stat()
        for path in (folder, *folder.rglob("*")):
            with suppress(PermissionError):
                shutil.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no Ctrl-C and no SIGTERM cut short what is being brought to an end."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
