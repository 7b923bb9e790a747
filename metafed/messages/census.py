"""What a server asks of clients before it can sample or plan: group and rows; and its form in a message."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from metafed.messages.packing import LONGEST_TEXT, BadAnswer


class Person(NamedTuple):
    """What must be known of a client beforehand: its group, the rows that it owns, and those of an episode."""

    group: str
    rows: int
    support: int
    query: int


def pack_people(people: Mapping[int, Person]) -> dict[str, Any]:
    """Turn a host's answer into plain values by name."""
    columns = list(zip(*people.values(), strict=True)) or [(), (), (), ()]
    named = dict(zip(Person._fields, (list(column) for column in columns), strict=True))
    return {"clients": list(people), **named, "group": [str(group)[:LONGEST_TEXT] for group in named["group"]]}


def unpack_people(values: Mapping[str, Any], asked: Sequence[int]) -> dict[int, Person]:
    """Read what ``pack_people`` wrote, in answer to a question about the clients ``asked``.

    Raises:
        BadAnswer: A field is missing or has a wrong type or length, or speaks of a client that was not asked about.
    """
    try:
        clients, groups = values["clients"], values["group"]
        counts = [values[name] for name in Person._fields[1:]]
        whole = [clients, *counts]
        if not all(
            isinstance(column, list) and len(column) == len(clients) <= len(asked) for column in [*whole, groups]
        ):
            raise BadAnswer("a census whose columns do not fit each other, or the question")
        if not all(type(number) is int and 0 <= number < 2**53 for column in whole for number in column):
            raise BadAnswer("a census of numbers that are no counts")
        if not set(clients) <= set(asked) or not all(isinstance(group, str) for group in groups):
            raise BadAnswer("a census of clients that were not asked about, or of groups without names")
    except (KeyError, TypeError) as error:
        raise BadAnswer(f"unreadable census: {type(error).__name__}: {error}") from None
    rows = zip(groups, *counts, strict=True)
    return {client: Person(group[:LONGEST_TEXT], *own) for client, (group, *own) in zip(clients, rows, strict=True)}
