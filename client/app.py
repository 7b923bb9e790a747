"""The Flower ClientApp: hands every message on to where it is answered, in this process or in one that stays.

Flower starts a process for every message to a node of a deployment. What answers imports PyTorch and prepares data,
which takes longer than most messages: a node whose config has ``resident`` has a process that stays do it
(``client.daemon.socket``), and this one imports nothing heavy. Everywhere else the answer is made here.
"""

import os

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from client.daemon.socket import RESIDENT, ask

app = ClientApp()


@app.query()
@app.query("census")
@app.query("keys")
@app.query("shares")
@app.query("unmask")
@app.train()
@app.evaluate()
def answer(message: Message, context: Context) -> Message:
    """Answer a message; ``client.answering`` has a function for each kind."""
    if folder := str(context.node_config.get(RESIDENT, "")):
        return ask(folder, message, context)
    from client.answering import app as within

    return within(message, context)


def ready(context: Context) -> None:
    """Make what every message needs before the first comes. An error is reported in the answer to a message."""
    from client.answering import ready as make_ready

    make_ready(context)
