"""Errors for people: one message that names the value, what is allowed, and the flag."""


class BadInput(ValueError):
    """What the user gave cannot be used; the command ends with exit code 2 and nothing is lost."""


class Taken(BadInput):
    """A folder that was to be made is there already."""


class RunFailed(RuntimeError):
    """A run ended early; its record holds the finished rounds."""


class RunDiverged(RunFailed):
    """Training left the finite numbers."""


class StopRun(Exception):
    """Raised by a callback: the run ends after the round that is finished, its record is closed, and can go on."""
