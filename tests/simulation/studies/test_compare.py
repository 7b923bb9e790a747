"""``simulation.compare``: what differs, with intervals; what cannot be compared is refused by name."""

import json
import re
from pathlib import Path

import pytest

from metafed.fairness.significance import LEVEL, seeds_needed, smallest_p
from simulation.analysis.differences import remarks
from simulation.compare import Arguments, main
from tests.simulation.studies.records import record, study

ROOT = Path(__file__).resolve().parents[3]


def compared(capsys, *words):
    """Return the JSON of a comparison that must succeed."""
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def difference(found, measure="after"):
    (entry,) = [entry for entry in found["all"]["differences"] if entry["measure"] == measure]
    return entry


def test_a_difference_at_every_client_is_found_with_its_interval(tmp_path, capsys):
    one, other = study(tmp_path / "one", 8), study(tmp_path / "other", 8, shift=0.1, algorithm="fomaml")
    found = compared(capsys, one, other, "--metrics", "after,worst10")
    entry = difference(found)
    assert entry["value"] == pytest.approx(0.1)
    assert entry["low"] is None or entry["low"] > 0
    assert entry["p"] == 2 / 2**8
    assert entry["p_holm"] == 4 / 2**8
    assert entry["verdict"] == "holds"
    assert found["all"]["seeds"] == list(range(8))
    assert set(found["by_family"]) == {"assistant", "avatar"}
    assert main([str(one), str(other), "--metrics", "after"]) == 0
    said = capsys.readouterr().out
    assert "[95 % interval]" in said
    assert "\\[" not in said


def test_methods_that_do_not_differ_differ_by_nothing(tmp_path, capsys):
    one, other = study(tmp_path / "one", 6), study(tmp_path / "other", 6, algorithm="fomaml")
    found = compared(capsys, one, other)
    assert {entry["verdict"] for entry in found["all"]["differences"]} == {"open"}
    assert {entry["p"] for entry in found["all"]["differences"]} == {1.0}


def test_five_seeds_cannot_pass_the_exact_test_and_the_tool_says_how_many_can(tmp_path, capsys):
    one = study(tmp_path / "one", 5)
    other = study(tmp_path / "other", 5, algorithm="fomaml")
    for seed in range(5):  # scores that are not shifted by the same everywhere have an interval
        folder = other / f"seed-{seed}"
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        record(folder, seed, 0.1 + 0.01 * seed, algorithm="fomaml")
    found = compared(capsys, one, other, "--metrics", "after")
    entry = difference(found)
    assert entry["low"] > 0
    assert (entry["p"], entry["verdict"]) == (0.0625, "suggested")
    assert any("6 seeds can." in remark for remark in found["remarks"])  # and nothing else: one --metrics is the least


def test_under_five_seeds_points_are_printed_and_the_tool_says_so(tmp_path, capsys):
    one, other = study(tmp_path / "one", 4), study(tmp_path / "other", 4, shift=0.1, algorithm="fomaml")
    found = compared(capsys, one, other)
    assert all(entry["low"] is None and entry["p"] is None for entry in found["all"]["differences"])
    assert {entry["verdict"] for entry in found["all"]["differences"]} == {"points"}
    assert main([str(one), str(other)]) == 0
    text = capsys.readouterr().out
    assert "4 seeds: points only" in text
    assert "+0.100" in text


@pytest.mark.parametrize(
    ("seeds", "measures", "pairs", "fewer"),
    [(5, 6, 1, None), (6, 6, 1, 1), (7, 6, 1, 3), (7, 6, 2, 1), (7, 6, 4, None)],
)
def test_fewer_metrics_are_advised_where_they_help(seeds, measures, pairs, fewer):
    differences = [{"one": str(pair), "minus": "0", "measure": m} for pair in range(pairs) for m in range(measures)]
    (_, said) = remarks({"seeds": list(range(seeds)), "differences": differences, "left_out": 0})
    assert f"{seeds_needed(measures * pairs)} seeds can" in said
    assert ("at most" in said) == (fewer is not None)
    if fewer is not None:
        assert f"at most {fewer} of the --metrics of python -m simulation.compare" in said
        assert smallest_p(seeds) * fewer * pairs <= LEVEL < smallest_p(seeds) * (fewer + 1) * pairs


def test_what_the_documents_compare_has_the_seeds_that_its_test_needs():
    wanted = seeds_needed(len(Arguments(()).metrics.split(",")))
    for page in ("README.md", "docs/fairness.md"):
        text = (ROOT / page).read_text()
        assert "simulation.compare runs/mean runs/tilted" in text
        seeds = re.findall(r"simulation\.run --seeds (\d+) .*--out runs/(?:mean|tilted)", text)
        assert seeds == [str(wanted)] * 2


def test_single_runs_of_several_seeds_are_one_method(tmp_path, capsys):
    ones = [record(tmp_path / f"one{seed}", seed) for seed in range(3)]
    others = [record(tmp_path / f"other{seed}", seed, 0.1, algorithm="fomaml") for seed in (2, 1, 0)]
    found = compared(capsys, *ones, *others)
    assert found["all"]["seeds"] == [0, 1, 2]
    assert difference(found)["value"] == pytest.approx(0.1)


def test_who_is_worse_off_than_alone_is_in_the_table_wherever_one_of_them_knows(tmp_path, capsys):
    known = study(tmp_path / "known", 5, references=[("local", 0.2)])
    other = study(tmp_path / "other", 5, shift=0.2, algorithm="fomaml")
    found = compared(capsys, known, other, "--part", "all")
    cells = {name: cell["worse_off"]["value"] for name, cell in found["all"]["methods"].items()}
    # avatars have no tolerance: all of them are worse off by 0.2; an accuracy on 50 rows may fall by about as much
    assert cells["MAML"] >= 0.5
    assert cells["FOMAML"] == 0
    for cell in found["all"]["methods"].values():
        assert cell["worse_off"]["low"] is None or 0 <= cell["worse_off"]["low"] <= cell["worse_off"]["high"] <= 1
    assert main([str(known), str(other)]) == 0
    assert "worse off" in capsys.readouterr().out


def test_a_reference_can_be_named_by_its_folder(tmp_path, capsys):
    known = study(tmp_path / "known", 5, references=[("local", 0.2)])
    found = compared(capsys, known / "local", known)
    assert difference(found)["value"] == pytest.approx(-0.2 + 0.002 * 4 / 5)


def test_a_client_that_diverged_in_one_is_left_out_of_both(tmp_path, capsys):
    one, other = record(tmp_path / "one"), record(tmp_path / "other", shift=0.1, algorithm="fomaml", drop=(15,))
    found = compared(capsys, one, other)
    assert found["all"]["clients"] == {"0": 9}
    assert found["all"]["left_out"] == 1
    assert difference(found)["value"] == pytest.approx(0.1)


UNLIKE = {
    "--clients": {"clients": 24},
    "--tasks": {"tasks": "assistant,avatar,social"},
    "--unseen": {"unseen": 0.25},
    "--eval-clients": {"eval_clients": 7},
    "--mix": {"mix": "assistant=2"},
    "--headline": {"score": "auc", "headline": "auc"},
}


@pytest.mark.parametrize("flag", UNLIKE)
def test_runs_that_cannot_be_compared_are_refused_by_the_name_of_the_setting(flag, tmp_path, capsys):
    one, other = record(tmp_path / "one"), record(tmp_path / "other", **UNLIKE[flag])
    assert main([str(one), str(other)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for words in ("cannot be compared", flag, str(one), str(other)):
        assert words in said


def test_other_data_are_refused(tmp_path, capsys):
    folders = [record(tmp_path / name, algorithm=name) for name in ("maml", "fomaml")]
    for number, folder in enumerate(folders):
        about = json.loads((folder / "manifest.json").read_text())
        about["data"] = {"assistant:clinc150": {"kind": "classification", "files": {"a.npz": str(number) * 64}}}
        (folder / "manifest.json").write_text(json.dumps(about))
    assert main([str(folder) for folder in folders]) == 2
    assert "the files of assistant:clinc150 differ" in capsys.readouterr().err


def test_an_encoder_of_one_of_them_is_no_other_data(tmp_path):
    folders = [record(tmp_path / name, algorithm=name) for name in ("maml", "fomaml")]
    for folder, more in zip(
        folders, ({}, {"tiny/model.safetensors": "1" * 64, "tiny/config.json": "2" * 64}), strict=True
    ):
        about = json.loads((folder / "manifest.json").read_text())
        files = {"texts.parquet": "0" * 64, **more}
        about["data"] = {"assistant:clinc150": {"kind": "classification", "files": files}}
        (folder / "manifest.json").write_text(json.dumps(about))
    assert main([str(folder) for folder in folders]) == 0


def test_other_seeds_are_refused(tmp_path, capsys):
    assert main([str(record(tmp_path / "one", 0)), str(record(tmp_path / "other", 1, algorithm="fomaml"))]) == 2
    assert "no --seed in common" in capsys.readouterr().err


def test_a_run_that_is_still_going_is_a_partial_result_that_says_so(tmp_path, capsys):
    one, other = record(tmp_path / "one"), record(tmp_path / "other", reason=None, algorithm="fomaml")
    found = compared(capsys, one, other)
    (note,) = (note for note in found["notes"] if "still going" in note)
    assert "partial result, evaluated after round 4 of 200" in note


def test_what_was_judged_before_training_only_is_no_result(tmp_path, capsys):
    one, other = study(tmp_path / "one", 3), study(tmp_path / "other", 2, shift=0.1, algorithm="fomaml", reason=None)
    record(other / "seed-2", 2, -0.4, reason=None, algorithm="fomaml", after=0)
    found = compared(capsys, one, other)
    assert found["all"]["seeds"] == [0, 1]
    assert difference(found)["value"] == pytest.approx(0.1)
    assert any("seed 2 is still going" in note and "left out" in note for note in found["notes"])
    begun = record(tmp_path / "begun", reason="diverged", algorithm="reptile", after=0)
    assert main([str(one), str(begun)]) == 2
    assert "no round was evaluated after training" in capsys.readouterr().err


def test_a_run_without_any_round_of_training_is_a_result(tmp_path, capsys):
    one = record(tmp_path / "one")
    other = record(tmp_path / "other", shift=0.1, algorithm="fomaml", rounds=0, after=0)
    assert difference(compared(capsys, one, other))["value"] == pytest.approx(0.1)


def test_a_reference_that_has_only_begun_is_left_out_and_the_rest_compared(tmp_path, capsys):
    one, other = study(tmp_path / "one", 2, reason=None), study(tmp_path / "other", 2, shift=0.1, algorithm="fomaml")
    about = json.loads((one / "manifest.json").read_text())
    (one / "manifest.json").write_text(json.dumps({**about, "references": ["local"]}))
    record(one / "local" / "seed-0", 0, reason=None, algorithm="local", after=0)
    found = compared(capsys, one, other)
    assert difference(found)["value"] == pytest.approx(0.1)
    assert any("one/local is left out" in note for note in found["notes"])
    assert all("worse_off" not in cells for cells in found["all"]["methods"].values())


def empty(folder):
    folder.mkdir()
    return folder


def corrupt(folder):
    record(folder)
    (folder / "clients.parquet").write_bytes(b"PAR1 not at all PAR1")
    return folder


def contradictory(folder):
    import polars as pl

    record(folder)
    rows = pl.read_parquet(folder / "clients.parquet")
    pl.concat([rows, rows]).write_parquet(folder / "clients.parquet")
    return folder


def never_evaluated(folder):
    record(folder, reason=None)
    (folder / "clients.parquet").unlink()
    return folder


BAD = {
    "no folder": (lambda folder: folder, "no such folder"),
    "no run": (empty, "not the folder of a run"),
    "corrupt Parquet": (corrupt, "not readable as Parquet"),
    "rows twice": (contradictory, "contradict"),
    "nothing evaluated yet": (never_evaluated, "no round was evaluated"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_folders_are_one_message_and_exit_code_2(case, tmp_path, capsys):
    make, named = BAD[case]
    assert main([str(record(tmp_path / "good")), str(make(tmp_path / "bad"))]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert named in said.err
    assert "bad" in said.err


def test_bad_words_are_one_message(tmp_path, capsys):
    good = str(record(tmp_path / "good"))
    for words, named in (
        ([good, good], "named twice"),
        ([good, "--metrics", "meen"], "unknown measure"),
        ([good, "--metrics", ""], "--metrics"),
        ([good, "--family", "avatr"], "avatar"),
    ):
        assert main(words) == 2
        assert named in capsys.readouterr().err


def test_a_loop_of_links_is_no_folder(tmp_path, capsys):
    (tmp_path / "loop").symlink_to("loop")
    assert main([str(tmp_path / "loop")]) == 2
    assert "loop: no such folder" in capsys.readouterr().err
