"""The time limits of a run: when each is over, and what is over now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from dataflow_runner.fabrics.base import ClusterState, StepState
from dataflow_runner.kit.durations import format_duration
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import Failure, FailureKind, Phase, State

_SETTLED = frozenset({Phase.LOWERING, Phase.COLLECTING, Phase.ENDED})
_STARTING = frozenset({ClusterState.STARTING, ClusterState.BOOTSTRAPPING})


def exceeded(plan: Plan, state: State, now: datetime) -> Failure | None:
    """The time limit that is over, the most telling one first; None while there is time.

    A limit of a step or a launch is judged by what was seen after it: an older look may not know of an end in time.
    """
    for instant, failure in _limits(plan, state):
        looked_at = now if failure.kind is FailureKind.RUN_TIMED_OUT else state.pace.looked_at
        if looked_at is not None and looked_at >= instant:
            return failure
    return None


def next_limit(plan: Plan, state: State, after: datetime) -> datetime | None:
    """The first time limit after an instant."""
    return min((instant for instant, _ in _limits(plan, state) if instant > after), default=None)


def _limits(plan: Plan, state: State) -> Iterator[tuple[datetime, Failure]]:
    if state.phase in _SETTLED or state.stop:
        return
    yield from _step_limits(plan, state)
    yield from _launch_limit(plan, state)
    if state.phase is Phase.RUNNING and state.idle_since and state.open_steps:
        message = f"no step of the run ran for {format_duration(plan.pending_timeout)}: its next step stayed PENDING"
        yield _limit(state.idle_since, plan.pending_timeout, FailureKind.PENDING_TIMED_OUT, message)
    if plan.timeout:
        message = f"the run took longer than its time limit of {format_duration(plan.timeout)}"
        yield _limit(plan.started_at, plan.timeout, FailureKind.RUN_TIMED_OUT, message)


def _step_limits(plan: Plan, state: State) -> Iterator[tuple[datetime, Failure]]:
    for index, (step, progress) in enumerate(zip(plan.steps, state.steps, strict=True)):
        if step.timeout and progress.started_at and progress.state is StepState.RUNNING:
            message = f"step {step.name!r} ran longer than its time limit of {format_duration(step.timeout)}"
            yield _limit(progress.started_at, step.timeout, FailureKind.STEP_TIMED_OUT, message, index)


def _launch_limit(plan: Plan, state: State) -> Iterator[tuple[datetime, Failure]]:
    if state.phase is Phase.LAUNCHING and plan.cluster and state.cluster and state.cluster.state in _STARTING:
        limit = plan.cluster.launch.timeout
        message = f"cluster {state.cluster.cluster_id} was not ready {format_duration(limit)} after its launch"
        yield _limit(state.cluster.launched_at, limit, FailureKind.LAUNCH_TIMED_OUT, message)


def _limit(
    since: datetime, limit: timedelta, kind: FailureKind, message: str, step: int | None = None
) -> tuple[datetime, Failure]:
    return since + limit, Failure(kind=kind, message=message, step=step)
