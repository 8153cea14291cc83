"""The hand that moves the core: it wakes when something is due, performs effects and keeps what has changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from emr_emulator.clock import Clock
from emr_emulator.cluster import Cluster
from emr_emulator.fleet import Fleet
from emr_emulator.state import Store
from emr_emulator.states import StepState
from emr_emulator.steps import Step
from emr_emulator.values import Effect, Ending, Failure, StartAction, StartStep, StopAll, StopStep
from emr_emulator.work import BootstrapWork, Executor, Outcome, StepWork

_logger = logging.getLogger(__name__)
_STOPPED = Ending(after=0.0, state=StepState.CANCELLED)

WorkKey = tuple[str, str | int]  # cluster id, and step id or bootstrap action number


class Driver:
    """Drives one fleet. Without an executor nothing is run, and the core's schedule is all there is."""

    def __init__(
        self, fleet: Fleet, clock: Clock, *, executor: Executor | None = None, store: Store | None = None
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._executor = executor
        self._store = store
        self._wake = asyncio.Event()
        self._work: dict[WorkKey, asyncio.Task[None]] = {}
        self._is_closing = False

    async def run(self) -> None:
        """Drive until cancelled."""
        while True:
            self.settle()
            self._wake.clear()
            due = self._fleet.next_due()
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - self._clock.now())):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def settle(self) -> None:
        """Pass what is due, start and stop work, keep changes: what is answered after this survives a restart."""
        self._fleet.advance(self._clock.now())
        for effect in self._fleet.take_effects():
            self._perform(effect)
        self._keep()
        self._wake.set()

    async def reset(self) -> None:
        """Kill all work and forget every cluster."""
        for effect in self._fleet.clear():
            self._perform(effect)
        await asyncio.gather(*self._work.values(), return_exceptions=True)
        if self._store is not None:
            self._store.clear()
        self._wake.set()

    async def close(self) -> None:
        """Kill all work. Its steps stay as they are, and a later start on the same data finds them lost."""
        self._is_closing = True
        for task in self._work.values():
            task.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)
        self._keep()

    def _keep(self) -> None:
        if self._store is not None:
            for cluster_id in self._fleet.changed:
                cluster = self._fleet.find(cluster_id)
                if cluster is not None:
                    self._store.save(cluster.record)
        self._fleet.changed.clear()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StartStep(cluster_id=cluster_id, step_id=step_id):
                cluster = self._fleet.find(cluster_id)
                step = None if cluster is None else cluster.find_step(step_id)
                # A step that was called off since has nothing to start.
                if cluster is not None and step is not None and step.has_process:
                    self._start((cluster_id, step_id), self._run_step(cluster, step))
            case StartAction(cluster_id=cluster_id, number=number):
                cluster = self._fleet.find(cluster_id)
                if cluster is not None and cluster.is_alive:
                    self._start((cluster_id, number), self._run_action(cluster, number))
            case StopStep(cluster_id=cluster_id, step_id=step_id):
                self._stop(cluster_id, step_id)
            case StopAll(cluster_id=cluster_id):
                for key in [key for key in self._work if key[0] == cluster_id]:
                    self._work[key].cancel()

    def _start(self, key: WorkKey, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine, name=f"work {key[0]} {key[1]}")
        self._work[key] = task
        task.add_done_callback(lambda _: self._work.pop(key, None))

    def _stop(self, cluster_id: str, step_id: str) -> None:
        task = self._work.get((cluster_id, step_id))
        if task is not None:
            task.cancel()
            return
        # The start and the stop came in one breath: nothing runs, so nothing will report.
        cluster = self._fleet.find(cluster_id)
        if cluster is not None:
            self._report_step(cluster, step_id, _STOPPED)

    async def _run_step(self, cluster: Cluster, step: Step) -> None:
        request = step.request
        work = StepWork(
            cluster_id=cluster.id,
            step_id=step.id,
            name=request.name,
            jar=request.jar,
            main_class=request.main_class,
            arguments=request.arguments,
            properties=request.properties,
            log_uri=cluster.record.request.log_uri,
            release_label=cluster.record.request.release_label,
        )
        ending = _STOPPED
        try:
            ending = _to_ending(await self._call(lambda executor: executor.run_step(work)))
        finally:
            if not self._is_closing:
                self._report_step(cluster, step.id, ending)

    async def _run_action(self, cluster: Cluster, number: int) -> None:
        request = cluster.record.request.bootstrap[number - 1]
        work = BootstrapWork(
            cluster_id=cluster.id,
            number=number,
            name=request.name,
            path=request.path,
            arguments=request.arguments,
            log_uri=cluster.record.request.log_uri,
            instance_id=cluster.record.master_instance,
        )
        ending = _to_ending(await self._call(lambda executor: executor.run_bootstrap(work)))
        with self._fleet.changing(self._clock.now(), cluster):
            cluster.action_ended(self._clock.now(), number, ending)
        self.settle()

    def _report_step(self, cluster: Cluster, step_id: str, ending: Ending) -> None:
        if self._fleet.find(cluster.id) is not cluster:
            return
        now = self._clock.now()
        with self._fleet.changing(now, cluster):
            cluster.step_ended(now, step_id, ending)
        self.settle()

    async def _call(self, run: Callable[[Executor], Awaitable[Outcome]]) -> Outcome:
        if self._executor is None:
            return Outcome(succeeded=False, message="emr-emulator simulates: it can't run what was started for real")
        try:
            return await run(self._executor)
        except Exception as error:
            _logger.exception("running a piece of work failed")
            return Outcome(succeeded=False, reason="Internal Error.", message=f"emr-emulator: {error!r}")


def _to_ending(outcome: Outcome) -> Ending:
    if outcome.succeeded:
        return Ending(after=0.0)
    failure = Failure(reason=outcome.reason, message=outcome.message, log_file=outcome.log_file)
    return Ending(after=0.0, state=StepState.FAILED, failure=failure)
