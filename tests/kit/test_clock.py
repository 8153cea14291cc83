from __future__ import annotations

from datetime import UTC, timedelta

from dataflow_runner.kit.clock import SystemClock


async def test_the_systems_clock_is_in_utc_and_does_not_wait_for_the_past() -> None:
    clock = SystemClock()
    now = clock.now()
    assert now.tzinfo is UTC
    await clock.sleep_until(now - timedelta(hours=1))
    until = clock.now() + timedelta(milliseconds=20)
    await clock.sleep_until(until)
    assert clock.now() >= until
