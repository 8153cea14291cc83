"""Performs the effects that may be repeated: looks, checks, locks, cancels, endings, logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dataflow_runner.fabrics.base import ClusterQuery, ClusterView, Fabric, LogFile, StepView
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.jobs.lock import LockHolder, Locks
from dataflow_runner.jobs.record import LockRequest
from dataflow_runner.kit.clock import Clock
from dataflow_runner.runs import events as ev
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import State
from dataflow_runner.specs.model import Check

LockPlace = Callable[[LockRequest], Locks]
"""Where a lock lives."""

_EXPECTED_LOGS = frozenset({"controller", "stderr"})
"""The logs that every step leaves: when these have come, EMR has shipped what there is."""


class Observer(Protocol):
    """Who is told what happens to a run while it happens."""

    def changed(self, plan: Plan, state: State, lines: Sequence[str]) -> None:
        """Something is different; the lines say what."""

    def troubled(self, message: str) -> None:
        """A call failed and will be made again, or is given up without harm."""

    def logs(self, step_id: StepId, file: LogFile) -> None:
        """A log of a failed step has come; each is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run has to do with, beside its journal."""

    fabric: Fabric
    lock_place: LockPlace
    clock: Clock
    observer: Observer
    redact: Callable[[str], str]
    """Takes secrets out of a text that came from elsewhere."""


class Hands:
    """One method for each effect; errors of the fabric and the locks pass through."""

    def __init__(self, plan: Plan, surroundings: Surroundings) -> None:
        self._plan = plan
        self._fabric = surroundings.fabric
        self._lock_place = surroundings.lock_place
        self._clock = surroundings.clock
        self._observer = surroundings.observer
        self._redact = surroundings.redact
        self._logs_shown: set[tuple[StepId, str]] = set()

    async def perform(self, effect: ev.Effect) -> ev.Event:  # noqa: PLR0911 - one return for each effect
        """Perform an effect and say what came of it."""
        match effect:
            case ev.TakeLock(lock=lock):
                return await self._take_lock(lock)
            case ev.CheckPreconditions():
                return await self._check(effect)
            case ev.FindClusters():
                query = ClusterQuery(name=effect.name, tags=effect.tags, created_since=effect.since)
                found = await self._fabric.find_clusters(query)
                return ev.ClustersFound(clusters=tuple(map(self._clean_cluster, found)))
            case ev.Look():
                return await self._look(effect)
            case ev.CancelSteps():
                return await self._cancel_steps(effect)
            case ev.TagCluster():
                return await self._tag(effect)
            case ev.Terminate(cluster_id=cluster_id):
                await self._fabric.terminate(cluster_id, lift_protection=True)
                return ev.TerminateSent(cluster_id=cluster_id)
            case ev.ReleaseLocks():
                for lock in effect.locks:
                    await self._lock_place(lock).release(lock.name, self._plan.run_id)
                return ev.LocksReleased()
            case ev.FetchLogs():
                return await self._fetch_logs(effect)
            case ev.Launch() | ev.Submit():
                raise AssertionError("what can't be repeated is the conductor's to do")

    async def write_cluster_on_locks(self, cluster_id: ClusterId, held: Sequence[LockRequest]) -> None:
        """Let those who find the locks held find the cluster that runs under them."""
        for lock in held:
            await self._lock_place(lock).acquire(lock.name, self._holder(lock, cluster_id))

    def _holder(self, lock: LockRequest, cluster_id: ClusterId | None) -> LockHolder:
        return LockHolder(
            run_id=self._plan.run_id,
            owner=self._plan.owner,
            taken_at=self._clock.now(),
            hard=lock.hard,
            cluster_id=cluster_id,
        )

    async def _take_lock(self, lock: LockRequest) -> ev.Event:
        holder = await self._lock_place(lock).acquire(lock.name, self._holder(lock, self._plan.cluster_id))
        if holder.run_id == self._plan.run_id:
            return ev.LockTaken()
        if lock.wait:
            self._observer.troubled(f"waiting for the lock {lock.name!r}, held by {holder}")
        return ev.LockRefused(lock=lock, holder=str(holder))

    async def _check(self, effect: ev.CheckPreconditions) -> ev.Event:
        for precondition in effect.preconditions:
            has_data = await self._fabric.has_data(precondition.place, precondition.pattern)
            if has_data is not (precondition.check is Check.S3_NOT_EMPTY):
                return ev.PreconditionUnmet(precondition=precondition)
        return ev.PreconditionsMet()

    async def _look(self, effect: ev.Look) -> ev.Event:
        cluster = await self._fabric.describe(effect.cluster_id) if effect.cluster else None
        steps = await self._fabric.list_steps(effect.cluster_id) if effect.steps else None
        return ev.Seen(
            cluster_id=effect.cluster_id,
            cluster=self._clean_cluster(cluster) if cluster else None,
            steps=None if steps is None else tuple(map(self._clean_step, steps)),
            is_unknown=(effect.cluster and cluster is None) or (effect.steps and steps is None),
        )

    def _clean_cluster(self, view: ClusterView) -> ClusterView:
        """What the fabric echoes may hold a secret: it is taken out before anything is made of it."""
        return replace(view, reason=self._redact(view.reason))

    def _clean_step(self, view: StepView) -> StepView:
        return replace(view, reason=self._redact(view.reason), message=self._redact(view.message))

    async def _cancel_steps(self, effect: ev.CancelSteps) -> ev.Event:
        refused = await self._fabric.cancel_steps(effect.cluster_id, effect.step_ids)
        for step_id, reason in refused.items():
            self._observer.troubled(f"step {step_id} can't be cancelled: {reason}")
        return ev.CancelSent(refused=refused)

    async def _tag(self, effect: ev.TagCluster) -> ev.Event:
        if effect.keep_for:
            await self._fabric.set_auto_termination(effect.cluster_id, effect.keep_for)
        await self._fabric.tag(effect.cluster_id, effect.tags)
        return ev.Tagged(is_kept=effect.keep_for is not None)

    async def _fetch_logs(self, effect: ev.FetchLogs) -> ev.Event:
        """Tell the observer the logs that have come since the last look."""
        are_complete = True
        for step_id in effect.step_ids:
            files = await self._fabric.fetch_logs(effect.log_uri, effect.cluster_id, step_id)
            for file in files:
                if (step_id, file.name) not in self._logs_shown:
                    self._logs_shown.add((step_id, file.name))
                    self._observer.logs(step_id, replace(file, text=self._redact(file.text)))
            are_complete = are_complete and {file.name for file in files} >= _EXPECTED_LOGS
        return ev.LogsFetched(are_complete=are_complete)
