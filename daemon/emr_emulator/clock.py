"""What time it is: the only place that asks."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in seconds since the epoch."""

    def now(self) -> float:
        """Return the present."""


class WallClock:
    """The machine's clock, made to never go back: a cluster's history is in order even if the machine's time is set."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the present."""
        return time.monotonic() + self._offset


class HandClock:
    """A clock that moves when told to, for tests that don't sleep."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the present."""
        return self._now

    def pass_time(self, seconds: float) -> float:
        """Move on and return the new present."""
        self._now += seconds
        return self._now
