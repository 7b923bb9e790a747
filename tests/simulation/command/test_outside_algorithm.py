"""An algorithm from outside the tree, by the documentation's own command, in worker processes too."""

import re
import shlex
from pathlib import Path

import pytest

from tests.simulation.command.running import command, sha

TEXT = (Path(__file__).parents[3] / "docs" / "adding-an-algorithm.md").read_text(encoding="utf-8")


@pytest.mark.ray
def test_the_documented_command_runs_on_workers_and_in_process_to_the_same_bits(tmp_path):
    (tmp_path / "my_module.py").write_text(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1], encoding="utf-8")
    words = shlex.split(re.search(r"python -m simulation\.run (.*)", TEXT)[1])
    found = {}
    for engine, how in (("ray", ["--workers", 2]), ("local", [])):
        small = ["--clients", 12, "--rounds", 2, "--engine", engine, *how, "--out", tmp_path / engine]
        # as a user would: from the folder that has the module
        done = command(*words, *small, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        found[engine] = sha(tmp_path / engine)
        assert 'name = "my_module:DecayingMaml"' in (tmp_path / engine / "config.toml").read_text()
    assert found["ray"] == found["local"]
