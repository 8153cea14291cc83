"""Where the contract is played: one fabric each, with the same words for what is to go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from tests.fabrics import samples
from tests.fabrics.clocks import LeapingClock

from dataflow_runner.fabrics.base import ClusterState, ClusterView, Fabric, StepState, StepView
from dataflow_runner.fabrics.emr.calls import Persistence
from dataflow_runner.fabrics.emr.client import EmrFabric
from dataflow_runner.fabrics.emr.quota import QUOTAS, Quota, QuotaSettings
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession
from dataflow_runner.fabrics.memory import (
    ClusterScript,
    MemoryFabric,
    Script,
    StepScript,
    WireFault,
    WireTrouble,
    bootstrap_failure,
)
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.kit.clock import SystemClock
from emr_emulator.testing import EmulatorProcess

Found = TypeVar("Found")
LOST_ANSWER, LOST_REQUEST, THROTTLE = "lose-answer", "lose-request", "throttle"


@dataclass(frozen=True, kw_only=True)
class Going:
    """What is to happen by itself."""

    failing: Mapping[str, int] = field(default_factory=dict)
    """How often a step of that name fails before it completes."""
    trouble: tuple[str, str] | None = None
    """A method of the fabric and what becomes of its calls, the first of a create and every one of a look."""
    boot_failure: str = ""
    hidden: bool = False


class Stage(Protocol):
    """A fabric with its time."""

    fabric: Fabric

    async def wait(self) -> None:
        """Let some time pass."""

    def put(self, uri: str) -> None:
        """Put an object into S3."""


async def until_cluster(stage: Stage, cluster_id: ClusterId, *states: ClusterState) -> ClusterView:
    """Look until a cluster is in one of these states."""

    async def look() -> ClusterView | None:
        view = await stage.fabric.describe(cluster_id)
        return view if view and view.state in states else None

    return await _until(stage, look)


async def until_steps(stage: Stage, cluster_id: ClusterId, *states: StepState) -> tuple[StepView, ...]:
    """Look until the cluster's steps are in these states, in order."""

    async def look() -> tuple[StepView, ...] | None:
        views = await stage.fabric.list_steps(cluster_id)
        return views if views is not None and tuple(view.state for view in views) == states else None

    return await _until(stage, look)


async def _until(stage: Stage, look: Callable[[], Awaitable[Found | None]]) -> Found:
    for _ in range(200):
        if (found := await look()) is not None:
            return found
        await stage.wait()
    raise AssertionError("it didn't come")


class MemoryStage:
    """The memory fabric on a clock that leaps."""

    _TROUBLES: Mapping[str, tuple[WireTrouble, int]] = {
        LOST_ANSWER: (WireTrouble.LOST_ANSWER, 1),
        LOST_REQUEST: (WireTrouble.LOST_REQUEST, 1),
        THROTTLE: (WireTrouble.THROTTLED, 1_000),
    }

    def __init__(self, going: Going) -> None:
        self._clock = LeapingClock()
        failed = StepScript(outcome=StepState.FAILED, message="no luck")
        cluster = bootstrap_failure(going.boot_failure) if going.boot_failure else ClusterScript()
        if going.hidden:
            cluster = ClusterScript(hidden_for=timedelta(seconds=30))
        faults = []
        if going.trouble is not None:
            trouble, times = self._TROUBLES[going.trouble[1]]
            faults.append(WireFault(call=going.trouble[0], trouble=trouble, times=times))
        script = Script(
            usual_cluster=cluster,
            steps={name: (failed,) * times + (StepScript(),) for name, times in going.failing.items()},
            wire=tuple(faults),
        )
        self._memory = MemoryFabric(self._clock, script)
        self.fabric: Fabric = self._memory

    async def wait(self) -> None:
        self._clock.leap(seconds=10)

    def put(self, uri: str) -> None:
        self._memory.world.objects.add(uri)


class EmulatorStage:
    """EmrFabric against an emulator whose clusters live a thousand times faster."""

    _APIS: Mapping[str, str] = {"launch": "RunJobFlow", "submit": "AddJobFlowSteps", "list_steps": "ListSteps"}

    def __init__(self, emulator: EmulatorProcess, fabric: EmrFabric) -> None:
        self._emulator = emulator
        self.fabric: Fabric = fabric

    async def wait(self) -> None:
        await asyncio.sleep(0.02)

    def put(self, uri: str) -> None:
        import botocore.session

        bucket, _, key = uri.removeprefix("s3://").partition("/")
        session = botocore.session.Session()
        session.set_credentials("AKID", "hush-hush")
        s3 = session.create_client("s3", region_name="us-east-1", endpoint_url=self._emulator.endpoint)
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else b"x")

    @classmethod
    def faults(cls, going: Going) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            {"do": "step-fails", "step": name, "count": times, "reason": "Unknown Error.", "message": "no luck"}
            for name, times in going.failing.items()
        ]
        if going.trouble is not None:
            call, trouble = going.trouble
            count = {} if trouble == THROTTLE else {"count": 1}
            found.append({"do": trouble, "api": cls._APIS[call], **count})
        if going.boot_failure:
            found.append({"do": "bootstrap-failure", "message": going.boot_failure})
        if going.hidden:
            found.append({"do": "eventual-list", "seconds": 0.3})
        return found


@asynccontextmanager
async def emulator_stage(emulator: EmulatorProcess, going: Going) -> AsyncIterator[EmulatorStage]:
    """A stage on an emulator that has forgotten everything. AWS_ENDPOINT_URL must lead to it."""
    emulator.reset()
    emulator.put_faults(EmulatorStage.faults(going))
    plenty = Quota(burst=10_000, per_second=10_000)
    quota = QuotaSettings(
        overrides={"all": plenty, "PutAutoTerminationPolicy": plenty, **dict.fromkeys(QUOTAS, plenty)}
    )
    session = AwsSession(AwsIdentity.of_cluster(samples.config()))
    fabric = EmrFabric(session, clock=SystemClock(), quota=quota, persistence=Persistence(attempts=1))
    try:
        yield EmulatorStage(emulator, fabric)
    finally:
        await fabric.close()
