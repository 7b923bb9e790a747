"""How numbers are written for people."""


def digits(value: float, places: int = 3, sign: str = "", most: float = 10.0) -> str:
    """Write a number in at most ten characters: with ``places`` decimals, or three digits from ``most`` on.

    Args:
        value: The number.
        places: Decimals, 3 at most.
        sign: ``+`` for a sign before a positive number, too.
        most: 1000 at most.
    """
    return f"{value:{sign}.{places}f}" if abs(value) < most else f"{value:{sign}.3g}"
