"""Every cluster of the memory fabric, without the wire between it and its callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dataflow_runner.errors import Refused
from dataflow_runner.fabrics.base import LIVE_STATES, LaunchRequest, StepRequest
from dataflow_runner.fabrics.memory.ledger import Deed, Ledger, Record
from dataflow_runner.fabrics.memory.life import Life, LivingStep
from dataflow_runner.fabrics.memory.script import Script, StepScript
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.kit.clock import Clock
from dataflow_runner.specs.model import ActionOnFailure

_MOST_OPEN_STEPS = 256
"""PENDING and RUNNING steps that EMR lets one cluster have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LateLaunch:
    at: datetime
    request: LaunchRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class _LateSubmit:
    at: datetime
    cluster_id: ClusterId
    steps: tuple[StepRequest, ...]


class World:
    """What is really there. A test that plays somebody else acts on it directly, past the faults of the wire."""

    def __init__(self, clock: Clock, script: Script) -> None:
        self.script = script
        self._ledger = Ledger()
        self.objects = set(script.objects)
        """URIs of the objects in S3; a test may add and take away."""
        self._clock = clock
        self._lives: dict[ClusterId, Life] = {}
        self._starts: Counter[str] = Counter()
        self._steps_made = 0
        self._late: list[_LateLaunch | _LateSubmit] = []

    @property
    def ledger(self) -> Ledger:
        """What happened until now, whether anybody looked or not."""
        self._advance()
        return self._ledger

    def lives(self) -> tuple[Life, ...]:
        """Every cluster, at the present instant, in the order they were made."""
        self._advance()
        return tuple(self._lives.values())

    def life(self, cluster_id: ClusterId) -> Life:
        """A cluster at the present instant; raises Refused, as EMR does, when there is none of that id."""
        self._advance()
        if cluster_id not in self._lives:
            raise Refused(f"Cluster id '{cluster_id}' is not valid.", code="InvalidRequestException")
        return self._lives[cluster_id]

    def launch(self, request: LaunchRequest, *, delay: timedelta | None = None) -> ClusterId:
        """Make a cluster, now or (its id is nobody's to know then) later."""
        self._advance()
        if delay is not None:
            self._late.append(_LateLaunch(at=self._clock.now() + delay, request=request))
            return ClusterId("")
        return self._make(self._clock.now(), request)

    def submit(
        self, cluster_id: ClusterId, steps: Sequence[StepRequest], *, delay: timedelta | None = None
    ) -> tuple[StepId, ...]:
        """Put steps on a cluster, now or later; raises Refused by EMR's rules."""
        life = self.life(cluster_id)
        self._check(life, steps)
        if delay is not None:
            at = self._clock.now() + delay
            self._late.append(_LateSubmit(at=at, cluster_id=cluster_id, steps=tuple(steps)))
            return ()
        return self._add(self._clock.now(), life, tuple(steps))

    def cancel(self, cluster_id: ClusterId, step_ids: Sequence[StepId]) -> Mapping[StepId, str]:
        """Call steps off; those that can't be, with the reason."""
        life = self.life(cluster_id)
        by_id = {step.step_id: step for step in life.steps}
        now = self._clock.now()
        outcomes = {
            step_id: life.cancel(now, by_id[step_id]) if step_id in by_id else f"Step id {step_id} is not valid."
            for step_id in step_ids
        }
        return {step_id: reason for step_id, reason in outcomes.items() if reason}

    def terminate(self, cluster_id: ClusterId, *, lift_protection: bool) -> None:
        """End a cluster; raises Refused when it is protected and that isn't to be lifted."""
        life, now = self.life(cluster_id), self._clock.now()
        if life.is_protected and life.state.is_alive:
            if not lift_protection:
                raise Refused(f"{cluster_id} is termination protected.", code="ValidationException")
            life.protect(now, protected=False)
        life.terminate(now)

    def set_idle_time(self, cluster_id: ClusterId, idle: timedelta) -> None:
        """Have a cluster end after so much idle time."""
        self.life(cluster_id).set_idle_time(self._clock.now(), idle)

    def _check(self, life: Life, steps: Sequence[StepRequest]) -> None:
        if life.state not in LIVE_STATES:
            raise Refused(
                "A job flow that is shutting down, terminated, or finished may not be modified.",
                code="ValidationException",
            )
        if len(life.open_steps) + len(steps) > _MOST_OPEN_STEPS:
            raise Refused("Maximum number of active steps exceeded.", code="ValidationException")
        if life.concurrency > 1 and any(step.action_on_failure is not ActionOnFailure.CONTINUE for step in steps):
            raise Refused("Only CONTINUE is allowed when steps run concurrently.", code="ValidationException")

    def _advance(self) -> None:
        now = self._clock.now()
        due = sorted((late for late in self._late if late.at <= now), key=lambda late: late.at)
        self._late = [late for late in self._late if late.at > now]
        for late in due:
            match late:
                case _LateLaunch():
                    self._make(late.at, late.request)
                case _LateSubmit():
                    self._add_late(late)
        for life in self._lives.values():
            life.advance(now)

    def _add_late(self, late: _LateSubmit) -> None:
        life = self._lives[late.cluster_id]
        life.advance(late.at)
        if life.state in LIVE_STATES:
            self._add(late.at, life, late.steps)

    def _make(self, now: datetime, request: LaunchRequest) -> ClusterId:
        number = len(self._lives) + 1
        cluster_id = ClusterId(f"j-{number:013d}")
        self._lives[cluster_id] = Life(
            cluster_id=cluster_id,
            request=request,
            script=self.script.cluster(number),
            now=now,
            plan_step=self._plan_step,
            note=self._note,
        )
        self._add(now, self._lives[cluster_id], request.steps)
        return cluster_id

    def _add(self, now: datetime, life: Life, steps: tuple[StepRequest, ...]) -> tuple[StepId, ...]:
        step_ids = [StepId(f"s-{self._steps_made + offset:013d}") for offset in range(1, len(steps) + 1)]
        self._steps_made += len(steps)
        life.add(now, step_ids, steps)
        return tuple(step_ids)

    def _plan_step(self, name: str) -> StepScript:
        self._starts[name] += 1
        return self.script.step(name, self._starts[name])

    def _note(self, at: datetime, deed: Deed, life: Life, step: LivingStep | None, detail: str) -> None:
        self._ledger.records.append(
            Record(
                at=at,
                deed=deed,
                cluster_id=life.cluster_id,
                step_id=step.step_id if step else None,
                name=step.request.name if step else life.request.config.name,
                detail=detail,
            )
        )
