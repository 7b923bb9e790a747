"""How a deployment fails; each message is for people."""


class NotStarted(RuntimeError):
    """A process of the federation did not start; the message has the end of its log."""


class Refused(RuntimeError):
    """The SuperLink refused, or could not be reached; the message says which."""


class NodesMissing(RuntimeError):
    """Not all nodes joined in time."""


class RunEndedEarly(RuntimeError):
    """The run did not do what it was asked for; ``diverged`` says whether it left the finite numbers."""

    def __init__(self, message: str, diverged: bool = False) -> None:
        super().__init__(message)
        self.diverged = diverged


class Interrupted(RuntimeError):
    """The run was interrupted; the message says what there is of it."""
