"""A reply is the answer to its own question, from the node that was asked."""

from flwr.app import Message, MessageType, RecordDict

from server.binding import Asked, bound, numbered
from simulation.engines.grid import take_identity

take_identity()


def question(node, name):
    return numbered(Message(RecordDict(), node, MessageType.TRAIN), name)


def test_replies_are_known_by_their_question_and_in_any_order():
    asked = [Asked([0, 2], question(5, "a")), Asked([1], None), Asked([3], question(6, "b"))]
    replies = [Message(RecordDict(), reply_to=asked[n].message) for n in (2, 0)]
    assert list(bound(replies, asked)) == [(2, replies[0]), (0, replies[1])]


def test_a_second_answer_and_one_from_elsewhere_are_left_out():
    asked = [Asked([0], question(5, "a")), Asked([1], question(6, "b"))]
    first, second = (Message(RecordDict(), reply_to=asked[0].message) for _ in range(2))
    stranger = Message(RecordDict(), reply_to=question(5, "z"))
    # node 5 answers what node 6 was asked
    stolen = Message(RecordDict(), reply_to=question(5, "b"))
    honest = Message(RecordDict(), reply_to=asked[1].message)
    assert list(bound([stolen, stranger, first, second, honest], asked)) == [(0, first), (1, honest)]
