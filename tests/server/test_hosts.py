"""Which node hosts whom: what a node says of itself is read, and one that lies or is silent stops no other."""

import pytest
from flwr.app import ConfigRecord, Message, RecordDict

import server.hosts
from server.hosts import HostsMissing, discover
from simulation.engines.grid import take_identity

take_identity()


class Grid:
    """Nodes that answer with these values; None: a node that is silent."""

    def __init__(self, **answers):
        self.answers = {int(name[1:]): values for name, values in answers.items()}

    def get_node_ids(self):
        return list(self.answers)

    def send_and_receive(self, messages, *, timeout=None):
        said = [(message, self.answers[message.metadata.dst_node_id]) for message in messages]
        return [
            Message(RecordDict({"hosting": ConfigRecord(values)}), reply_to=message)
            for message, values in said
            if values is not None
        ]


def share(number, count, **more):
    return {"partition-id": number, "num-partitions": count, **more}


def found(grid, **options):
    return discover(grid, patience=0, pause=lambda seconds: None, **options)


BAD = [
    {},
    share("abc", 2),
    share(1, 2 * 10**7),
    share(2, 2),
    share(-1, 2),
    share(True, 2),
    share(1.0, 2),
    {"num-partitions": 2},
    share(1, 2, guard="many"),
    share(1, 2, pool=3),
]


@pytest.mark.parametrize("said", BAD, ids=str)
def test_a_node_that_cannot_be_understood_takes_no_part_and_stops_no_other(said):
    assert found(Grid(n5=share(0, 2), n6=share(1, 2), n7=said)).nodes == (5, 6)


def test_how_many_shares_there_are_is_what_most_say():
    assert found(Grid(n1=share(0, 1000), n5=share(0, 2), n6=share(1, 2))).nodes == (5, 6)


def test_two_nodes_with_one_share_are_one_node():
    assert found(Grid(n5=share(0, 2), n6=share(1, 2), n7=share(1, 2))).nodes == (5, 6)


def test_a_silent_node_is_missed_by_name_unless_fewer_are_enough():
    grid = Grid(n5=share(0, 3), n6=share(2, 3), n7=None)
    with pytest.raises(HostsMissing, match=r"the shares \[0, 2\] of 3 have a node.*--min-nodes"):
        found(grid)
    hosts = found(grid, fewest=2)
    assert (hosts.nodes, hosts.absent) == ((5, None, 6), [1])
    assert (hosts.node(4), hosts.node(5)) == (None, 6)
    assert [number for number, _ in hosts.answering] == [0, 2]
    with pytest.raises(HostsMissing):
        found(grid, fewest=3)


def test_where_fewer_are_enough_a_silent_node_is_not_waited_for_as_long_as_a_guard_may_take(monkeypatch):
    monkeypatch.setattr(server.hosts, "FIRST_ANSWER", 7.0)
    waits = []

    class Waiting(Grid):
        def send_and_receive(self, messages, *, timeout=None):
            waits.append(timeout)
            return super().send_and_receive(messages, timeout=timeout)

    found(Waiting(n5=share(0, 2), n6=None), guard=3600.0, fewest=1)
    assert waits[0] == 7.0


def test_what_is_missing_says_which_node_said_what():
    with pytest.raises(HostsMissing, match=r"node 7: unreadable answer: partition-id = abc"):
        found(Grid(n5=share(0, 2), n7=share("abc", 2)))
