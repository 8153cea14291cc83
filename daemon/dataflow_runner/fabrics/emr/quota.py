"""Keeping to EMR's API quotas: a token bucket per API, one for all calls together, slower after a throttle.

EMR counts calls per account and region, so the quotas here are shared with everybody else who uses the account; a
throttle says that they use it, and this program gives way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dataflow_runner.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How often a call may be made."""

    burst: float
    """Calls at once, after a quiet time."""
    per_second: float
    """Calls a second for as long as one likes."""


QUOTAS: Mapping[str, Quota] = {
    "RunJobFlow": Quota(burst=10, per_second=0.5),
    "AddJobFlowSteps": Quota(burst=10, per_second=0.5),
    "CancelSteps": Quota(burst=10, per_second=0.5),
    "DescribeStep": Quota(burst=10, per_second=0.5),
    "ListSteps": Quota(burst=10, per_second=0.5),
    "ModifyCluster": Quota(burst=10, per_second=0.5),
    "TerminateJobFlows": Quota(burst=10, per_second=0.5),
    "DescribeCluster": Quota(burst=10, per_second=1.0),
    "ListClusters": Quota(burst=20, per_second=0.5),
    "SetTerminationProtection": Quota(burst=5, per_second=0.2),
    "AddTags": Quota(burst=5, per_second=0.5),
}
"""AWS's defaults, per account and region. An account may have been given more: QuotaSettings.overrides."""

ALL_CALLS = Quota(burst=25, per_second=5)
"""Every EMR call of an account together."""

OTHER_CALL = Quota(burst=5, per_second=0.5)
"""An API whose quota isn't published, PutAutoTerminationPolicy say."""

_URGENT = frozenset({"RunJobFlow", "AddJobFlowSteps", "CancelSteps", "TerminateJobFlows", "SetTerminationProtection"})
"""Calls that looking must never hold up."""
_RESERVED_SHARE = 0.2
"""The part of the common bucket that looking leaves to them."""
_LEAST_PACE = 1 / 16
_RECOVERY = timedelta(minutes=10)
"""How long a call that was throttled to a stop takes to be back at full pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """How much of an account's quotas this process may use."""

    share: float = 1.0
    """Part of every quota, above 0 and at most 1: several instances on one account divide it among themselves."""
    overrides: Mapping[str, Quota] = field(default_factory=dict)
    """Quotas of an account that differ from AWS's defaults, by API name; 'all' is the common one."""


class Bucket:
    """Tokens for one kind of call. Those who wait are served in order."""

    def __init__(self, clock: Clock, quota: Quota) -> None:
        self._clock = clock
        self._quota = quota
        self._tokens = quota.burst
        self._counted_at = clock.now()
        self._pace = 1.0
        self._lines = (asyncio.Lock(), asyncio.Lock())

    @property
    def interval(self) -> timedelta:
        """The time between two calls at the present pace."""
        return timedelta(seconds=1 / (self._quota.per_second * self._pace))

    async def take(self, *, leaving: float = 0) -> None:
        """Wait until a call may be made; with `leaving`, until so many tokens are left for others after it.

        Those who leave some for others wait in a line of their own, so that they never hold up those who needn't.
        """
        async with self._lines[leaving > 0]:
            while (missing := 1 + leaving - self._count()) > 0:
                # Rounded up: a clock of whole microseconds would otherwise be asked to wait for none.
                await self._clock.sleep_until(self._clock.now() + missing * self.interval + timedelta(microseconds=1))
            self._tokens -= 1

    def slow_down(self) -> None:
        """Half the pace, and nothing before one interval has passed: the answer to a throttle."""
        self._count()
        self._pace = max(_LEAST_PACE, self._pace / 2)
        self._tokens = min(self._tokens, 0.0)

    def _count(self) -> float:
        now: datetime = self._clock.now()
        # A wall clock can be set back; time that was lived through already brings no tokens a second time.
        elapsed = max(timedelta(), now - self._counted_at)
        self._counted_at = now
        refilled = self._tokens + elapsed / self.interval
        self._tokens = min(self._quota.burst, refilled)
        self._pace = min(1.0, self._pace + elapsed / _RECOVERY)
        return self._tokens


class Buckets:
    """Every bucket of an account and region."""

    def __init__(self, clock: Clock, settings: QuotaSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or QuotaSettings()
        common = self._share_of(self._settings.overrides.get("all", ALL_CALLS))
        self._common = Bucket(clock, common)
        self._reserve = min(common.burst * _RESERVED_SHARE, common.burst - 1)
        self._by_call: dict[str, Bucket] = {}

    async def take(self, call: str) -> None:
        """Wait until an API may be called."""
        await self._bucket(call).take()
        await self._common.take(leaving=0 if call in _URGENT else self._reserve)

    def throttled(self, call: str) -> None:
        """Tell that EMR throttled an API."""
        self._bucket(call).slow_down()

    def interval(self, call: str) -> timedelta:
        """The time between two calls of an API at the present pace: what a poller plans by."""
        return self._bucket(call).interval

    def _bucket(self, call: str) -> Bucket:
        if call not in self._by_call:
            quota = self._settings.overrides.get(call) or QUOTAS.get(call, OTHER_CALL)
            self._by_call[call] = Bucket(self._clock, self._share_of(quota))
        return self._by_call[call]

    def _share_of(self, quota: Quota) -> Quota:
        share = self._settings.share
        return Quota(burst=max(1.0, quota.burst * share), per_second=quota.per_second * share)
