"""What each page of ``docs/extending`` prints works as it is printed, outside the tree and in it."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from dp_accounting import LaplaceDpEvent
from dp_accounting.rdp import RdpAccountant

from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from metafed.objectives import Contribution
from simulation.report.command import main as report
from simulation.run import main as run
from tests.extending.pages import FOLDER, grown, in_tree, page
from tests.metafed.algorithms.clients import same
from tests.metafed.fairness.hand_made import make
from tests.metafed.models.problems import network
from tests.simulation.command.running import command, manifest, rounds, sha

NAMES = ["algorithm", "objective", "aggregator", "privacy-mechanism", "family", "report-figure"]
SMALL = ["--clients", "12", "--rounds", "2", "--width", "8", "--engine", "local", "--quiet", "--out", "run"]


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Return what saves a page's example in a folder where one works, and returns the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def saving(name):
        own = page(name)
        (tmp_path / own.file).write_text(own.code, encoding="utf-8")
        return own

    return saving


def ran(own):
    """Run a page's command, small, and return what the manifest says of the experiment."""
    ((module, *words),) = own.commands
    assert module == "simulation.run"
    assert run([*words, *SMALL]) == 0
    return manifest(Path("run"))


def test_there_is_a_page_for_each_and_its_links_lead_somewhere():
    assert {path.stem for path in FOLDER.glob("*.md")} == {"README", *NAMES}
    for path in FOLDER.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") < 60, "a page is a screen"
        targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        assert [target for target in targets if not (FOLDER / target).exists()] == []


def test_an_algorithm(saved):
    said = ran(saved("algorithm"))["experiment"]["algorithm"]
    assert said == {
        "name": "my_algorithm:DecayingMaml",
        "inner_steps": 5,
        "inner_lr": 0.2,
        "remat": False,
        "decay": 0.5,
    }
    from my_algorithm import DecayingMaml

    from metafed.algorithms import Maml

    task, theta, episode = network()
    maml, constant = Maml(inner_lr=0.3), DecayingMaml(inner_lr=0.3, decay=0)
    same(*(each.update(task, theta, {}, episode, 1).directions for each in (constant, maml)))


def test_an_objective(saved):
    said = ran(saved("objective"))["experiment"]["objective"]
    assert said == {"name": "my_objective:Above", "threshold": 0.3}
    # it can be had with privacy, since it says what a client determines alone
    Experiment(objective="my_objective:Above", privacy={"noise": 1, "clip": 1})


def test_an_aggregator(saved):
    said = ran(saved("aggregator"))["experiment"]["aggregator"]
    assert said == {"name": "my_aggregator:MeanAroundMedian", "kept": 0.6}
    from my_aggregator import MeanAroundMedian

    np.testing.assert_allclose(MeanAroundMedian(kept=0.5).combine(np.array([[1.0], [2.0], [4.0], [1e9]])), [3.0])
    with pytest.raises(ValueError, match=r"my_aggregator:MeanAroundMedian cannot be combined with --privacy"):
        Experiment(aggregator="my_aggregator:MeanAroundMedian", privacy={"noise": 1, "clip": 1})


def test_a_privacy_mechanism(saved):
    said = ran(saved("privacy-mechanism"))
    assert said["experiment"]["privacy"]["model"] == "my_mechanism:Laplace"
    accountant = RdpAccountant()
    for line in rounds(Path("run"))[1:]:
        accountant.compose(LaplaceDpEvent(2.0))
        assert line["epsilon"] == pytest.approx(accountant.get_epsilon(line["delta"]), rel=1e-12)
    assert said["privacy"]["epsilon"] == line["epsilon"]
    assert said["privacy"]["neighbours"] == "one client more or less"


def private(**changed):
    own = {"model": "my_mechanism:Laplace", "noise": 2.0, "clip": 0.5, **changed.pop("privacy", {})}
    return Experiment.model_validate({"clients": 12, "width": 8, "privacy": own, **changed})


def test_a_mechanism_cuts_in_its_own_norm_and_its_noise_is_where_it_says(saved):
    saved("privacy-mechanism")
    from metafed.objectives import NOTHING
    from metafed.privacy.noisy_sum import NoisySum
    from metafed.privacy.shares import noised

    one = Contribution({"trunk": np.array([3.0, -1.0]), "a": np.array([4.0])}, {"trunk": 1.0, "a": 1.0})
    short = private().mechanism.cut(one, 2.0)
    np.testing.assert_allclose(np.concatenate([*short.directions.values()]), [0.75, -0.25, 1.0])
    central, local = private(), private(privacy={"model": "my_mechanism:LocalLaplace"})
    released = {
        each.privacy.model: NoisySum(each, Federation(each).layout, Federation(each).holders).release(NOTHING, 1)
        for each in (central, local)
    }
    noise = np.concatenate([*released["my_mechanism:Laplace"].values()])
    assert np.abs(noise).min() > 0
    assert not np.concatenate([*released["my_mechanism:LocalLaplace"].values()]).any()
    many = [noised(local, one, client, 1).directions["a"][0] - 4.0 for client in range(2000)]
    assert np.std(many) == pytest.approx(2.0 * 0.5 * np.sqrt(2), rel=0.1)
    assert not noised(local, one, 0, 1).sums


def test_a_mechanism_that_cannot_be_accounted_for_is_refused_before_anything_runs(saved):
    saved("privacy-mechanism")
    with pytest.raises(ValueError, match=r"rdp has no bound for LaplaceDpEvent .* 'poisson'; choose the other"):
        preflight(Federation(private(sampling="poisson", cohort=4)))
    preflight(Federation(private(sampling="poisson", cohort=4, privacy={"accountant": "pld"})))
    with pytest.raises(ValueError, match=r"--privacy.quantile cannot be combined with --privacy.model my_mech"):
        private(privacy={"quantile": 0.5})
    with pytest.raises(ValueError, match=r"unknown --privacy.model 'centrl'; did you mean 'central'"):
        private(privacy={"model": "centrl"})
    with pytest.raises(ValueError, match="is abstract: it lacks event, noisy"):
        private(privacy={"model": "metafed.privacy:Mechanism"})


def test_a_report_figure(saved, tmp_path, capsys):
    own = saved("report-figure")
    make(tmp_path / "RUN")
    for module, *words in own.commands:
        assert module == "simulation.report"
        assert report(words) == 0
    text = (tmp_path / "RUN" / "report.html").read_text(encoding="utf-8")
    (adapting,) = re.findall(r'<section id="adapting".*?</section>', text, re.DOTALL)
    assert '<figure id="gains"' in adapting
    assert re.search(r"assistant: half of the \d+ unseen clients gain", text)
    assert "Who gains how much" in "".join(ElementTree.parse(tmp_path / "gains.svg").getroot().itertext())
    capsys.readouterr()
    assert report(["RUN", "--add", "my_figure:gains"]) == 2
    assert "is no simulation.report.figures.OfRun or OfRuns" in capsys.readouterr().err
    make(tmp_path / "other")
    assert report(["RUN", "other", "--out", "both.html", "--add", "my_figure:GAINS"]) == 2
    assert "--add my_figure:GAINS: is of one run" in capsys.readouterr().err


def test_in_the_tree_each_is_two_files_at_most(tmp_path):
    touched = grown(tmp_path, NAMES)
    assert all(len(files) == 2 for files in touched)
    ((module, *words),) = page("family").commands
    chosen = "--algorithm decaying-maml --objective above --privacy.model laplace --privacy.noise 2 --privacy.clip 1"
    said = in_tree(
        tmp_path,
        [module, "--aggregator", "mean-around-median", "--help"],
        [module, *words, *chosen.split(), *SMALL],
        ["simulation.report", "run", "--figure", "gains", "gains.svg"],
    )
    assert "--aggregator.kept" in said
    assert said.strip().endswith("gains.svg")
    reported = manifest(tmp_path / "run")["experiment"]
    assert [reported[what]["name"] for what in ("algorithm", "objective")] == ["decaying-maml", "above"]
    assert reported["privacy"]["model"] == "laplace"
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert set(summary["by_family"]) == {"rhythm", "assistant"}
    assert '<figure id="gains"' in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.ray
@pytest.mark.slow
def test_an_algorithm_and_an_objective_run_on_workers_and_in_process_to_the_same_bits(tmp_path, saved):
    words = []
    for name in ("algorithm", "objective"):
        ((_, *own),) = saved(name).commands
        words += own
    found = {}
    for engine, how in (("ray", ["--workers", 2, "--worker-cpus", 0.5]), ("local", [])):
        small = ["--clients", 9, "--rounds", 2, "--width", 8, "--engine", engine, *how, "--out", tmp_path / engine]
        # as a user would: from the folder that has the modules
        done = command(*words, *small, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "objective my_objective:Above (threshold=0.3)" in done.stdout
        found[engine] = sha(tmp_path / engine)
    assert found["ray"] == found["local"]
