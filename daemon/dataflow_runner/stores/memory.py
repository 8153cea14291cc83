"""A journal that lives and dies with its process: the twin of those on disk."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from dataflow_runner.errors import LeaseLost, RunHeld, UnknownRun
from dataflow_runner.jobs.ids import InstanceId, RunId
from dataflow_runner.jobs.lock import LockHolder
from dataflow_runner.jobs.record import Entry, Request, RunRecord
from dataflow_runner.stores.holders import is_held_by, renew


@dataclass(slots=True)
class _Run:
    record: RunRecord
    place: int
    """Rises from run to run, for order among runs of one instant."""
    history: list[Entry] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)


class MemoryLocks:
    """Named locks of one process.

    A soft lock whose run has ended may be taken over: only a crash between a run's end and its release leaves one.
    """

    def __init__(self, has_ended: Callable[[RunId], bool]) -> None:
        self._has_ended = has_ended
        self._held: dict[str, LockHolder] = {}

    async def acquire(self, name: str, holder: LockHolder) -> LockHolder:
        """Take a lock; see Locks."""
        held = self._held.get(name)
        if held is not None and is_held_by(held, holder.run_id):
            self._held[name] = renew(held, holder)
        elif held is None or (not held.hard and self._has_ended(held.run_id)):
            self._held[name] = holder
        return self._held[name]

    async def release(self, name: str, run_id: RunId) -> bool:
        """Let go of a run's lock; see Locks."""
        held = self._held.get(name)
        if held is None or not is_held_by(held, run_id):
            return False
        del self._held[name]
        return True

    async def holder(self, name: str) -> LockHolder | None:
        """Who holds a lock now."""
        return self._held.get(name)

    async def break_lock(self, name: str) -> LockHolder | None:
        """Free a lock whoever holds it, and tell who did."""
        return self._held.pop(name, None)


class MemoryJournal:
    """Keeps runs for as long as the process lives.

    No method waits for anything, so each is one step to every task of the loop. Closing it ends the lives of its
    instances and keeps the runs.
    """

    def __init__(self) -> None:
        self._id = secrets.token_hex(8)
        self._runs: dict[RunId, _Run] = {}
        self._places = count()
        self._living: set[InstanceId] = set()
        self._locks = MemoryLocks(self._has_ended)

    @property
    def place(self) -> str:
        """Always 'memory:'."""
        return "memory:"

    @property
    def locks(self) -> MemoryLocks:
        """The named locks that live in this journal."""
        return self._locks

    async def journal_id(self) -> str:
        """An id made once per journal."""
        return self._id

    async def register(self, now: datetime) -> InstanceId:
        """Begin to drive runs as a new instance."""
        instance = InstanceId(f"memory-{now:%H%M%S}-{secrets.token_hex(6)}")
        self._living.add(instance)
        return instance

    async def release_instance(self, instance: InstanceId) -> None:
        """Stop being that instance and hand back its runs. One that isn't living any more is left as it is."""
        if instance not in self._living:
            return
        for run in self._runs.values():
            if run.record.owner == instance:
                run.record = replace(run.record, owner=None)
        self._living.remove(instance)

    def kill(self, instance: InstanceId) -> None:
        """End an instance's life as a kill -9 would: its runs stay under its name, and may be claimed."""
        self._living.discard(instance)

    async def create(self, record: RunRecord, entry: Entry) -> bool:
        """Add a run; see Journal."""
        if record.run_id in self._runs:
            return False
        self._runs[record.run_id] = _Run(record, next(self._places), [entry])
        return True

    async def load(self, run_id: RunId) -> RunRecord:
        """The run as it stands."""
        return self._find(run_id).record

    async def save(self, record: RunRecord, entry: Entry) -> None:
        """Write state and a line of history, unless another owns the run."""
        self._write(record, record.owner, entry)

    async def hand_back(self, record: RunRecord, entry: Entry) -> None:
        """Stop driving a run without ending it."""
        self._write(record, None, entry)

    async def is_living(self, instance: InstanceId) -> bool:
        """Whether an instance has neither been released nor killed."""
        return instance in self._living

    async def claim(self, run_id: RunId, instance: InstanceId, now: datetime) -> RunRecord:
        """Take over a run that nobody living drives."""
        run = self._find(run_id)
        owner = run.record.owner
        if owner is not None and owner in self._living:
            raise RunHeld(run_id, owner)
        run.record = replace(run.record, owner=instance, fence=run.record.fence + 1, updated_at=now)
        return run.record

    async def list_runs(self, *, limit: int = 50, live_only: bool = False) -> Sequence[RunRecord]:
        """Runs, newest first; of one instant, the last added first."""
        runs = sorted(self._runs.values(), key=lambda run: (run.record.created_at, run.place), reverse=True)
        records = tuple(run.record for run in runs if not (live_only and run.record.has_ended))
        return records[: max(limit, 0)]

    async def history(self, run_id: RunId) -> Sequence[Entry]:
        """The run's lines of history, in the order in which they were written."""
        return tuple(self._find(run_id).history)

    async def request(self, run_id: RunId, request: Request) -> None:
        """Put a request in the run's box."""
        self._find(run_id).requests.append(request)

    async def requests(self, run_id: RunId) -> Sequence[Request]:
        """What was asked of the run, in the order in which it was; nothing for a run that there isn't."""
        run = self._runs.get(run_id)
        return tuple(run.requests) if run else ()

    async def close(self) -> None:
        """End the lives of the instances."""
        self._living.clear()

    def _has_ended(self, run_id: RunId) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.record.has_ended

    def _find(self, run_id: RunId) -> _Run:
        try:
            return self._runs[run_id]
        except KeyError:
            raise UnknownRun(run_id, self.place) from None

    def _write(self, record: RunRecord, new_owner: InstanceId | None, entry: Entry) -> None:
        run = self._runs.get(record.run_id)
        if run is None or (run.record.owner, run.record.fence) != (record.owner, record.fence):
            raise LeaseLost(record.run_id)
        # What a run was created as stays: its job and the time of its creation are never rewritten.
        run.record = replace(record, job=run.record.job, created_at=run.record.created_at, owner=new_owner)
        run.history.append(entry)
