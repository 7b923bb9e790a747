"""A server that lies, phase by phase: no node gives it what would let it read one client's update.

Three nodes with secrets of their own run an honest round up to the phase in which the server begins to lie.
"""

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message

from client.app import app
from client.host import Host
from metafed.experiment.settings import Experiment
from metafed.secure.keys import public
from metafed.secure.party import Refused
from tests.integration.pool import run
from tests.integration.test_objectives import Nodes

VICTIM = 4
"""Of node 1 of 3."""
KEYS, SHARES, TRAIN, UNMASK = "query.keys", "query.shares", "train", "query.unmask"


class Until(Nodes):
    """Nodes whose server notes what it asks, and is gone before it asks the messages of one phase."""

    def __init__(self, run_config, phase):
        super().__init__(run_config, 3)
        self.phase, self.asked = phase, {}

    def answer(self, messages, timeout):
        for message in messages:
            self.asked[message.metadata.message_type, message.metadata.dst_node_id] = message
        if messages and messages[0].metadata.message_type == self.phase:
            raise Stop
        return super().answer(messages, timeout)

    def ask(self, phase, node=11, clients=None, **changed):
        """Put the honest question of a phase to a node, with changes to what it says of secure aggregation."""
        message = self.asked[phase, node]
        values = dict(message.content.config_records.get("secure", {}))
        message.content["secure"] = ConfigRecord({**values, **changed})
        asked = dict(message.content.config_records["ask"])
        message.content["ask"] = ConfigRecord({**asked, **({} if clients is None else {"clients": clients})})
        return app(Message(message.content, node, phase), self.contexts[node])


class Stop(Exception):
    """The honest part is over."""


def until(small, phase):
    experiment = Experiment.model_validate(
        {
            **small.model_dump(),
            **{"clients": 15, "cohort": 12, "rounds": 1, "eval_every": 0},
            "secure": {"aggregation": True, "fewest": 2},
        }
    )
    nodes = Until(experiment.to_run_config(), phase)
    if phase is None:
        run(experiment, nodes)
    else:
        with pytest.raises(Stop):
            run(experiment, nodes)
    return nodes


def masked(reply):
    return reply.content.array_records["arrays"]["masked"].numpy()


def test_the_attack_that_read_one_clients_update(small):
    # after an honest round the server asked the victim's node again, as if nobody else shared
    nodes = until(small, None)
    with pytest.raises(Refused, match="this node was asked before"):
        nodes.ask(TRAIN, clients=[VICTIM], sharing=[VICTIM])


def test_fewer_than_the_threshold_may_not_share(small):
    nodes = until(small, TRAIN)
    with pytest.raises(Refused, match="1 clients share, 9 of those that sent keys are needed"):
        nodes.ask(TRAIN, clients=[VICTIM], sharing=[VICTIM])


@pytest.mark.parametrize("sharing", [[4] * 9, list(range(100, 109)), "4", [True] * 9])
def test_who_shares_is_a_list_of_those_that_sent_keys(small, sharing):
    nodes = until(small, TRAIN)
    with pytest.raises(Refused):
        nodes.ask(TRAIN, clients=[VICTIM], sharing=sharing)


def test_a_client_trains_once_in_a_round(small):
    nodes = until(small, TRAIN)
    nodes.ask(TRAIN)
    with pytest.raises(Refused, match="this node was asked before"):
        nodes.ask(TRAIN)
    with pytest.raises(Refused):
        nodes.ask(TRAIN, clients=[VICTIM])


@pytest.mark.parametrize("changed", [{"clients": [VICTIM], "sharing": [VICTIM]}, {}])
def test_what_is_refused_is_not_trained_before(small, changed, monkeypatch):
    def trained(*arguments):
        raise AssertionError("it was trained first")

    nodes = until(small, TRAIN)
    if not changed:
        nodes.ask(TRAIN)
    monkeypatch.setattr(Host, "train", trained)
    with pytest.raises(Refused):
        nodes.ask(TRAIN, **changed)


def test_masks_are_of_the_list_that_the_server_said_so_that_two_lists_do_not_cancel(small):
    seen = []
    for sharing in (range(12), range(11)):
        nodes = until(small, TRAIN)
        for context in nodes.contexts.values():  # the same secrets in both worlds
            secret = context.state.config_records["secure"]
            context.state["secure"] = ConfigRecord({**secret})
        seen.append(masked(nodes.ask(TRAIN, clients=[VICTIM], sharing=list(sharing))))
    assert not np.isin(seen[0], seen[1]).any()


def test_keys_may_not_change_after_phase_2(small):
    nodes = until(small, TRAIN)
    masks = list(nodes.asked[TRAIN, 11].content.config_records["secure"]["masks"])
    masks[0] = public(bytes(32))  # the server's own key in the place of another client's
    with pytest.raises(Refused, match="something else before"):
        nodes.ask(TRAIN, masks=masks)


def test_phase_2_is_answered_once_so_that_a_secret_is_split_for_one_list(small):
    nodes = until(small, SHARES)
    nodes.ask(SHARES)
    with pytest.raises(Refused):
        nodes.ask(SHARES)


def test_phases_have_an_order(small):
    for phase, early in ((SHARES, TRAIN), (TRAIN, UNMASK)):
        nodes = until(small, phase)
        whole = until(small, None)
        nodes.asked[early, 11] = whole.asked[early, 11]
        with pytest.raises((Refused, ValueError)):
            nodes.ask(early)


def test_phase_1_is_answered_once(small):
    nodes = until(small, None)
    with pytest.raises(Refused):
        nodes.ask(KEYS)


def test_phase_4_is_of_the_clients_of_phase_3(small):
    nodes = until(small, UNMASK)
    values = nodes.asked[UNMASK, 11].content.config_records["secure"]
    with pytest.raises(Refused, match="something else before"):
        nodes.ask(UNMASK, sharing=list(values["sharing"])[:-1], left=list(values["left"])[:-1])


def test_phase_4_is_answered_once_so_that_never_both_secrets_of_a_client_are_given_away(small):
    nodes = until(small, UNMASK)
    left = list(nodes.asked[UNMASK, 11].content.config_records["secure"]["left"])
    nodes.ask(UNMASK)
    with pytest.raises(Refused):
        nodes.ask(UNMASK, left=[client for client in left if client != 0])


def test_too_few_holders_of_a_part_are_not_unmasked(small):
    nodes = until(small, UNMASK)
    left = list(nodes.asked[UNMASK, 11].content.config_records["secure"]["left"])
    # avatar has the clients 2, 4, 6 and 11: all but 4 are said to be lost
    with pytest.raises(Refused, match="fewer than 2 hold the part 'avatar'"):
        nodes.ask(UNMASK, left=[client for client in left if client not in (2, 6, 11)])
