"""Readers of real data sets, one a file. A new one is a ``Dataset`` and a line in its family's ``sources``."""

# a family names its readers and a reader is made of its family's base: families must come first,
# whichever of the two somebody imports
import metafed.families  # noqa: F401
