"""What happened to a run, in words: for its history, its log lines and its user."""

from __future__ import annotations

from collections.abc import Iterator

from dataflow_runner.fabrics.base import StepState
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import ClusterProgress, Intent, Phase, State, StepProgress


def narrate(plan: Plan, before: State, after: State) -> tuple[str, ...]:
    """One line for each thing that is different, most important last."""
    return tuple(_lines(plan, before, after))


def _lines(plan: Plan, before: State, after: State) -> Iterator[str]:
    if after.locks > before.locks:
        yield f"holds the lock {plan.locks[after.locks - 1].name!r}"
    if after.preconditions_met and not before.preconditions_met:
        yield "the preconditions hold"
    yield from _intent(plan, before.intent, after.intent)
    yield from _cluster(before.cluster, after.cluster)
    for index, (old, new) in enumerate(zip(before.steps, after.steps, strict=True)):
        yield from _step(plan, index, old, new)
    if after.stop and not before.stop:
        yield f"cancelling steps: {after.stop.failure.message}"
    if len(after.past_clusters) > len(before.past_clusters):
        yield "going on with a new cluster"
    if after.extras and after.extras != before.extras:
        yield f"ending clusters that this run made besides: {', '.join(after.extras)}"
    yield from _ending(before, after)
    if after.verdict and not before.verdict:
        yield f"verdict {after.verdict}" + (f": {after.failure.message}" if after.failure else "")
    if after.phase is not before.phase and after.phase not in {Phase.LOCKED, Phase.CHECKED}:
        yield f"phase {after.phase}"


def _intent(plan: Plan, old: Intent | None, new: Intent | None) -> Iterator[str]:
    if new is None:
        if old is not None and old.is_doubtful:
            yield f"it is settled whether the {old.kind} happened"
        return
    if new.is_doubtful and (old is None or not old.is_doubtful or new.settles_at != old.settles_at):
        yield f"the answer to {new.kind} was lost: looking whether it happened"
    elif old is None:
        steps = ", ".join(repr(plan.steps[index].name) for index in new.indexes)
        yield f"about to {new.kind}" + (f" with {steps}" if steps else "")
    elif new.looks > old.looks:
        yield f"look {new.looks} did not find what the {new.kind} would have made"


def _ending(before: State, after: State) -> Iterator[str]:
    if after.is_tagged and not before.is_tagged:
        yield "the cluster's tags are written"
    if after.termination_sent_at and after.termination_sent_at != before.termination_sent_at:
        yield "asked for the cluster's end"
    if after.is_swept and not before.is_swept:
        yield "no other cluster of this run is alive"
    if after.locks_released and not before.locks_released:
        yield "let go of the locks" if after.locks else "nothing is left to end"


def _cluster(old: ClusterProgress | None, new: ClusterProgress | None) -> Iterator[str]:
    if new is None:
        return
    if old is None or old.cluster_id != new.cluster_id:
        yield f"cluster {new.cluster_id} is {new.state}" + (f" (launch {new.attempt})" if new.attempt else "")
    elif old.state is not new.state:
        reason = ": ".join(part for part in (new.reason_code, new.reason) if part)
        yield f"cluster {new.cluster_id} is {new.state}" + (f" ({reason})" if reason else "")


def _step(plan: Plan, index: int, old: StepProgress, new: StepProgress) -> Iterator[str]:
    name = f"step {index + 1}/{len(plan.steps)} {plan.steps[index].name!r}"
    details = " ".join(part for part in (new.reason, new.message) if part)
    if new.state is None and old.state is not None:
        yield f"{name} will be tried again" + (f" after {details}" if details else "")
    elif new.ids != old.ids:
        yield f"{name} submitted as {new.ids[-1]}"
    if new.state is not None and new.state is not old.state and new.state is not StepState.PENDING:
        yield f"{name} ({new.step_id}) is {new.state}" + (f": {details}" if details else "")
