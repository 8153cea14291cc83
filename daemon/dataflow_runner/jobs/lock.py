"""Named locks: one run at a time under a name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dataflow_runner.jobs.ids import ClusterId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds a lock, in enough detail to find them."""

    run_id: RunId
    """Empty when the lock was taken by another program that doesn't say."""
    owner: str
    """'user@host, process 123' say."""
    taken_at: datetime | None
    """None where the place of the lock doesn't tell."""
    hard: bool = False
    cluster_id: ClusterId | None = None
    """The cluster that runs under the lock, once it is known."""

    def __str__(self) -> str:
        run = f"run {self.run_id}" if self.run_id else "another program"
        cluster = f" on cluster {self.cluster_id}" if self.cluster_id else ""
        since = f", since {self.taken_at:%Y-%m-%d %H:%M:%S} UTC" if self.taken_at else ""
        return f"{run}{cluster} ({self.owner}{since})"


class Locks(Protocol):
    """A place where locks live. Taking one is atomic, and taking one's own again changes nothing but its cluster."""

    async def acquire(self, name: str, holder: LockHolder) -> LockHolder:
        """Take a lock; the caller holds it when the answer's run_id is its own, else the answer says who does."""

    async def release(self, name: str, run_id: RunId) -> bool:
        """Let go of a lock that the run holds; False, and nothing changed, when it doesn't."""

    async def holder(self, name: str) -> LockHolder | None:
        """Who holds a lock now."""

    async def break_lock(self, name: str) -> LockHolder | None:
        """Free a lock whoever holds it, and tell who did: a user's decision, never the runner's."""
