"""Whatever comes over a boundary is used or refused, never more; ``python -m fuzz.run`` looks for longer."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.seeds import SEEDS
from fuzz.targets import ASKED, LAYOUT, TARGETS
from metafed.experiment.settings import Experiment
from metafed.messages.packing import Answer, pack
from metafed.messages.reading import unpack
from metafed.messages.typed import BadAnswer
from metafed.objectives import NOTHING
from metafed.secure.party import read_keys

EXAMPLES = {"own-data": 40, "checkpoint": 60, "run-config": 60, "keys": 60, "config-file": 60}


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_an_accident(name):
    seeded = st.sampled_from(SEEDS.get(name, [b""])).flatmap(
        lambda seed: st.binary(max_size=40).map(lambda more: seed[: len(more) * 3] + more + seed)
    )

    @given(st.one_of(st.binary(max_size=500), seeded, st.sampled_from(SEEDS.get(name, [b""]))))
    @settings(max_examples=EXAMPLES.get(name, 150), deadline=None, suppress_health_check=list(HealthCheck))
    def holds(data):
        TARGETS[name](data)

    holds()


def test_run_config_key_below_a_plain_setting_is_refused():
    with pytest.raises(ValueError, match="none of its own"):
        Experiment.from_run_config({"clients": 5, "clients.x": 1})


@pytest.mark.parametrize("value", [5, 1.5, True, "my.settings:Mine"])
def test_run_config_key_of_a_choice_without_its_name_is_refused(value):
    with pytest.raises(ValueError, match=r"algorithm"):
        Experiment.from_run_config({"algorithm": value})


@pytest.mark.parametrize("client", [2**40, [1], "x", True])
def test_keys_of_a_wrong_type_are_refused_and_ask_for_no_memory(client):
    for said in ([client, bytes(32), bytes(32)], [1, client, bytes(32)], [1, bytes(32), client]):
        if said == [2**40, bytes(32), bytes(32)]:
            continue  # a large id is one nevertheless
        with pytest.raises(ValueError, match=r"whole number|32 bytes"):
            read_keys({"clients": [said[0]], "messages": [said[1]], "masks": [said[2]]})


@pytest.mark.parametrize("clients", [[[1]], [1.5], "1", [], None, [True], [9]], ids=repr)
def test_masked_inputs_of_no_clients_are_refused(clients):
    arrays, values = pack(Answer(NOTHING, [], []))
    with pytest.raises(BadAnswer):
        unpack({**arrays, "masked": np.zeros(9, np.uint64)}, {**values, "masked": clients}, LAYOUT, ASKED)


@pytest.mark.parametrize("name", ["tables", "updates"])
def test_a_message_with_infinitely_many_tables_is_refused(name):
    arrays, values = pack(Answer(NOTHING, [], []))
    with pytest.raises(BadAnswer):
        unpack(arrays, {**values, name: float("inf")}, LAYOUT, ASKED)


@pytest.mark.parametrize(
    "name", [".:Maml", ":", "a b:C", "..metafed:Maml", "metafed.algorithms:", "metafed.algorithms:1"]
)
def test_a_class_outside_is_named_by_identifiers(name):
    with pytest.raises(ValueError, match="write MODULE:CLASS"):
        Experiment.from_run_config({"algorithm.name": name})
