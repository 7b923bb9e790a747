"""The guide to one's own network tells the truth: its module and its command, as they stand there, lead to a report."""

import re
import shlex
import tomllib
from pathlib import Path

from simulation.cli.config import Config
from simulation.cli.flags import parse
from simulation.run import main
from tests.simulation.command.running import manifest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "your-own-network.md").read_text(encoding="utf-8")
BLOCKS = dict(reversed(re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)))  # the first of a kind
COMMAND, *OTHERS = re.findall(r"^    python -m simulation.run (.+)$", GUIDE, re.MULTILINE)


def test_its_command_leads_to_a_report(tmp_path, monkeypatch):
    (tmp_path / "my_networks.py").write_text(BLOCKS["python"], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    fewer = ["--rounds", "1", "--clients", "6", "--engine", "local", "--quiet"]
    assert main([*shlex.split(COMMAND), *fewer]) == 0
    about = manifest(tmp_path / "runs" / "own")
    assert about["networks"]["avatar"]["computed_by"] == "vmap"
    assert about["experiment"]["network_settings"] == {"hidden": 24}
    assert (tmp_path / "runs" / "own" / "report.html").exists()


def test_its_other_commands_are_understood():
    assert OTHERS
    for words in OTHERS:
        parse(shlex.split(words))


def test_its_file_of_settings_is_read(tmp_path):
    (tmp_path / "own.toml").write_text(BLOCKS["toml"], encoding="utf-8")
    found = Config.from_file(tmp_path / "own.toml").experiment
    written = tomllib.loads(BLOCKS["toml"])["network"]
    assert (found.network, found.network_settings) == (written.pop("name"), written)
