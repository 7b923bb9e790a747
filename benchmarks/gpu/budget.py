"""How long a part may take: it begins nothing that it has no time for, and says what it left out."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """What a part of the benchmark is given, and what it found so far.

    Attributes:
        device: Where to compute: cpu or cuda.
        seconds: Its time.
        quick: Tiny sizes, which try the code and measure nothing.
        data_dir: Where data sets lie, for the part that needs one.
        found: What it found so far.
        left_out: What it had no time for.
        tell: Called before each step, so that what was found outlives a process that is ended.
    """

    device: str
    seconds: float
    quick: bool = False
    data_dir: str = ""
    found: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    tell: Callable[["Part"], object] = lambda part: None
    _begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.monotonic() - self._begun)

    def begins(self, name: str, needs: float = 0.0) -> bool:
        """Say whether there is time for what takes ``needs`` seconds at least; else note that it is left out."""
        self.tell(self)
        if self.left > needs:
            return True
        self.left_out.append(name)
        return False
