"""Which message a worker gets: that of the clients that it had before, and another's where it has nothing to do."""

from flwr.app import ConfigRecord, Message, RecordDict

from simulation.engines.grid import take_identity
from simulation.engines.queue import Queue


def messages(firsts, kind="train"):
    take_identity()
    return [
        Message(RecordDict({"ask": ConfigRecord({"clients": [first, first + 1], "round": 1})}), 2, kind)
        for first in firsts
    ]


def firsts(given):
    return [message.content["ask"]["clients"][0] for message, _ in given]


def drained(queue, workers):
    """Give messages out in turns, and return whom each first client went to."""
    found = {}
    while queue:
        for worker in workers:
            if queue:
                (first,) = firsts([queue.next(worker)])
                found[first] = worker
    return found


def test_clients_come_to_the_worker_that_had_them_whoever_asks_first():
    queue = Queue()
    queue.fill(messages([0, 10, 20, 30]), "ab")
    before = drained(queue, "ab")
    assert before == {0: "a", 10: "b", 20: "a", 30: "b"}
    queue.fill(messages([0, 10, 20, 30]), "ab")
    assert drained(queue, "ba") == before


def test_training_and_evaluation_are_known_apart():
    queue = Queue()
    queue.fill(messages([0, 10]), "ab")
    assert drained(queue, "ab") == {0: "a", 10: "b"}
    queue.fill(messages([0, 10], "evaluate"), "ab")
    assert drained(queue, "ba") == {0: "b", 10: "a"}
    queue.fill(messages([0, 10]), "ab")
    assert drained(queue, "ba") == {0: "a", 10: "b"}


def test_an_idle_worker_takes_the_last_message_of_whom_most_is_left_for():
    queue = Queue()
    queue.fill(messages([0, 10, 20]), "ab")
    drained(queue, "a")
    queue.fill(messages([0, 10, 20, 30]), "ab")
    assert firsts(queue.next("b") for _ in range(4)) == [30, 20, 10, 0]


def test_no_message_is_lost_with_a_worker_or_after_an_error():
    queue = Queue()
    queue.fill(messages([0, 10, 20]), "ab")
    drained(queue, "ab")
    queue.fill(messages([0, 10, 20]), "b")  # a is gone
    message, tries = queue.next("c")
    assert (tries, firsts([(message, tries)])) == (1, [0])
    queue.again(message, 2)
    found = [queue.next("b") for _ in range(3)]
    assert (firsts(found), [tries for _, tries in found]) == ([10, 20, 0], [1, 1, 2])
    queue.fill(messages([5, 6]), "b")
    assert [m.content["ask"]["clients"][0] for m in queue.rest()] == [5, 6]
    assert not queue
