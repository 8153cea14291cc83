"""AWS's default request quotas, as token buckets (``--quotas``).

Burst and refill per second of an account in one region, and one bucket that all calls share.
"""

from dataclasses import dataclass

_ALL = "all"
QUOTAS: dict[str, tuple[float, float]] = {
    "RunJobFlow": (10, 0.5),
    "AddJobFlowSteps": (10, 0.5),
    "CancelSteps": (10, 0.5),
    "DescribeStep": (10, 0.5),
    "ListSteps": (10, 0.5),
    "ModifyCluster": (10, 0.5),
    "TerminateJobFlows": (10, 0.5),
    "DescribeCluster": (10, 1.0),
    "ListClusters": (20, 0.5),
    "SetTerminationProtection": (5, 0.2),
    "AddTags": (5, 0.5),
    _ALL: (25, 5.0),
}


@dataclass(slots=True)
class _Bucket:
    burst: float
    refill: float
    tokens: float
    at: float

    def fill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.refill)
        self.at = now


class Quotas:
    """The buckets of one account, region by region."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, now: float, region: str, action: str) -> bool:
        """Take a token of the action's bucket and of the shared one; False when either is empty."""
        buckets = [self._find(now, region, name) for name in (action, _ALL) if name in QUOTAS]
        if any(bucket.tokens < 1 for bucket in buckets):
            return False
        for bucket in buckets:
            bucket.tokens -= 1
        return True

    def _find(self, now: float, region: str, name: str) -> _Bucket:
        burst, refill = QUOTAS[name]
        bucket = self._buckets.setdefault((region, name), _Bucket(burst, refill, burst, now))
        bucket.fill(now)
        return bucket
