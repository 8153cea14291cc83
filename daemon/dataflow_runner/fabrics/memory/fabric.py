"""The memory fabric: a wire that may fail, in front of a world that follows its rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from dataflow_runner.errors import NotSent, Refused, Unanswered, Unavailable
from dataflow_runner.fabrics.base import Call, ClusterQuery, ClusterView, LaunchRequest, LogFile, StepRequest, StepView
from dataflow_runner.fabrics.memory.life import Life
from dataflow_runner.fabrics.memory.script import Script, WireFault, WireTrouble
from dataflow_runner.fabrics.memory.world import World
from dataflow_runner.fabrics.places import ObjectFilter, read_place
from dataflow_runner.fabrics.query import matches
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.kit.clock import Clock

Made = TypeVar("Made")
Do = Callable[[timedelta | None], Made]
"""Carries a create out, now (None) or so much later."""


class MemoryFabric:
    """A Fabric on a clock and a script. Its world stays when a caller dies, so another may go on with it."""

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        self._clock = clock
        self.world = World(clock, script or Script())

    @property
    def name(self) -> str:
        """See Fabric.name."""
        return "memory"

    async def launch(self, request: LaunchRequest) -> ClusterId:
        """See Fabric.launch."""
        return await self._create("launch", lambda delay: self.world.launch(request, delay=delay))

    async def submit(
        self,
        cluster_id: ClusterId,
        steps: Sequence[StepRequest],
        overlay: Mapping[str, object],
    ) -> tuple[StepId, ...]:
        """See Fabric.submit."""
        return await self._create("submit", lambda delay: self.world.submit(cluster_id, steps, delay=delay))

    async def describe(self, cluster_id: ClusterId) -> ClusterView | None:
        """See Fabric.describe."""
        await self._ask("describe")
        life = self._shown().get(cluster_id)
        return life.view() if life else None

    async def list_steps(self, cluster_id: ClusterId) -> tuple[StepView, ...] | None:
        """See Fabric.list_steps."""
        await self._ask("list_steps")
        life = self._shown().get(cluster_id)
        return tuple(step.view() for step in life.steps) if life else None

    async def find_clusters(self, query: ClusterQuery) -> tuple[ClusterView, ...]:
        """See Fabric.find_clusters."""
        await self._ask("find_clusters")
        views = [life.view() for life in self._shown().values()]
        return tuple(view for view in views if matches(view, query))

    async def cancel_steps(self, cluster_id: ClusterId, step_ids: Sequence[StepId]) -> Mapping[StepId, str]:
        """See Fabric.cancel_steps."""
        return await self._change("cancel_steps", lambda: self.world.cancel(cluster_id, step_ids))

    async def terminate(self, cluster_id: ClusterId, *, lift_protection: bool) -> None:
        """See Fabric.terminate."""
        await self._change("terminate", lambda: self.world.terminate(cluster_id, lift_protection=lift_protection))

    async def tag(self, cluster_id: ClusterId, tags: Mapping[str, str]) -> None:
        """See Fabric.tag."""
        await self._change("tag", lambda: self.world.life(cluster_id).tags.update(tags))

    async def set_auto_termination(self, cluster_id: ClusterId, idle: timedelta) -> None:
        """See Fabric.set_auto_termination."""
        await self._change("set_auto_termination", lambda: self.world.set_idle_time(cluster_id, idle))

    async def has_data(self, place: str, pattern: str | None) -> bool:
        """See Fabric.has_data."""
        folder = read_place(place)
        counts = ObjectFilter(folder, pattern)
        await self._ask("has_data")
        found = [read_place(uri) for uri in self.world.objects]
        return any(
            there.bucket == folder.bucket
            and there.key.startswith(folder.folder)
            and counts.accepts(there.key, 0 if there.key.endswith("/") else 1)
            for there in found
        )

    async def fetch_logs(self, log_uri: str, cluster_id: ClusterId, step_id: StepId) -> tuple[LogFile, ...]:
        """See Fabric.fetch_logs."""
        root = read_place(log_uri)
        await self._ask("fetch_logs")
        shipped_before = self._clock.now() - self.world.script.log_lag
        steps = [step for step in self.world.life(cluster_id).steps if step.step_id == step_id]
        folder = root.uri_of(f"{root.folder}{cluster_id}/steps/{step_id}")
        return tuple(
            LogFile(name=name, place=f"{folder}/{name}.gz", text=text)
            for step in steps
            if step.ended_at is not None and step.ended_at <= shipped_before
            for name, text in sorted(step.script.logs.items())
        )

    def preview_launch(self, request: LaunchRequest) -> tuple[Call, ...]:
        """See Fabric.preview_launch."""
        parameters = {
            "name": request.config.name,
            "keep_alive": request.keep_alive,
            "steps": [step.name for step in request.steps],
            "tags": dict(request.tags),
        }
        return (Call(service="memory", operation="launch", parameters=parameters),)

    def preview_submit(
        self, cluster_id: ClusterId, steps: Sequence[StepRequest], overlay: Mapping[str, object]
    ) -> tuple[Call, ...]:
        """See Fabric.preview_submit."""
        parameters = {"cluster_id": cluster_id, "steps": [step.name for step in steps], "overlay": dict(overlay)}
        return (Call(service="memory", operation="submit", parameters=parameters),)

    async def close(self) -> None:
        """See Fabric.close."""

    def _shown(self) -> dict[ClusterId, Life]:
        now: datetime = self._clock.now()
        return {life.cluster_id: life for life in self.world.lives() if life.is_shown(now)}

    async def _strike(self, call: str) -> WireFault | None:
        await asyncio.sleep(0)  # a call over a wire lets others run
        self.world.ledger.calls[call] += 1
        return self.world.script.trouble(call, self.world.ledger.calls[call])

    async def _create(self, call: str, do: Do[Made]) -> Made:
        fault = await self._strike(call)
        match fault.trouble if fault else None:
            case None:
                return do(None)
            case WireTrouble.NOT_SENT:
                raise NotSent(f"{call}: no connection", call=call)
            case WireTrouble.REFUSED:
                raise Refused(f"{call}: refused by the script", call=call, code="ValidationException")
            case WireTrouble.LOST_REQUEST:
                raise Unanswered(f"{call}: the connection was dropped", call=call)
            case WireTrouble.LOST_ANSWER:
                do(None)
                raise Unanswered(f"{call}: the connection was dropped", call=call)
            case WireTrouble.LATE:
                do(fault.delay if fault else None)
                raise Unanswered(f"{call}: no answer in time", call=call)
            case WireTrouble.THROTTLED:
                raise Unanswered(f"{call}: Rate exceeded", call=call, code="ThrottlingException")
            case WireTrouble.THROTTLED_BUT_DONE:
                do(None)
                raise Unanswered(f"{call}: Rate exceeded", call=call, code="ThrottlingException")

    async def _change(self, call: str, do: Callable[[], Made]) -> Made:
        fault = await self._strike(call)
        if fault and fault.trouble in {WireTrouble.LOST_ANSWER, WireTrouble.LATE, WireTrouble.THROTTLED_BUT_DONE}:
            do()
        _raise_of_repeatable(call, fault)
        return do()

    async def _ask(self, call: str) -> None:
        _raise_of_repeatable(call, await self._strike(call))


def _raise_of_repeatable(call: str, fault: WireFault | None) -> None:
    if fault is None:
        return
    if fault.trouble is WireTrouble.REFUSED:
        raise Refused(f"{call}: refused by the script", call=call, code="ValidationException")
    is_throttle = fault.trouble in {WireTrouble.THROTTLED, WireTrouble.THROTTLED_BUT_DONE}
    code = "ThrottlingException" if is_throttle else ""
    raise Unavailable(f"{call}: {code or 'no answer'}", call=call, code=code, throttled=is_throttle)
