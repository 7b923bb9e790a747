"""``docs/python.md`` tells the truth: its examples run as they stand there and pass mypy; those of the design run."""

import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from torch import nn

import metafed as mf
from server.record.record import theta_sha256
from simulation import compare, simulate
from simulation.run import main
from tests.simulation.command.running import sha

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
GUIDE = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """The folder of the example of ``docs/your-own-data.md``: its table and its description."""
    folder = tmp_path_factory.mktemp("ratings")
    script = re.search(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[1]
    (folder / "make_ratings.py").write_text(script, encoding="utf-8")
    (folder / "ratings.toml").write_text(re.search(r"^```toml\n(.*?)^```", GUIDE, re.M | re.DOTALL)[1], "utf-8")
    subprocess.run([sys.executable, "make_ratings.py"], cwd=folder, check=True)
    return folder


@pytest.fixture
def here(ratings, tmp_path, monkeypatch):
    """A folder with the table in it, where one works."""
    (tmp_path / "ratings.csv").write_bytes((ratings / "ratings.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_page_runs_as_it_stands(here, capsys):
    names = {}
    for block in BLOCKS:
        small = block.replace("rounds=30", "rounds=3").replace("range(1, 6)", "range(1, 3)")
        if "inner_step=3" in small:
            with pytest.raises(mf.SettingError) as answer:
                exec(small, names)
            assert f"# SettingError: {answer.value}" in small
            continue
        exec(small, names)
    assert Path("runs/games/report.html").is_file()
    assert names["run"].verify() is None
    assert names["stopped"].exit_reason == "stopped by a callback: good enough"
    assert "Estimate(value=" in capsys.readouterr().out


def test_a_frame_becomes_a_report_within_ten_lines(here, capsys):
    assert len(BLOCKS[0].splitlines()) <= 10
    exec(BLOCKS[0].replace("rounds=30", "rounds=2"), {})
    assert Path("runs/games/report.html").is_file()
    assert "Estimate(value=" in capsys.readouterr().out


@pytest.mark.slow
def test_the_page_passes_mypy(tmp_path):
    typed = "\n".join(block for block in BLOCKS if "inner_step=3" not in block)
    typed = typed.replace("def rates(self, start, steps):", "def rates(self, start: Any, steps: int) -> list[Any]:")
    typed = typed.replace("def __init__(self, origin):", "def __init__(self, origin: mf.Origin) -> None:")
    typed = typed.replace("def examples(self, client):", "def examples(self, client: int) -> mf.Examples:")
    typed = typed.replace("def enough(line):", "def enough(line: dict[str, Any]) -> None:")
    (tmp_path / "page.py").write_text(f"from typing import Any\n{typed}")
    words = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), "page.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env={"MYPYPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout + done.stderr


def of_csv(folder, frame):
    return mf.Family.from_file(folder / "ratings.toml", "ratings")


def of_polars(folder, frame):
    keys = {"client": "user", "target": "stars", "features": ["age", "minutes", "genre"], "group": "headset"}
    return mf.Family.from_frame("ratings", frame, **keys)


def of_pandas(folder, frame):
    import pandas

    return of_polars(folder, pandas.read_csv(folder / "ratings.csv"))


def of_arrays(folder, frame):
    x = {name: frame[name].to_numpy() for name in ("age", "minutes", "genre")}
    return mf.Family.from_arrays("ratings", (x, frame["stars"].to_numpy(), frame["user"].to_numpy()))


def test_ratings_of_csv_polars_and_arrays_give_one_theta(ratings, tmp_path):
    frame = pl.read_csv(ratings / "ratings.csv")
    words = (
        f"--tasks ratings:{ratings}/ratings.toml --clients 60 --rounds 3 --engine local --quiet --out {tmp_path}/run"
    )
    assert main(words.split()) == 0
    for make in (of_csv, of_polars, of_arrays):
        experiment = mf.Experiment(families=[make(ratings, frame)], clients=60, rounds=3)
        assert simulate(experiment, engine="local", progress=False).theta_sha256 == sha(tmp_path / "run")


def test_ratings_of_pandas_give_the_same_theta(ratings, pandas):
    frame = pl.read_csv(ratings / "ratings.csv")
    one, other = (
        simulate(mf.Experiment(families=[make(ratings, frame)], clients=60, rounds=3), engine="local", progress=False)
        for make in (of_polars, of_pandas)
    )
    assert one.theta_sha256 == other.theta_sha256


class MyModule(nn.Module):
    """A network of a user's own."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.body, self.head = nn.Linear(inputs.size, 6), nn.Linear(6, outputs)

    def forward(self, x):
        return self.head(self.body(x).tanh())


def design(folder, frame, engine, **how):
    """Run the lines of the design, small."""
    run = simulate(mf.Experiment(algorithm=mf.Maml(inner_steps=3), clients=12, rounds=2), engine=engine, **how)
    assert run.clients.height > 0
    assert run.summary.unseen.worst10.value is not None
    compare(run, simulate(run.experiment.replace(objective=mf.Tilted(t=2)), engine=engine, **how)).show()
    assert run.report(folder / "report.html").is_file()
    games = mf.Family.from_frame(
        "games", frame, client="user", target="stars", features=["age", "genre"], group="headset"
    )
    fed = mf.Federation(mf.Experiment(families=[games, "avatar"], network=MyModule, clients=20, rounds=2))
    state = fed.init()
    for number in range(1, 3):
        state, per_client = fed.round(state, fed.sample(number), number)
        assert len(per_client) == fed.experiment.cohort_size
    assert set(fed.evaluate(state, fed.unseen)) == set(fed.unseen)
    same = simulate(fed.experiment, engine=engine, **how)
    assert theta_sha256(state.theta) == same.theta_sha256


def test_the_lines_of_the_design_run_in_process(ratings, tmp_path):
    design(tmp_path, pl.read_csv(ratings / "ratings.csv"), "local", progress=False)


@pytest.mark.ray
@pytest.mark.slow
def test_the_lines_of_the_design_run_on_ray(ratings, tmp_path):
    design(tmp_path, pl.read_csv(ratings / "ratings.csv"), "ray", workers=2, progress=False)
