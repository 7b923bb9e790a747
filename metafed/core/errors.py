"""Errors whose message is for who gave bad data or settings."""


class DataError(ValueError):
    """A data set is missing, damaged or too small; the message says which file and what to do."""


class SettingError(ValueError):
    """A keyword is unknown or its value not allowed; the message names it, what is allowed, and a near miss."""
