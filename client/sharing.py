"""Whether a node tells of single clients, and what it answers if it does not."""

import logging
import os
from dataclasses import replace

from flwr.app import Context

from metafed.federation.roster import Roster
from metafed.messages.packing import Answer
from metafed.messages.withheld import withheld

SHARE = "share-client-rows"
"""Entry of a node's config: whether a row a client leaves the node."""
SHARE_VARIABLE = "METAFED_SHARE_CLIENT_ROWS"
"""Variable of the environment that says the same where a node has no config."""
PREDICTIONS = "share-predictions"
"""Entry of the config of a node of our own engines alone: predictions for single rows may leave it, too."""


class NotShared(RuntimeError):
    """A node was asked for something of single clients that it keeps to itself."""


def shares_rows(context: Context) -> bool:
    """Say whether rows of single clients leave this node: only where whoever runs the process says so.

    A node's config says it, as our engines do, which host everybody in one pool of their own; or the environment of
    the process, for runtimes that give no config, such as Flower's simulation. Where nobody says so, rows stay.
    """
    value = context.node_config.get(SHARE, os.environ.get(SHARE_VARIABLE, False))
    return value is True or str(value).lower() == "true"


def shares_predictions(context: Context) -> bool:
    """Say whether predictions for single rows leave this node: they do from our own engines, and from no deployed node.

    They come with the rows' targets, which are a client's own data, where a row a client holds means over many.
    """
    return shares_rows(context) and context.node_config.get(PREDICTIONS) is True and not _deployed(context)


def _deployed(context: Context) -> bool:
    """Say whether this is a node of several, which has some of the clients only."""
    return "partition-id" in context.node_config


def refuse_to_share(what: str, context: Context) -> None:
    """Refuse a question about single clients.

    Raises:
        NotShared: This node keeps its clients' rows.
    """
    if not shares_rows(context):
        raise NotShared(f"this node tells nothing of single clients, so not {what}; see {SHARE}")


def answered(answer: Answer, roster: Roster, context: Context) -> Answer:
    """Return ``answer`` as it may leave the node: with sums instead of rows where its config does not allow rows.

    Whatever a server asks for, predictions for single rows stay where they may not leave.

    Raises:
        NotShared: The answer has single clients' updates, which the run's aggregator needs.
    """
    if any(rows.predictions is not None for rows in answer.rows) and not shares_predictions(context):
        answer = answer._replace(rows=[replace(rows, predictions=None) for rows in answer.rows])
    if shares_rows(context):
        return answer
    if answer.client_vectors:
        refuse_to_share("their updates, which this aggregator needs", context)
    for failure in answer.failures:  # the reason stays here
        logging.getLogger("flwr").warning("client %d: %s", failure.client, failure.reason)
    kept = withheld(answer.rows, len(answer.failures), roster.family, roster.seen)
    return answer._replace(rows=[], failures=[], withheld=kept)
