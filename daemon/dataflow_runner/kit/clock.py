"""Time, so that tests need not wait for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until an instant; returns at once when it has passed."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until an instant by the wall clock, looking again at least once a minute in case the clock was set."""
        while (left := (instant - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left, 60))
