"""What a server asks of clients before it can sample or plan: group and rows; and its form in a message."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from metafed.messages.typed import LONGEST_TEXT, BadAnswer, Count, Message, Rows, Text, parsed


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


class _Census(Message):
    """What ``pack_people`` wrote."""

    clients: list[Count]
    group: list[Text]
    rows: list[Rows]
    support: list[Rows]
    query: list[Rows]


def unpack_people(values: Mapping[str, Any], asked: Sequence[int]) -> dict[int, Person]:
    """Read what ``pack_people`` wrote, in answer to a question about the clients ``asked``.

    Raises:
        BadAnswer: A field is missing or has a wrong type or length, or speaks of a client that was not asked about.
    """
    census = parsed(_Census, values)
    columns = [getattr(census, name) for name in Person._fields]
    if any(len(column) != len(census.clients) for column in columns) or len(census.clients) > len(asked):
        raise BadAnswer("a census whose columns do not fit each other, or the question")
    if not set(census.clients) <= set(asked):
        raise BadAnswer("a census of clients that were not asked about")
    return {client: Person(*own) for client, *own in zip(census.clients, *columns, strict=True)}
