"""Loads matplotlib without a screen: a notebook's choice of one, which what it starts inherits, may not be here."""

import os

_screen = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib

    matplotlib.rcParams  # noqa: B018  (an import that was put off happens when it is used)
finally:
    if _screen is not None:
        os.environ["MPLBACKEND"] = _screen
