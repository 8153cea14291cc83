"""Keeping to quotas, on a clock that costs no time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.fabrics.clocks import LeapingClock

from dataflow_runner.fabrics.emr.quota import Bucket, Buckets, Quota, QuotaSettings


async def _time_of(clock: LeapingClock, buckets: Buckets, call: str, times: int) -> float:
    before = clock.since_start()
    for _ in range(times):
        await buckets.take(call)
    return clock.since_start() - before


async def test_a_burst_passes_at_once_and_the_rest_at_the_quotas_pace() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    assert await _time_of(clock, buckets, "ListSteps", 10) == 0
    assert await _time_of(clock, buckets, "ListSteps", 5) == pytest.approx(10, abs=0.01)


async def test_apis_dont_wait_for_each_other() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    await _time_of(clock, buckets, "ListSteps", 10)
    assert await _time_of(clock, buckets, "DescribeCluster", 10) == 0


async def test_all_calls_together_have_a_quota_too() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    for call in ("ListSteps", "DescribeCluster", "ListClusters"):
        await _time_of(clock, buckets, call, 10)
    # 20 of the 25 for all may be spent on looking; the other ten calls come at 5 a second.
    assert clock.since_start() == pytest.approx(2, abs=0.01)


async def test_looking_leaves_room_for_what_cant_wait() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    for call in ("DescribeCluster", "ListClusters"):
        await _time_of(clock, buckets, call, 10)
    assert await _time_of(clock, buckets, "TerminateJobFlows", 5) == 0


async def test_a_throttle_halves_the_pace_and_nothing_comes_before_one_interval() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    await buckets.take("ListSteps")
    buckets.throttled("ListSteps")
    assert buckets.interval("ListSteps") == timedelta(seconds=4)
    assert await _time_of(clock, buckets, "ListSteps", 1) == pytest.approx(4, abs=0.1)


async def test_a_call_waiting_for_its_token_when_the_throttle_comes_waits_longer() -> None:
    clock = LeapingClock()
    bucket = Bucket(clock, Quota(burst=1, per_second=1))
    await bucket.take()
    waiting = asyncio.create_task(bucket.take())
    await asyncio.sleep(0)
    bucket.slow_down()
    await waiting
    assert clock.since_start() >= 1.9


async def test_the_pace_recovers_slowly_and_never_falls_below_a_sixteenth() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    for _ in range(20):
        buckets.throttled("ListSteps")
    assert buckets.interval("ListSteps") == timedelta(seconds=32)
    clock.leap(minutes=5)
    await buckets.take("ListSteps")
    assert timedelta(seconds=2) < buckets.interval("ListSteps") < timedelta(seconds=5)
    clock.leap(minutes=6)
    await buckets.take("ListSteps")
    assert buckets.interval("ListSteps") == timedelta(seconds=2)


async def test_a_clock_set_back_brings_no_tokens_twice() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock)
    await _time_of(clock, buckets, "ListSteps", 10)
    clock.leap(hours=-1)
    assert await _time_of(clock, buckets, "ListSteps", 1) == pytest.approx(2, abs=0.1)


async def test_a_share_and_another_quota_can_be_set() -> None:
    clock = LeapingClock()
    fast = QuotaSettings(share=0.5, overrides={"ListSteps": Quota(burst=4, per_second=8)})
    buckets = Buckets(clock, fast)
    assert await _time_of(clock, buckets, "ListSteps", 2) == 0
    assert await _time_of(clock, buckets, "ListSteps", 4) == pytest.approx(1, abs=0.01)
    assert buckets.interval("DescribeCluster") == timedelta(seconds=2)


async def test_the_smallest_share_still_lets_calls_through() -> None:
    clock = LeapingClock()
    buckets = Buckets(clock, QuotaSettings(share=0.01))
    await asyncio.wait_for(_time_of(clock, buckets, "ListSteps", 3), timeout=5)


async def test_a_waiter_that_is_cancelled_takes_no_token() -> None:
    clock = LeapingClock()
    bucket = Bucket(clock, Quota(burst=1, per_second=1))
    await bucket.take()
    waiting = asyncio.create_task(bucket.take())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await bucket.take()
    assert clock.since_start() == pytest.approx(1, abs=0.01)
