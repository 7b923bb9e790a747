"""The page of a card's figures: every part has a table or a reason, between the page's marks."""

import json

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import page

ROUND = {"clients": 50, "chunk": 50, "seconds": 0.0123, "tflops": 1.5, "peak_mib": 81.4, "failed": 0, "halved": []}
FOUND = {
    "parity": {"mixed, float32": {"away": 2e-6, "allowed": 1e-4, "agrees": True}},
    "determinism": {"mixed": {"same_bits": False}},
    "halving": {"failures": [], "halved": [{"tried": 16, "fitted": 8}], "away": 1e-7},
    "peak": {"float32 4096": 45.6},
    "rounds": {"mlp, 50": ROUND},
    "chunks": {"mlp, 50": {"seconds": 0.01, "ms_a_client": 0.2, "drawing": 0.25}},
    "omniglot": {"curve": [{"round": 500, "accuracy": 0.9, "error": 0.001}], "reached": False, "clients": 600},
    "tests": {"said": ["21 passed in 143 s"]},
}
SAID = {
    "parity": "| mixed, float32 | 2.0e-06 | 1e-04 | yes |",
    "determinism": "| mixed | no |",
    "halving": "16 clients tried, 8 fitted; 0 clients failed",
    "peak": "| float32 4096 | 45.6 |",
    "rounds": "| mlp | 50 | 50 | 12 | 1.50 | 81 | 0 | 0 |",
    "chunks": "| mlp | 50 | 0.200 | 25 % |",
    "omniglot": "| 500 | 0.9000 ± 0.0010 |",
    "tests": "21 passed in 143 s",
}


def result(**states):
    figures = {
        name: {"state": states.get(name, "done"), "found": {} if name in states else found, "left_out": []}
        for name, found in FOUND.items()
    }
    machine = {"torch": "2.11", "processors": 16, "card": "a card"}
    whole = {"benchmark": "gpu", "when": "2026-11-29T10:00:00+00:00", "machine": machine, "seconds": 500.0}
    return {**whole, "settings": {"quick": False}, "figures": figures}


def test_every_part_of_the_command_has_a_section():
    assert set(page.SECTIONS) == set(command.PARTS) == set(FOUND)
    text = page.page(result())
    assert all(line in text for line in SAID.values())
    assert "2026-11-29: a card, PyTorch 2.11, 16 CPU cores; 500 s in all." in text


@pytest.mark.parametrize("name", FOUND)
def test_a_part_that_failed_has_its_reason_and_the_others_their_figures(name):
    text = page.page(result(**{name: "failed: no room"}))
    assert f"`{name}` failed: no room" in text
    assert [each for each, line in SAID.items() if line not in text] == [name]


def test_what_had_no_time_is_named():
    whole = result()
    whole["figures"]["rounds"]["left_out"] = ["conv4, 5000"]
    assert "`rounds`: no time was left for conv4, 5000" in page.page(whole)


def test_it_is_put_between_the_marks_and_again(tmp_path):
    file, into = tmp_path / "gpu.json", tmp_path / "page.md"
    file.write_text(json.dumps(result()))
    into.write_text(f"before\n\n{page.BEGIN}\nold\n{page.END}\n\nafter\n")
    for _ in range(2):
        assert page.main([str(file), "--into", str(into)]) == 0
    text = into.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert (text.count("45.6"), "old" in text) == (1, False)


@pytest.mark.parametrize("written", ["{", "[]", '{"benchmark": "roofline"}'])
def test_another_file_or_a_page_without_marks_is_refused(written, tmp_path, capsys):
    file, into = tmp_path / "gpu.json", tmp_path / "page.md"
    file.write_text(written)
    assert page.main([str(file)]) == 2
    file.write_text(json.dumps(result()))
    into.write_text("no marks")
    assert page.main([str(file), "--into", str(into)]) == 2
    said = capsys.readouterr().err
    assert "gpu.json" in said
    assert "--into" in said
    assert into.read_text() == "no marks"


def test_the_page_of_performance_has_the_marks():
    where = command.HERE / "docs" / "performance.md"
    assert page.between(where, "new").count("\n\nnew\n\n") == 1
