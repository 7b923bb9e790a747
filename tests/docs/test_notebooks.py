"""The notebooks of the site run from their first cell to their last, and are kept without outputs."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "notebooks"
NAMES = ("first-result", "your-data-and-network", "a-fairness-study")


def site(name):
    """Return a module of the site's."""
    about = importlib.util.spec_from_file_location(f"site_{name}", ROOT / "docs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(about)
    about.loader.exec_module(module)
    return module


def test_these_are_all_notebooks():
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_outputs_and_says_little_of_where_it_ran(name):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in cells if cell.outputs or cell.execution_count is not None or cell.metadata] == []
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@pytest.mark.parametrize("name", NAMES)
def test_links_of_a_notebook_lead_somewhere(name):
    text = "\n".join(cell.source for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells)
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


@pytest.mark.slow  # CI executes them by `make docs`
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_its_page_shows_what_it_prints(name):
    module = site("notebooks")
    notebook = module.execute(FOLDER / f"{name}.ipynb")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any("Traceback" in output.get("text", "") for cell in cells for output in cell.outputs)
    text, images = module.page(notebook, name)
    assert text.count("```python") == len(cells)
    assert "shape: (0," not in text  # no frame is empty
    shown = sum(len(cell.outputs) for cell in cells)
    assert text.count("<pre>") + text.count('<div class="output">') + len(images) >= shown > 0
    if name != "your-data-and-network":
        assert images
    assert all(data.startswith(b"\x89PNG") for data in images.values())


DESIGN = """\
import polars as pl
import metafed as mf
from torch import nn
from simulation import compare, simulate
how = {"engine": ENGINE, "progress": False} | ({"workers": 2} if ENGINE == "ray" else {})
frame = pl.DataFrame({
    "user": [f"u{n % 12}" for n in range(240)], "stars": [n * 7 % 5 / 1 for n in range(240)],
    "age": [20 + n % 12 for n in range(240)], "genre": ["ab"[n % 2] for n in range(240)],
    "headset": ["old" if n % 12 < 6 else "new" for n in range(240)],
})

class MyModule(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.body, self.head = nn.Linear(inputs.size, 6), nn.Linear(6, outputs)

    def forward(self, x):
        return self.head(self.body(x).tanh())
%%
run = simulate(mf.Experiment(algorithm=mf.Maml(inner_steps=3), clients=12, rounds=2), **how)
run.clients
%%
run.summary.unseen.worst10
%%
compare(run, simulate(run.experiment.replace(objective=mf.Tilted(t=2)), **how)).show()
%%
run.report("report.html")
%%
games = mf.Family.from_frame("games", frame, client="user", target="stars", features=["age", "genre"], group="headset")
fed = mf.Federation(mf.Experiment(families=[games, "avatar"], network=MyModule, clients=20, rounds=2))
state = fed.init()
for number in range(1, 3):
    state, per_client = fed.round(state, fed.sample(number), number)
fed.evaluate(state, fed.unseen)
%%
from server.record.record import theta_sha256
same = simulate(fed.experiment, **how)
theta_sha256(state.theta) == same.theta_sha256, list(same.manifest["session"])
"""
"""The lines of the public API as its design has them, small: cells, each shows its last value."""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_the_lines_of_the_design_run_in_a_kernel(engine, tmp_path):
    cells = [nbformat.v4.new_code_cell(text) for text in DESIGN.replace("ENGINE", repr(engine)).split("%%\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    # what is written to standard error is left out: remarks of Ray's
    shown = ([output for output in cell.outputs if "data" in output] for cell in notebook.cells)
    _, clients, worst, compared, report, evaluated, same = shown
    assert "<table" in clients[0].data["text/html"]
    assert "Estimate(value=" in worst[0].data["text/plain"]
    assert "tilted" in "".join(output.data["text/plain"] for output in compared)
    assert "report.html" in report[0].data["text/plain"]
    assert (tmp_path / "report.html").is_file()
    assert "Result(family=" in evaluated[0].data["text/plain"]
    assert re.fullmatch(r"\(True, \['frame-\w+', 'session:MyModule\S*'\]\)", same[0].data["text/plain"])
