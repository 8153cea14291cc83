"""The journal: the truth about every run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from dataflow_runner.jobs.ids import InstanceId, RunId
from dataflow_runner.jobs.lock import Locks
from dataflow_runner.jobs.record import Entry, Request, RunRecord


class Journal(Protocol):
    """Keeps runs, their history, requests and named locks.

    One contract suite holds for every implementation. A method raises StoreUnavailable when the same call may
    succeed later, JournalBroken when it never will.
    """

    @property
    def place(self) -> str:
        """How a user names this journal: 'sqlite:/path', 'memory:'."""

    @property
    def locks(self) -> Locks:
        """The named locks that live in this journal."""

    async def journal_id(self) -> str:
        """An id made once per journal: the tag by which its clusters are known."""

    async def register(self, now: datetime) -> InstanceId:
        """Begin to drive runs as a new instance; it counts as living until release_instance or the process's end."""

    async def release_instance(self, instance: InstanceId) -> None:
        """Stop being that instance: its runs are handed back, for anybody to claim at once."""

    async def is_living(self, instance: InstanceId) -> bool:
        """Whether an instance still drives its runs; False once they may be claimed."""

    async def create(self, record: RunRecord, entry: Entry) -> bool:
        """Add a run; False, and nothing written, when the run id is taken."""

    async def load(self, run_id: RunId) -> RunRecord:
        """The run as it stands; UnknownRun when there is none."""

    async def save(self, record: RunRecord, entry: Entry) -> None:
        """Write state and a line of history in one step; LeaseLost unless owner and fence are still the record's."""

    async def claim(self, run_id: RunId, instance: InstanceId, now: datetime) -> RunRecord:
        """Take over a run that nobody living drives, raising its fence; RunHeld when its owner lives, UnknownRun."""

    async def hand_back(self, record: RunRecord, entry: Entry) -> None:
        """Stop driving a run without ending it; LeaseLost as save."""

    async def list_runs(self, *, limit: int = 50, live_only: bool = False) -> Sequence[RunRecord]:
        """Runs, newest first."""

    async def history(self, run_id: RunId) -> Sequence[Entry]:
        """The run's lines of history, oldest first; UnknownRun."""

    async def request(self, run_id: RunId, request: Request) -> None:
        """Put a request in the run's box; UnknownRun."""

    async def requests(self, run_id: RunId) -> Sequence[Request]:
        """What was asked of the run, oldest first."""

    async def close(self) -> None:
        """Let go of files and connections. Safe to call twice."""
