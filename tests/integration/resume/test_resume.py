"""Law 3: a run that was killed and resumed equals the run that was not, wherever it was killed."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from metafed.experiment.renames import renewed
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from server.checkpoint import there
from server.record.record import Record
from server.record.resume import NotResumable, find
from tests.cases import some
from tests.integration.resume.running import bits, resume, start, stops_after
from tests.simulation.command.running import clients, manifest, rounds

KINDS = {
    "ditto": {"algorithm": "ditto", "outer_optimizer": "adam", "outer_lr": 0.02},
    "fedper": {"algorithm": "fedper", "outer_optimizer": "momentum", "outer_lr": 0.5},
    "fedrep": {"algorithm": "fedrep", "outer_optimizer": "yogi", "outer_lr": 0.05},
    "apfl": {"algorithm": "apfl", "outer_optimizer": "momentum", "outer_lr": 0.5},
    "fedala": {"algorithm": "fedala"},
    "pfedme": {"algorithm": "pfedme", "outer_optimizer": "adagrad", "outer_lr": 0.05},
    "AFL over clients": {"objective": "minimax"},
    "CVaR": {"objective": "cvar"},
    "centered clipping": {"aggregator": "centered-clipping"},
    "power of choice": {"sampling": "power-of-choice"},
    "a rate that falls": {"algorithm": "reptile", "outer_schedule": "linear"},
    "kept predictions": {"keep_predictions": True},
    "devices": {"devices": "default", "sampling": "availability", "deadline": 60.0},
}


def of(tiny, **changes):
    return Experiment.model_validate({**tiny.model_dump(), **renewed(changes)})


@pytest.mark.parametrize("kind", some(KINDS, "ditto", "apfl", "AFL over clients", "a rate that falls", "devices"))
def test_a_run_killed_between_two_checkpoints_ends_with_the_bits_of_one_that_was_not(tiny, tmp_path, kind):
    experiment = of(tiny, **KINDS[kind])
    start(experiment, tmp_path / "whole")
    killed_after(5, experiment, tmp_path, 4)


def test_no_run_whose_rate_falls_over_its_rounds_goes_on_with_another_number_of_them(tiny, tmp_path):
    start(of(tiny, outer_schedule="cosine"), tmp_path / "run", stops_after(3))
    for number in (tiny.rounds - 1, tiny.rounds + 1):
        with pytest.raises(
            NotResumable, match=rf"falls over {tiny.rounds} rounds .*--rounds {number} would be another"
        ):
            find(tmp_path / "run", of(tiny, outer_schedule="cosine", rounds=number))


@pytest.mark.ray
def test_a_run_killed_in_one_process_goes_on_by_workers_to_the_same_bits(tiny, tmp_path, workers):
    experiment = of(tiny, **KINDS["ditto"], **KINDS["kept predictions"])
    start(experiment, tmp_path / "whole")
    start(experiment, tmp_path / "killed", stops_after(5))
    workers.turn(experiment.to_run_config())
    assert resume(experiment, tmp_path / "killed", grid=workers) == 4
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


@pytest.mark.parametrize(("last", "goes_on_after"), [pytest.param(1, None, marks=pytest.mark.slow), (6, 6)])
def test_a_run_killed_before_the_first_checkpoint_or_with_one_ends_with_the_same_bits(
    tiny, tmp_path, last, goes_on_after
):
    experiment = of(tiny, **KINDS["ditto"])
    start(experiment, tmp_path / "whole")
    killed_after(last, experiment, tmp_path, goes_on_after)


def killed_after(last, experiment, tmp_path, goes_on_after):
    folder = tmp_path / f"killed-{last}"
    start(experiment, folder, stops_after(last))
    assert not (folder / "clients.parquet").exists()
    assert resume(experiment, folder) == goes_on_after
    assert bits(folder) == bits(tmp_path / "whole")


def test_a_run_killed_again_and_again_ends_with_the_same_bits(tiny, tmp_path):
    experiment = of(tiny, **KINDS["ditto"])
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "killed"
    start(experiment, folder, stops_after(3))
    assert resume(experiment, folder, stops_after(5)) == 2
    assert resume(experiment, folder, stops_after(5)) == 4
    assert resume(experiment, folder) == 4
    assert bits(folder) == bits(tmp_path / "whole")
    assert [entry["from_round"] for entry in manifest(folder)["resumed"]] == [2, 4, 4]


@pytest.mark.parametrize("first", some([3, 4, 5], 5))
def test_more_rounds_give_the_bits_of_a_run_of_so_many_and_its_evaluations(tiny, tmp_path, first):
    experiment = of(tiny, **KINDS["fedrep"], **KINDS["kept predictions"])
    start(experiment, tmp_path / "whole")
    start(of(experiment, rounds=first), tmp_path / "part")
    assert "evaluation" in rounds(tmp_path / "part")[-1]
    assert resume(experiment, tmp_path / "part") == first
    assert bits(tmp_path / "part") == bits(tmp_path / "whole")


def test_what_a_kill_leaves_half_written_is_taken_back(tiny, tmp_path):
    experiment = of(tiny, **KINDS["ditto"])
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "killed"
    start(experiment, folder, stops_after(5))
    with (folder / "rounds.jsonl").open("a") as file:
        file.write('{"round": 6, "seco')
    (folder / "parts" / "00000006.parquet").write_bytes(b"PAR1 half of a part")
    (folder / "clients.parquet.draft").write_bytes(b"PAR1")
    (folder / "checkpoints" / "round-00000006.safetensors").write_bytes(b"half of theta")
    (folder / "checkpoints" / "state" / "round-00000006.draft").write_bytes(b"half")
    assert resume(experiment, folder) == 4
    assert bits(folder) == bits(tmp_path / "whole")
    left = {path.name for path in (folder / "checkpoints").rglob("*") if path.is_file()}
    assert left == {f"round-{n:08d}.{kind}" for n in (4, 6, 7) for kind in ("json", "safetensors")}


def test_a_kill_while_the_record_is_closed_loses_nothing(tiny, tmp_path):
    experiment = of(tiny, **KINDS["kept predictions"])
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "closed"
    start(experiment, folder, stops_after(7))
    # clients.parquet is there, and some of its parts are gone already
    shutil.copy(tmp_path / "whole" / "clients.parquet", folder)
    for part in sorted((folder / "parts").glob("*"))[:3]:
        part.unlink()
    resume(experiment, folder)
    assert bits(folder) == bits(tmp_path / "whole")


@pytest.mark.parametrize("file", ["rounds.jsonl", "parts/00000003-*", "prediction-parts/00000003-*"])
@pytest.mark.parametrize("damage", ["a bit", "gone"])
def test_rounds_whose_lines_or_rows_are_damaged_are_computed_again(tiny, tmp_path, file, damage):
    experiment = of(tiny, **KINDS["kept predictions"])
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "damaged"
    start(experiment, folder, stops_after(5))
    (path,) = folder.glob(file)
    content = path.read_bytes()
    # a digit of the loss of round 3, or a number in its rows
    place = content.index(b'"loss": ', content.index(b'{"round": 3')) + 10 if file == "rounds.jsonl" else 40
    changed = bytearray(content)
    changed[place] ^= 1
    path.unlink()
    if damage == "a bit":
        path.write_bytes(changed)
    # without any line there is nothing that a checkpoint could go on from
    assert resume(experiment, folder) == (None if damage == "gone" and file == "rounds.jsonl" else 2)
    assert bits(folder) == bits(tmp_path / "whole")


def test_rows_that_are_gone_since_an_earlier_resume_are_computed_again(tiny, tmp_path):
    """What a resume left of the rounds before it is one part: without it no checkpoint has its rows."""
    experiment = of(tiny, **KINDS["kept predictions"])
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "damaged"
    start(experiment, folder, stops_after(3))
    assert resume(experiment, folder, stops_after(5)) == 2
    next((folder / "prediction-parts").glob("00000000-*")).unlink()
    assert resume(experiment, folder) is None
    assert bits(folder) == bits(tmp_path / "whole")


def test_a_damaged_checkpoint_is_passed_over_and_the_rounds_since_the_one_before_are_computed_again(tiny, tmp_path):
    experiment = of(tiny, **KINDS["ditto"])
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "damaged"
    start(experiment, folder, stops_after(5))
    state = folder / "checkpoints" / "state" / "round-00000004.safetensors"
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    found = find(folder, experiment)
    assert found.checkpoint.round == 2
    assert "other bits" in found.passed_over[0]
    assert resume(experiment, folder) == 2
    assert bits(folder) == bits(tmp_path / "whole")


def test_so_many_checkpoints_are_kept_as_asked_for(tiny, tmp_path):
    start(of(tiny), tmp_path / "run", every=1, keep=2)
    assert there(tmp_path / "run" / "checkpoints") == [7, 6]
    assert len(list((tmp_path / "run" / "checkpoints").rglob("*.safetensors"))) == 4


def test_a_checkpoint_holds_the_states_of_all_clients_that_have_one(tiny, tmp_path):
    experiment = of(tiny, algorithm="ditto")
    start(experiment, tmp_path / "run")
    found = find(tmp_path / "run", experiment).checkpoint
    assert set(found.clients) == set(clients(tmp_path / "run").filter(phase="train")["client"])
    assert all(np.isfinite(state).all() for state in found.clients.values())
    text = json.loads((tmp_path / "run" / "checkpoints" / "round-00000007.json").read_text())
    assert text["round"] == 7


def test_one_process_writes_a_record(tiny, tmp_path):
    going = Record(tmp_path / "run", Federation(tiny), {}, {})
    with pytest.raises(BlockingIOError):
        Record(tmp_path / "run", Federation(tiny), {}, {}, again=True)
    going.discard()


def test_a_folder_without_a_record_cannot_be_resumed(tiny, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(NotResumable, match="holds no record"):
        Record(tmp_path / "run", Federation(tiny), {}, {}, again=True)


def flip(file):
    """Have the last bit of a file be another."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    start(of(tiny, **KINDS["ditto"]), folder)
    return bits(folder)


@given(st.integers(1, 7), st.lists(st.tuples(st.sampled_from(["leave", "damage"]), st.integers(1, 7)), max_size=4))
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(5, [("leave", 6), ("damage", 6)])
@example(7, [("leave", 7), ("damage", 4), ("damage", 7)])
def test_however_often_it_is_killed_and_damaged_it_ends_with_the_same_bits(tiny, tmp_path_factory, whole, first, then):
    experiment, folder = of(tiny, **KINDS["ditto"]), tmp_path_factory.mktemp("runs") / "run"
    start(experiment, folder, stops_after(first))
    for what, last in then:
        newest = there(folder / "checkpoints")[:1]
        if what == "damage" and newest:
            flip(folder / "checkpoints" / f"round-{newest[0]:08d}.safetensors")
        resume(experiment, folder, stops_after(last))
    resume(experiment, folder)
    assert bits(folder) == whole


def test_a_run_that_was_extended_at_a_round_without_evaluation_keeps_its_rows(tiny, tmp_path):
    experiment = of(tiny)
    start(experiment, tmp_path / "whole")
    folder = tmp_path / "run"
    start(experiment, folder, stops_after(5))
    resume(of(experiment, rounds=4), folder)
    resume(of(experiment, rounds=5), folder)
    resume(experiment, folder)
    assert bits(folder) == bits(tmp_path / "whole")


@pytest.mark.parametrize(
    "change",
    [pytest.param({"seed": 5}, marks=pytest.mark.slow), {"width": 7}, {}],
    ids=["seed", "width", "another run"],
)
def test_a_checkpoint_of_another_run_or_of_other_settings_is_not_taken(tiny, tmp_path, change):
    start(of(tiny, **change), tmp_path / "other")
    folder = tmp_path / "run"
    start(tiny, tmp_path / "whole")
    start(tiny, folder, stops_after(3))
    shutil.rmtree(folder / "checkpoints")
    shutil.copytree(tmp_path / "other" / "checkpoints", folder / "checkpoints")
    found = find(folder, tiny)
    assert found.checkpoint is None
    assert all("another run or other settings" in why for why in found.passed_over)
    assert resume(tiny, folder) is None
    assert bits(folder) == bits(tmp_path / "whole")
