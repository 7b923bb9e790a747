"""Results kept in memory up to a number of bytes; what was not used for longest goes first."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar, final

T = TypeVar("T")


@final
class Shelf(Generic[T]):
    """Remembers ``make(key)`` for the keys used last.

    Args:
        make: A pure function.
        weigh: Bytes that a result occupies.
        capacity: Bytes kept at most; a result that is larger is made anew every time.
    """

    def __init__(self, make: Callable[[int], T], weigh: Callable[[T], int], capacity: int) -> None:
        self._make, self._weigh, self._capacity = make, weigh, capacity
        self._kept: OrderedDict[int, tuple[T, int]] = OrderedDict()
        self.bytes = 0

    def __call__(self, key: int) -> T:
        """Return ``make(key)``, made now or remembered."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        result = self._make(key)
        weight = self._weigh(result)
        if weight <= self._capacity:
            self._kept[key] = (result, weight)
            self.bytes += weight
        while self.bytes > self._capacity:
            self.bytes -= self._kept.popitem(last=False)[1][1]
        return result
