"""The project keeps its own rules: short files, and settings that do not rot. Style, types and arrows: `make lint`."""

import ast
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from client.answering import SERVERS_OWN
from metafed.experiment.settings import Experiment

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = ("metafed", "client", "server", "simulation")


def test_no_file_is_too_long():
    lengths = {p: len(p.read_text().splitlines()) for room in (*ROOMS, "tests") for p in (ROOT / room).rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_flower_config_has_every_setting_with_its_default():
    def flatten(table, prefix=""):
        flat = {}
        for key, value in table.items():
            flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        return flat

    declared = flatten(PROJECT["tool"]["flwr"]["app"]["config"])
    assert Experiment.from_run_config({k: v for k, v in declared.items() if k not in SERVERS_OWN}) == Experiment()
    names = {key.split(".")[0].replace("-", "_") for key in declared}
    assert names == {*Experiment.model_fields, *(key.replace("-", "_") for key in SERVERS_OWN)}


def test_a_path_given_to_polars_is_a_name_and_no_pattern():
    def opens(node):
        # our own readers are names, those of polars are attributes
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        return named and node.func.attr in {f"{way}_{form}" for way in ("scan", "read") for form in ("parquet", "csv")}

    def says(call):
        return any(word.arg == "glob" and getattr(word.value, "value", None) is False for word in call.keywords)

    calls, found = 0, []
    for path in (path for room in (*ROOMS, "benchmarks") for path in (ROOT / room).rglob("*.py")):
        tree = ast.parse(path.read_text())
        # one of them is the text of a program
        constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        texts = [text for text in constants if "pl.scan_" in str(text)]
        for node in (node for part in (tree, *map(ast.parse, texts)) for node in ast.walk(part)):
            if opens(node):
                calls += 1
                found += [] if says(node) else [f"{path.relative_to(ROOT)}:{node.lineno}"]
    assert calls > 20
    assert found == []


def test_pins_of_the_platform():
    assert "flwr[simulation]>=1.41,<1.42" in PROJECT["project"]["dependencies"]
    assert "torch>=2.6,<2.14" in PROJECT["project"]["dependencies"]
    assert PROJECT["tool"]["flwr"]["app"]["components"] == {
        "serverapp": "server.app:app",
        "clientapp": "client.app:app",
    }


def test_configured_paths_exist():
    for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert (ROOT / package / "__init__.py").exists()
    for folder in PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]:
        assert (ROOT / folder).is_dir()


def test_no_test_is_skipped():
    skips = ("pytest.mark." + "skip", "pytest." + "skip(", "import" + "orskip", "x" + "fail")
    found = [p for p in (ROOT / "tests").rglob("*.py") if any(words in p.read_text() for words in skips)]
    assert found == []


def pinned(lock):
    """Return the versions that a lock pins; each has a hash, and nothing else is in it."""
    text = lock.read_text()
    pins = re.findall(
        r"^([\w.-]+)==(\S+)(?: ; [^\\]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE
    )
    assert sum(1 + hashes.count("\n") for _, _, hashes in pins) == text.count("\n")
    return {name: version for name, version, _ in pins}


def test_what_lists_the_image_is_pinned_with_hashes_as_well():
    versions = pinned(ROOT / "docker" / "sbom.lock")
    for line in (ROOT / "docker" / "sbom.in").read_text().splitlines():
        name, version = line.split("==")
        assert versions[name] == version
    made = (ROOT / "docker" / "sbom.Dockerfile").read_text()
    assert "--require-hashes -r /sbom.lock" in made
    images = [(ROOT / "docker" / name).read_text() for name in ("Dockerfile", "sbom.Dockerfile")]
    assert len({re.search(r"^ARG BASE=(.+)$", text, re.MULTILINE).group(1) for text in images}) == 1


def test_the_lock_pins_all_that_is_needed_with_hashes_and_names_no_place():
    versions = pinned(ROOT / "requirements.lock")
    for line in PROJECT["project"]["dependencies"]:
        needed = Requirement(line)
        assert needed.specifier.contains(versions[canonicalize_name(needed.name)], prereleases=True), line
    assert versions["torch"].endswith("+cpu")


@pytest.mark.parametrize(("build", "source"), [("cpu", "requirements.lock"), ("cu126", "pyproject.toml")])
def test_an_image_installs_pytorch_first_and_then_all_else(build, source):
    def printed(what):
        words = [sys.executable, ROOT / "docker" / "requirements.py", what, build]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    torch, rest = printed("torch"), printed("rest")
    assert torch.startswith("torch")
    assert not re.search(r"^torch\b", rest, re.MULTILINE)
    whole = [*torch.splitlines(), *rest.splitlines()]
    if build == "cpu":
        assert sorted(whole) == sorted((ROOT / source).read_text().splitlines())
    else:
        assert sorted(whole) == sorted(PROJECT["project"]["dependencies"])


def test_documents_name_no_test_that_is_not_there():
    named = {
        name
        for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for name in re.findall(r"`(tests/[\w/.]+)(?:::\w+)?`", path.read_text(encoding="utf-8"))
    }
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_documents_name_no_extra_that_is_not_there():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lists = [re.findall(r"metafed\[([\w,-]+)\]", page.read_text()) for page in pages if page.parent.name != "decisions"]
    named = {extra for found in lists for each in found for extra in each.split(",")}
    assert {"language", "hf"} <= named <= PROJECT["project"]["optional-dependencies"].keys()


def test_the_first_page_of_decisions_lists_them_all_and_says_which_numbers_were_never_used():
    folder = ROOT / "docs" / "decisions"
    files, index = sorted(path.name for path in folder.glob("0*.md")), (folder / "README.md").read_text()
    assert sorted(set(re.findall(r"\((0\d{3}-[\w+-]+\.md)\)", index))) == files
    numbers = {int(name[:4]) for name in files}
    said = re.search(r"numbers? ([\d ,and]+?) (?:was|were) never used", " ".join(index.split()))
    assert {int(number) for number in re.findall(r"\d{4}", said[1])} == {*range(1, max(numbers) + 1)} - numbers


def test_no_benchmark_prints_one_of_several():
    """``{seeds} seeds`` reads "1 seeds"; ``{seeds} seed{'s' * (seeds != 1)}`` does not. A constant is known."""
    found = []
    for path in (ROOT / "benchmarks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else []
            for part, after in pairwise(parts):
                text = getattr(after, "value", None) if isinstance(after, ast.Constant) else ""
                counts = isinstance(part, ast.FormattedValue) and not ast.unparse(part.value).isupper()
                if counts and re.match(r" seeds\b", text):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {text[:20]!r}")
    assert found == []


def test_pythons_are_one_number_everywhere():
    """What pip allows, what ruff and mypy read, and the syntax of the oldest; CI tries those that are newer."""
    oldest = re.fullmatch(r">=3\.(\d+)", PROJECT["project"]["requires-python"])[1]
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{oldest}"
    assert PROJECT["tool"]["mypy"]["python_version"] == f"3.{oldest}"
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            ast.parse(path.read_text(), str(path), feature_version=(3, int(oldest)))
    ours = sys.version_info.minor
    tried = {int(minor) for minor in re.findall(r"\b3\.(\d+)\b", (ROOT / ".ci" / "run").read_text())}
    assert tried == {12, 13}
    assert ours >= int(oldest)
