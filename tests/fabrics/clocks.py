"""A clock that tests move, and that moves by itself when somebody waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class LeapingClock:
    """Waiting costs no real time: the clock leaps to the instant that is waited for."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, instant: datetime) -> None:
        await asyncio.sleep(0)
        self._now = max(self._now, instant)

    def leap(self, **length: float) -> None:
        self._now += timedelta(**length)

    def since_start(self) -> float:
        return (self._now - START).total_seconds()
