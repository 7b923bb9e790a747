"""The figure of the performance page is made from benchmarks' files alone, and says their numbers."""

import re
import sys
from xml.etree import ElementTree

import pytest

from benchmarks import plot
from benchmarks.results import check_target, read, write
from simulation.cli.errors import BadInput
from tests.simulation.command.running import command

SVG = "{http://www.w3.org/2000/svg}"


def rounds(folder, workload="mlp", ours=(0.08, 0.09, 0.087), theirs=(0.6, 0.7, 0.63), against="flower"):
    file = folder / f"round-{workload}-{against}.json"
    settings = {"workload": workload, "against": against, "clients": 50}
    write(file, "round_time", settings, {"seconds": {"metafed": list(ours), against: list(theirs)}})
    return file


def growth(folder, name="scaling.json"):
    def cell(sweep, population, cohort, seconds, peak):
        memory = {"start": 2**27, "peak": peak * 2**20, "workers": [], "closed": 2**30}
        return {
            **{"sweeps": [sweep], "population": population, "cohort": cohort, "memory": memory},
            "rounds": [{"seconds": seconds * k} for k in (0.9, 1, 1.2)],
        }

    cells = [cell("cohort", 10**6, 5000, 9.0, 700), cell("cohort", 10**6, 50, 0.1, 330)]
    cells += [cell("population", 1000, 50, 0.1, 321), cell("population", 10**6, 50, 0.1, 337)]
    write(folder / name, "scaling", {}, {"cells": cells})
    return folder / name


def arithmetic(folder):
    file = folder / "roofline.json"
    peaks = {"one thread": {"BLAS": 1e11, "oneDNN": 2e11}, "all threads": {"BLAS": 2e11, "oneDNN": 4e11}}
    write(
        file, "roofline", {}, {"workloads": {"mlp": {"fraction": 0.171}, "conv4": {"fraction": 0.25}}, "peaks": peaks}
    )
    return file


def drawn(folder, *files):
    out = folder / "performance.svg"
    assert plot.main([*map(str, files), "--out", str(out)]) == 0
    return out.read_text(encoding="utf-8")


def named(root):
    """Return the names above the panels."""
    return [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name"]


def words_in(text):
    """Return all words of a figure, as they are written one by one."""
    return re.findall(r">([^<]+)<", text)


def test_what_is_written_is_read_again(tmp_path):
    file, figures = tmp_path / "some.json", {"seconds": [0.1, 1 / 3], "none": None}
    write(file, "scaling", {"rounds": 5, "json": file}, figures)
    result = read(file, ["scaling"])
    assert result["figures"] == figures
    assert result["settings"] == {"rounds": 5, "json": str(file)}
    assert result["machine"]["processors"] >= 1
    assert result["versions"]["python"] == sys.version.split()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["some.json"]


def test_what_is_not_a_result_is_refused(tmp_path):
    file = tmp_path / "some.json"
    for text, said in (("{", "not JSON"), ("[1]", "not the results"), ('{"benchmark": "scaling"}', "not the results")):
        file.write_text(text)
        with pytest.raises(BadInput, match=said):
            read(file, plot.KNOWN)
    write(file, "sinusoid", {}, {})
    with pytest.raises(BadInput, match="'sinusoid'; allowed: round_time, scaling, roofline"):
        read(file, plot.KNOWN)
    with pytest.raises(BadInput, match="No such file"):
        read(tmp_path / "other.json", plot.KNOWN)
    with pytest.raises(BadInput, match="is a folder"):
        check_target(tmp_path)


def test_the_figure_says_every_number(tmp_path):
    text = drawn(tmp_path, rounds(tmp_path), rounds(tmp_path, "null"), growth(tmp_path), arithmetic(tmp_path))
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert named(root) == ["A round", "Cost per client", "Peak memory", "Share of one thread's peak"]
    says = root.find(f"{SVG}desc").text
    assert "mlp: 87 ms against 630 ms, 7.24 ×" in says
    assert "Cost per client in ms, by cohort: 50: 2, 5,000: 1.8" in says
    assert "Peak memory in MiB, by population: 1,000: 321, 1,000,000: 337" in says
    assert "mlp: 17.1%, conv4: 25.0%" in says
    written = words_in(text)
    for words in ("7.24 ×", "87", "630", "1.8", "321", "337", "17.1%, 34.2 GFLOP/s", "100 % are 200 GFLOP/s"):
        assert words in written
    assert "largest over smallest cohort: 0.90" in written
    assert "largest over smallest population: 1.05" in written


def test_every_colour_has_one_for_the_dark(tmp_path):
    text = drawn(tmp_path, rounds(tmp_path), growth(tmp_path), arithmetic(tmp_path))
    light, dark, body = re.search(r"<style>(.*)@media [^{]*dark\)(.*)</style>(.*)", text, re.DOTALL).groups()
    used = {name for classes in re.findall(r'class="([^"]*)"', body) for name in classes.split()}
    coloured = {name for name in used if name in ("grid", "base", "name", "tick") or name[:2] in ("s-", "f-", "t-")}
    assert {"s-after", "f-before", "t-ink", "grid", "f-sheet"} <= coloured
    for name in coloured:
        found = [re.search(rf"\.{name}[^{{]*{{[a-z]+:(#\w+)", rules).group(1) for rules in (light, dark)]
        assert found[0] != found[1], name
    assert not re.search(r"#[0-9a-f]{6}", body)


def test_the_same_files_give_the_same_figure_and_nothing_is_fetched(tmp_path):
    files = [rounds(tmp_path), growth(tmp_path), arithmetic(tmp_path)]
    text = drawn(tmp_path, *files)
    assert drawn(tmp_path, *files) == text
    assert not re.search(r"""(?:href|src)=["'](?!#)|url\((?!#)|@import|<script""", text)


@pytest.mark.parametrize("kind", [rounds, growth, arithmetic])
def test_a_part_of_the_files_gives_a_part_of_the_figure(kind, tmp_path):
    root = ElementTree.fromstring(drawn(tmp_path, kind(tmp_path)))
    assert len(named(root)) == (2 if kind is growth else 1)


def test_files_that_do_not_go_together_are_refused(tmp_path, capsys):
    again = tmp_path / "again"
    again.mkdir()
    out = ["--out", str(tmp_path / "x.svg")]
    for words, said in (
        ([growth(tmp_path), growth(again)], "2 files are of scaling; give one"),
        ([rounds(tmp_path), rounds(again)], "2 files of round_time are of the workload 'mlp'"),
        ([rounds(tmp_path, against="none")], "compares with nobody"),
        ([tmp_path / "nothing.json"], "nothing.json: No such file"),
    ):
        assert plot.main([*map(str, words), *out]) == 2
        printed = capsys.readouterr().err
        assert said in printed
        assert printed.count("\n") == 1
    assert plot.main([str(growth(tmp_path)), "--out", str(tmp_path / "x.png")]) == 2
    assert "must end in .svg" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.slow
def test_a_measured_round_ends_up_in_the_figure(tmp_path):
    file = tmp_path / "round.json"
    words = ["--workload", "mlp", "--engine", "local", "--against", "loop", "--clients", "2", "--rounds", "2"]
    done = command(*words, "--json", file, module="benchmarks.round_time", timeout=600)
    assert done.returncode == 0, done.stderr
    ratio = re.search(r"^ratio (\d+\.\d\d)$", done.stdout, re.MULTILINE).group(1)
    assert len(read(file, plot.KNOWN)["figures"]["seconds"]["metafed"]) == 2
    written = words_in(drawn(tmp_path, file))
    assert f"{ratio} ×" in written
    assert "a plain loop" in written
