"""A run with networks of a user's own: from the command line to the record, resumed, and by several workers."""

import json
from types import SimpleNamespace

import pytest

from metafed.core.errors import DataError
from metafed.experiment.settings import Experiment
from metafed.federation.federation import Federation
from metafed.federation.preflight import preflight
from simulation.cli.config import Config
from simulation.cli.errors import BadInput
from simulation.cli.flags import parse
from simulation.deployment.runs import run_config
from simulation.engines.ray import RayGrid
from simulation.run import main
from simulation.runs.resume import check_data
from tests.cases import some
from tests.integration.pool import assert_workers_give_the_bits_of_one_process
from tests.integration.resume.running import bits, resume, start, stops_after
from tests.simulation.command.running import manifest

OWN = "tests.integration.own_modules"
SMALL = {"clients": 6, "cohort": 4, "rounds": 3, "eval_every": 2, "tasks": "avatar,assistant", "kernels": "torch"}
NETWORKS = {
    "gru": {"network": "gru", "network_settings": {"hidden": 4}, "tasks": "avatar"},
    "transformer": {
        "network": "transformer",
        "network_settings": {"width": 4, "heads": 2, "layers": 2},
        "tasks": "assistant",
        "algorithm": "meta-sgd",
    },
    "attention": {"network": f"{OWN}:Transformer", "tasks": "avatar", "algorithm": "anil"},
    "layer norm": {"network": f"{OWN}:NormedMlp", "algorithm": "meta-sgd"},
    "loop": {"network": f"avatar={OWN}:Gru,assistant={OWN}:Headless", "algorithm": "reptile"},
    "cnn": {"network": f"{OWN}:Cnn", "tasks": "blob-images", "algorithm": "fedrep"},
    "resnet": {"network": f"{OWN}:ResNet", "tasks": "blob-images"},
}
each_network = pytest.mark.parametrize("network", some(NETWORKS, "gru", "loop"))


def experiment(**changes):
    return Experiment.model_validate({**SMALL, **changes})


def test_a_run_names_its_networks_and_says_what_computes_them(tmp_path, capsys):
    words = "--engine local --clients 6 --cohort 4 --rounds 1 --tasks avatar,assistant --no-report"
    network = ["--network", f"avatar={OWN}:Gru,assistant=mlp", "--network.hidden", "6"]
    assert main([*words.split(), *network, "--out", str(tmp_path / "run")]) == 0
    screen = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert screen.count("Gru, computed by a loop over clients: vmap has no rule for all of it") == 1
    about = manifest(tmp_path / "run")
    assert about["networks"] == {
        "avatar": {
            "computed_by": "loop",
            "head": "head",
            "trunk": None,
            "trained": 3 * 6 * (1 + 6 + 2) + 7 * 24,
            "bytes_sent": about["networks"]["avatar"]["trained"] * 4,
            "bytes_in_full": about["networks"]["avatar"]["trained"] * 4,
            "frozen": 0,
            "frozen_sha256": None,
        }
    }
    again = Config.from_file(tmp_path / "run" / "config.toml").experiment
    assert again.network == network[1]
    assert again.network_settings == {"hidden": 6}


def test_flags_win_over_a_file_whose_arguments_stay_where_the_network_does(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(f'[network]\nname = "{OWN}:Gru"\nhidden = 3\n')
    found = [
        parse(["--config", str(file), *flags]).experiment
        for flags in ((), ("--network.hidden=5",), ("--network", "mlp"), ("--network", f"{OWN}:Gru"))
    ]
    assert [each.network.rpartition(":")[2] for each in found] == ["Gru", "Gru", "mlp", "Gru"]
    assert [each.network_settings for each in found] == [{"hidden": 3}, {"hidden": 5}, None, {"hidden": 3}]


def test_arguments_reach_the_nodes_of_a_deployment(tmp_path):
    own = experiment(network=f"{OWN}:Gru", network_settings={"hidden": 3, "kind": "a b", "bias": True})
    sent = run_config(own, tmp_path)
    assert sent["network-settings.settings"] == 'hidden = 3, kind = "a b", bias = true'
    received = {key: value for key, value in sent.items() if key not in ("out", "round-timeout", "resume", "min-nodes")}
    assert Experiment.from_run_config(received) == own
    assert Experiment.from_run_config(own.to_run_config()) == own


def test_each_family_has_settings_of_its_own(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(
        f'tasks = "avatar,assistant"\n[network]\nname = "avatar={OWN}:Gru,assistant=gru"\n'
        "[network.avatar]\nhidden = 3\n[network.assistant]\nhidden = 5\n"
    )
    own = parse(["--config", str(file), "--network.assistant.hidden", "4"]).experiment
    assert own.network_settings == {"avatar.hidden": 3, "assistant.hidden": 4}
    assert Experiment.from_run_config(own.to_run_config()) == own
    sent = run_config(own, tmp_path)["network-settings.settings"]
    assert sent == '"avatar.hidden" = 3, "assistant.hidden" = 4'
    assert Experiment.from_run_config({**own.to_run_config(), "network-settings.settings": sent}) == own
    shapes = {name: tuple(value.shape) for name, value in Federation(own).initial.items()}
    assert shapes["avatar.head.weight"][1] == 3
    assert shapes["assistant.head.weight"][1] == 4


def test_a_record_of_before_is_read():
    assert Experiment.model_validate({"network": "small-conv", "tasks": "blob-images"}).network == "small-conv"


@each_network
def test_a_killed_run_that_goes_on_has_the_same_bits(tmp_path, network):
    own = experiment(**NETWORKS[network], rounds=4)
    start(own, tmp_path / "whole")
    start(own, tmp_path / "killed", stops_after(3))
    assert resume(own, tmp_path / "killed") == 2
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")


def test_families_share_the_trunk_that_a_module_names():
    federation = Federation(experiment(network=f"{OWN}:NormedMlp"))
    assert federation.roster.parts("avatar") == ("trunk", "avatar")
    assert federation.layout.parts["trunk"] == tuple(
        f"trunk.{n}.{w}" for n in ("norm.0", "body.2") for w in ("weight", "bias")
    )
    alone = Federation(experiment(network=f"{OWN}:NormedMlp", tasks="avatar"))
    assert all((value == federation.initial[name]).all() for name, value in alone.initial.items())
    assert Federation(experiment(network=f"{OWN}:Gru")).roster.parts("avatar") == ("avatar",)


def test_chunks_follow_from_what_a_module_takes():
    wide, narrow = (
        Federation(experiment(network=f"{OWN}:NormedMlp", network_settings={"width": width}, clients=400, cohort=320))
        for width in (1000, 4)
    )
    assert wide.chunk_sizes["avatar"].training < narrow.chunk_sizes["avatar"].training


def test_devices_count_the_operations_of_a_module(tmp_path):
    own = experiment(network=f"{OWN}:NormedMlp", devices="default", rounds=1)
    start(own, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "rounds.jsonl").read_text().splitlines()[-1])["round"] == 1


SETTINGS = {
    "unknown": ({"network": "mpl"}, "unknown network 'mpl'; did you mean 'mlp'"),
    "name": ({"network": "my-module:Net"}, "write MODULE:FACTORY"),
    "twice": ({"network": "avatar=mlp,avatar=mlp"}, "each family once"),
    "family": ({"network": "avatr=mlp"}, "--network avatr=mlp: no such family in --tasks; did you mean 'avatar'"),
    "nothing takes it": (
        {"network": "mlp", "network_settings": {"hidden": 3}},
        "only gru, transformer, text-encoder, MODULE:FACTORY take arguments",
    ),
    "two take it": (
        {"network": f"avatar={OWN}:Gru,assistant={OWN}:Deep", "network_settings": {"hidden": 3}},
        "would take it; say whose it is: --network.avatar.hidden or --network.assistant.hidden",
    ),
    "nobody's": (
        {"network": f"avatar={OWN}:Gru", "network_settings": {"avatr.hidden": 3}},
        "--network.avatr.hidden: no network of a family 'avatr' takes arguments; those of avatar do",
    ),
    "width": ({"network": f"{OWN}:Gru", "width": 32}, "--width 32 does nothing: the network of this run is tests"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings_of_networks_that_mean_nothing_are_refused(what):
    changes, message = SETTINGS[what]
    with pytest.raises(ValueError, match=message):
        experiment(**changes)


REFUSED = {
    "import": ({"network": "no.such:Net"}, "no.such:Net for family 'avatar': network .* cannot be imported"),
    "attribute": ({"network": f"{OWN}:Nothing"}, "cannot be imported: .* has no attribute 'Nothing'"),
    "no function": ({"network": f"{OWN}:NOT_CALLABLE"}, "it is no class or function"),
    "raises": ({"network": f"{OWN}:broken"}, "the factory raised FileNotFoundError: weights.pt"),
    "lone rows": (
        {"network": f"{OWN}:BatchNormed", "algorithm": "fedavg", "local": {"epochs": 1, "batch_size": 1}},
        "--local.batch-size 1: --network .*BatchNormed: a batch norm of one row has no statistics",
    ),
    "trunks": (
        {"network": f"avatar={OWN}:NormedMlp,assistant={OWN}:Deep"},
        "families 'avatar' and 'assistant' share the trunk, but",
    ),
    "trunk of ours": ({"network": f"avatar={OWN}:NormedMlp"}, "share the trunk, but their networks' trunks differ"),
    "no head": (
        {"network": f"{OWN}:Headless", "algorithm": "anil"},
        "no head that is trained, which .* Anil needs",
    ),
    "no linear head": (
        {"network": f"{OWN}:Headless", "algorithm": "protonet", "tasks": "assistant"},
        "has no head that is trained",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_networks_that_cannot_be_used_are_refused_before_the_first_round(what):
    changes, message = REFUSED[what]
    with pytest.raises(DataError, match=message):
        preflight(Federation(experiment(**changes)))


def test_a_module_that_cannot_be_used_ends_the_command_and_leaves_nothing(tmp_path, capsys):
    words = ["--engine", "local", "--tasks", "avatar", "--clients", "4", "--network", f"{OWN}:broken"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "FileNotFoundError: weights.pt" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()


def test_a_run_does_not_go_on_with_another_module(tmp_path):
    now = Federation(experiment(network=f"{OWN}:Gru")).about_modules
    changed = {**now, "avatar": {**now["avatar"], "trained": 1}}
    record = SimpleNamespace(folder=tmp_path, before={"networks": changed})
    check_data(record, {"networks": changed})
    with pytest.raises(BadInput, match="the network of avatar is not that with which the run began"):
        check_data(record, {"networks": now})


@pytest.mark.ray
@each_network
def test_workers_give_the_bits_of_one_process(workers, network):
    assert_workers_give_the_bits_of_one_process(experiment(**NETWORKS[network], chunk=1, rounds=2), workers)


@pytest.fixture(scope="module")
def three_workers():
    """A RayGrid of three workers."""
    grid = RayGrid(experiment().to_run_config(), workers=3, worker_cpus=0.3)
    yield grid
    grid.close()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_three_workers_do_too(three_workers, network):
    assert_workers_give_the_bits_of_one_process(experiment(**NETWORKS[network], chunk=1, rounds=2), three_workers)
