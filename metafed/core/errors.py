"""The error of bad data, whose message is for who gave them."""


class DataError(ValueError):
    """A data set is missing, damaged or too small; the message says which file and what to do."""
