"""The guide to one's own data tells the truth: its files and commands, run as they stand there, do what it says."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from metafed.data.family import SHOTS
from metafed.data.partition import PARTITIONS
from metafed.data.table.description import Description
from tests.metafed.data.files.test_forms import write_idx
from tests.metafed.data.table.own import source
from tests.simulation.command.running import command

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def blocks(language):
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the guide's files, in which its first command has made the table."""
    made = tmp_path_factory.mktemp("guide")
    (made / "make_ratings.py").write_text(blocks("python")[0], encoding="utf-8")
    (made / "ratings.toml").write_text(blocks("toml")[0], encoding="utf-8")
    subprocess.run([sys.executable, "make_ratings.py"], cwd=made, check=True)
    return made


def test_its_commands_lead_to_a_report(folder):
    check, run = (shlex.split(line) for line in blocks("")[0].splitlines())
    checked = command(*check[3:], module=check[2], cwd=folder)
    assert checked.returncode == 0, checked.stderr
    assert "ratings:ratings.toml: sound" in checked.stdout
    done = command(*run[3:], module=run[2], cwd=folder)
    assert done.returncode == 0, done.stderr
    (reported,) = blocks("text")
    record = folder / "runs" / "ratings"
    manifest = json.loads((record / "manifest.json").read_text())
    assert manifest["data"]["ratings:ratings.toml"]["notes"] == reported.splitlines()
    assert set(manifest["data"]["ratings:ratings.toml"]["files"]) == {"ratings.toml", "ratings.csv"}
    said = " ".join(done.stdout.replace("│", " ").split())
    assert all(note in said for note in reported.splitlines())
    report = (record / "report.html").read_text()
    assert "tethered" in report
    unseen = json.loads((record / "summary.json").read_text())["unseen"]
    assert unseen["clients"] == 12
    assert unseen["gain"]["value"] > 0  # of twelve clients an interval may reach 0


def test_a_description_of_hers_is_under_ten_lines():
    assert len(blocks("toml")[0].splitlines()) < 10


def test_its_table_names_every_key_and_no_other(folder):
    rows = re.findall(r"^\| `\[?([\w-]+)\]?` \|", GUIDE, re.MULTILINE)
    others = {"separator", "quote", "nothing", "date-format"}
    assert set(rows) | others == set(Description.keys())
    assert all(f"{key} = " in GUIDE for key in others)


def test_its_other_descriptions_are_understood(folder):
    stated = blocks("toml")[1].replace("shop", "minutes")
    head = "\n".join(line for line in blocks("toml")[0].splitlines() if not line.startswith("features"))
    (folder / "stated.toml").write_text(f"{head}\n{stated}")
    widths = dict(source(folder / "stated.toml").columns)
    assert (widths["age"], widths["genre"], widths["minutes"] > 1) == (1, 3, True)
    dealt = blocks("toml")[3].replace("photos.parquet", "ratings.csv").replace('"label"', '"stars"')
    (folder / "dealt.toml").write_text(dealt.replace('"pixel_*"', '"age"'))
    made = source(folder / "dealt.toml")
    assert made.clients == 20
    assert any("(Yurochkin et al. 2019): seed 0, alpha 0.1, smallest 10" in note for note in made.notes)


def test_its_five_lines_deal_images_as_they_are_published(tmp_path):
    rng = np.random.default_rng(0)
    write_idx(tmp_path / "fashion-mnist", rng.integers(0, 256, (1200, 28, 28)), np.arange(1200) % 10)
    lines = blocks("toml")[2].replace("/usr/share/datasets/", "")
    assert len(lines.splitlines()) == 5
    (tmp_path / "fashion.toml").write_text(lines)
    made = source(tmp_path / "fashion.toml")
    assert (made.clients, made.features, made.outputs) == (20, 784, 10)


def test_its_table_of_partitions_has_every_kind_and_setting():
    for kind, how in PARTITIONS.items():
        (row,) = re.findall(rf'^\| `"{kind}"` \| (.*?)\|', GUIDE, re.MULTILINE)
        own = {name: how.model_fields[name] for name in how.model_fields if name not in ("kind", "clients", "seed")}
        shown = [f"`{name}`" + ("" if field.is_required() else f" = {field.default}") for name, field in own.items()]
        assert row.strip() == ", ".join(shown)


def test_its_sizes_of_episodes_are_those_of_a_family_that_says_none(folder):
    (row,) = re.findall(r"^\| `\[shots\]` \|(.*)\|$", GUIDE, re.MULTILINE)
    said = tomllib.loads(re.sub(r", ", "\n", re.search(r"`support` = .*?(?=;)", row)[0]).replace("`", ""))
    assert {name.replace("-", "_"): value for name, value in said.items()} == vars(SHOTS)
