"""Configurations of growing size are measured each in a process of its own, and compared."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks.cell import Cell, Failed, Setting, experiment_of
from benchmarks.memory import peak_bytes
from benchmarks.null import Null
from benchmarks.scaling import Figures, Options, ratios, settings
from metafed.experiment.settings import Experiment
from tests.simulation.command.running import command

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--workload", "null", "--cohorts", "3", "6", "--population", "40", "--populations", "20", "40", "--cohort", "3"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return the raw figures of a tiny run, with what it printed."""
    file = tmp_path_factory.mktemp("scaling") / "figures.json"
    words = [*TINY, "--null-cohort", "6", "--rounds", "2", "--json", str(file)]
    done = command(*words, module="benchmarks.scaling", timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text()), done.stdout


@pytest.mark.slow
def test_every_configuration_is_measured_once_whatever_it_is_for(tiny):
    cells = tiny[0]["figures"]["cells"]
    assert [(c["workload"], c["population"], c["cohort"], c["sweeps"]) for c in cells] == [
        ("null", 40, 3, ["cohort", "population"]),
        ("null", 40, 6, ["cohort", "null"]),
        ("null", 20, 3, ["population"]),
    ]
    assert all(len(cell["rounds"]) == 2 for cell in cells)


@pytest.mark.slow
def test_drawing_and_the_record_are_parts_of_a_round(tiny):
    for cell in tiny[0]["figures"]["cells"]:
        for each in cell["rounds"]:
            assert each["drawing"] > 0
            assert each["record"] > 0
            assert each["drawing"] + each["record"] < each["seconds"]


def test_memory_only_grows(tiny):
    for cell in tiny[0]["figures"]["cells"]:
        memory = cell["memory"]
        assert 50 * 2**20 < memory["start"] <= memory["peak"] <= memory["closed"] < 4 * 2**30
        assert memory["workers"] == []


def test_the_printed_ratios_follow_from_the_raw_figures(tiny):
    result, text = tiny
    cells = [
        Figures(Setting(c["workload"], c["population"], c["cohort"]), c["sweeps"], c["rounds"], c["memory"])
        for c in result["figures"]["cells"]
    ]
    expected = {name: value for name, (value, _) in ratios(cells).items()}
    assert expected == result["figures"]["ratios"]
    printed = re.findall(r"^ratio (\d+\.\d\d)  (.*)$", text, re.MULTILINE)
    assert [value for value, _ in printed] == [f"{value:.2f}" for value in expected.values()]
    assert [words.partition(" (")[0] for _, words in printed] == [
        "cost per client, cohort 6 over 3",
        "peak memory, population 40 over 20",
        "peak memory, cohort 6 over 3",
    ]
    assert re.search(r"^seconds \d\.\d+  a round of 6 clients that compute nothing", text, re.MULTILINE)


def test_a_ratio_is_of_the_largest_over_the_smallest():
    def figures(population, cohort, seconds, peak, *sweeps):
        rounds = [{"seconds": s, "record": 0.0, "drawing": None} for s in seconds]
        return Figures(Setting("mlp", population, cohort), list(sweeps), rounds, {"peak": peak, "workers": [8, 2]})

    found = [
        figures(1000, 5000, (90.0, 10.0, 20.0), 110, "cohort"),  # 4 ms a client at the median
        figures(1000, 50, (0.4, 0.5, 0.1), 90, "cohort", "population"),  # 8 ms
        figures(10, 50, (1.0,), 40, "population"),
    ]
    assert {name: value for name, (value, _) in ratios(found).items()} == {
        "cost per client by cohort": 0.5,
        "peak memory by population": 2.0,
        "peak memory by cohort": 1.2,
    }
    assert ratios(found[:1]) == {}


def test_an_experiment_is_the_workloads_with_the_settings_sizes_and_data():
    setting = Setting("default", 1000, 70, data_dir="folder", seed=3)
    experiment = experiment_of(setting)
    assert (experiment.clients, experiment.cohort, experiment.seed, experiment.chunk) == (1000, 70, 3, 16)
    assert (experiment.tasks, experiment.data_dir) == (Experiment().tasks, "folder")
    assert experiment.unseen_clients == 1000 * scaling.UNSEEN
    assert experiment_of(replace(setting, workload="mlp")).chunk == experiment_of(replace(setting, chunk=50)).chunk
    null = experiment_of(replace(setting, workload="null", tasks="avatar,sinusoid"))
    assert isinstance(null.algorithm, Null)
    assert null.tasks == "avatar,sinusoid"


def test_the_default_sizes_are_the_promised_ones():
    chosen = settings(Options())
    sizes = {(s.workload, s.population, s.cohort) for s in chosen}
    million = 10**6
    assert sizes == {
        *(("default", million, cohort) for cohort in (50, 500, 5000)),
        *(("default", population, 50) for population in (1000, 10_000, 100_000, million)),
        ("null", million, 5000),
    }
    assert {setting.engine for setting in chosen} == {"local"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cohorts", "900", "--population", "1000"], "--cohorts 900: of --population 1000 clients 800 take part"),
        (["--cohort", "9", "--populations", "10"], "--cohort 9: of --populations 10 clients 8 take part"),
        (["--cohorts", "0"], "--cohorts 0: must be at least 1"),
        (["--rounds", "0"], "--rounds 0: must be at least 1"),
        (["--parquet", "100", "--cohort", "5", "--populations"], "--cohort 5: of --parquet 1 clients 1 take part"),
        (["--parquet", "-1"], "--parquet -1: must be at least 0"),
        (["--chunk", "0"], "--chunk 0: must be at least 1"),
        (["--cohorts", "--populations", "--null-cohort", "0"], "nothing to measure"),
        (["--json", "/no/such/folder/x.json"], "there is no folder /no/such/folder"),
    ],
)
def test_a_size_that_cannot_be_is_refused_before_anything_runs(words, said, capsys):
    assert scaling.main(words) == 2
    output = capsys.readouterr()
    assert said in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


@pytest.mark.slow
def test_what_a_process_refuses_is_said_by_its_parent(capsys, tmp_path):
    only = ["--cohorts", "3", "--population", "20", "--populations", "--null-cohort", "0"]
    file = tmp_path / "figures.json"
    assert scaling.main([*only, "--tasks", "avatr", "--json", str(file)]) == 2
    assert "unknown family 'avatr'; did you mean 'avatar'?" in capsys.readouterr().err
    missing = ["--tasks", "avatar:bandai_motion", "--data-dir", str(tmp_path)]
    assert scaling.main([*only, *missing]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_early_is_told_from_one_that_measures():
    with Cell(Setting("mlp", 10, 2)) as cell:
        cell.ready()
        cell._process.kill()
        with pytest.raises(Failed, match="exit code -9"):
            cell.round(1)


@pytest.mark.ray
@pytest.mark.slow
def test_rays_workers_count():
    with Cell(Setting("mlp", 10, 4, engine="ray", workers=2, chunk=2)) as cell:
        cell.ready()
        assert cell.round(1)["drawing"] is None
        memory = cell.end()
    assert len(memory["workers"]) == 2
    assert min(memory["workers"]) > 100 * 2**20  # each has torch


def test_the_peak_is_a_processs_own_and_stays():
    size = 80 * 2**20
    code = (
        "from benchmarks.memory import peak_bytes; first = peak_bytes(); held = b'x' * 83886080; most = peak_bytes()\n"
        "del held; print(first, most, peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    first, most, after = map(int, done.stdout.split())
    assert size <= most - first < 1.2 * size
    # the system counts pages by processor and adds up now and then
    assert after > most - 2**20
    # this process has torch, and its child does not inherit that
    assert first < 60 * 2**20 < peak_bytes()


def test_a_process_that_is_not_there_has_no_peak():
    with pytest.raises(ProcessLookupError, match="99999999"):
        peak_bytes(99999999)
