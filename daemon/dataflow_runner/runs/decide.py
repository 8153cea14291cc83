"""What a run does next: a pure function of its plan, its state and the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from dataflow_runner.fabrics.base import StepState
from dataflow_runner.jobs.record import LockRequest
from dataflow_runner.runs import tags
from dataflow_runner.runs.assess import steps_to_stop
from dataflow_runner.runs.events import (
    CancelSteps,
    CheckPreconditions,
    Effect,
    FetchLogs,
    FindClusters,
    Finish,
    Launch,
    Look,
    ReleaseLocks,
    Submit,
    TagCluster,
    TakeLock,
    Terminate,
    Wait,
)
from dataflow_runner.runs.limits import next_limit
from dataflow_runner.runs.plan import Plan, launch_request, step_request
from dataflow_runner.runs.state import ClusterProgress, Intent, IntentKind, Phase, State, Verdict
from dataflow_runner.specs.model import ActionOnFailure

Decision = Effect | Wait | Finish

_EARLIER = timedelta(minutes=15)
"""How far before an intent a cluster of ours may seem created: clocks differ."""

_KEEPABLE = frozenset({Verdict.FAILED, Verdict.TIMED_OUT, Verdict.UNKNOWN})


def decide(plan: Plan, state: State, now: datetime) -> Decision:
    """The one thing to do now; or until when there is nothing to do.

    The answer depends on nothing else, so whoever takes the run over goes on with the same.
    """
    if state.phase is Phase.ENDED:
        return Finish()
    retry_at = state.pace.retry_at
    if retry_at and now < retry_at:
        return _wait(plan, state, retry_at, now)
    if state.intent:
        return _resolve(plan, state, state.intent, now)
    return _PHASES[state.phase](plan, state, now)


def _wait(plan: Plan, state: State, until: datetime, now: datetime) -> Wait:
    limit = next_limit(plan, state, now)
    return Wait(until=min(until, limit) if limit else until)


def _accepted(plan: Plan, state: State, now: datetime) -> Decision:
    lock = plan.locks[state.locks]
    tried_at = state.pace.locked_at
    if tried_at and now < tried_at + plan.patience.lock_poll:
        return _wait(plan, state, tried_at + plan.patience.lock_poll, now)
    return TakeLock(lock=lock)


def _locked(plan: Plan, _state: State, _now: datetime) -> Decision:
    return CheckPreconditions(preconditions=plan.preconditions)


def _checked(plan: Plan, state: State, now: datetime) -> Decision:
    if plan.owns_cluster:
        return _launch(plan, state, now)
    if plan.cluster_id is None:
        raise AssertionError("a job on a named cluster carries its id")
    return Look(cluster_id=plan.cluster_id, cluster=True, steps=False)


def _launch(plan: Plan, state: State, now: datetime) -> Launch:
    attempt = state.launches + 1
    unsent = tuple(index for index, step in enumerate(state.steps) if step.state is None)
    request = launch_request(plan, attempt, unsent)
    indexes = unsent if plan.steps_go_with_launch else ()
    return Launch(intent=Intent(kind=IntentKind.LAUNCH, at=now, attempt=attempt, indexes=indexes), request=request)


def _launching(plan: Plan, state: State, now: datetime) -> Decision:
    if state.cluster is None:
        return _launch(plan, state, now)
    return _look(plan, state, state.cluster, now, cluster=True, steps=bool(state.sent_along))


def _running(plan: Plan, state: State, now: datetime) -> Decision:
    cluster = state.cluster
    if cluster is None:
        raise AssertionError("a run with steps on a cluster has a cluster")
    if state.pace.refusal:
        return _look(plan, state, cluster, now, cluster=True)
    if state.stop:
        return _stopping(plan, state, cluster, now)
    if plan.tags and not plan.owns_cluster and not state.is_tagged:
        return TagCluster(cluster_id=cluster.cluster_id, tags=plan.tags)
    if indexes := _due(plan, state, cluster, now):
        requests = tuple(step_request(plan, index, cluster.step_concurrency) for index in indexes)
        intent = Intent(kind=IntentKind.SUBMIT, at=now, attempt=cluster.attempt, indexes=indexes)
        return Submit(intent=intent, cluster_id=cluster.cluster_id, requests=requests)
    if not state.open_steps and (later := _earliest_retry(state, now)):
        return _wait(plan, state, later, now)
    return _look(plan, state, cluster, now, cluster=_is_cluster_due(plan, state))


def _due(plan: Plan, state: State, cluster: ClusterProgress, now: datetime) -> tuple[int, ...]:
    """The steps to submit now: all that are left; on a shared cluster one at a time; independent ones as they come."""
    unsent = [index for index, step in enumerate(state.steps) if step.state is None]
    ready = [index for index in unsent if _is_ready(state.steps[index].not_before, now)]
    if plan.share_cluster:
        is_next_ready = bool(ready) and unsent[0] == ready[0] and not state.open_steps
        return tuple(ready[:1]) if is_next_ready and not _is_barred(plan, state, ready[0]) else ()
    if cluster.step_concurrency > 1:
        return tuple(ready)
    return tuple(unsent) if not state.open_steps and ready == unsent else ()


def _is_barred(plan: Plan, state: State, index: int) -> bool:
    """Whether an earlier step has ended in a way that must be judged before this one is sent."""
    earlier = zip(plan.steps[:index], state.steps[:index], strict=True)
    return any(
        not progress.has_completed and step.action_on_failure is not ActionOnFailure.CONTINUE
        for step, progress in earlier
    )


def _is_ready(not_before: datetime | None, now: datetime) -> bool:
    return not_before is None or not_before <= now


def _earliest_retry(state: State, now: datetime) -> datetime | None:
    waits = [step.not_before for step in state.steps if step.state is None and step.not_before]
    return min((wait for wait in waits if wait > now), default=None)


def _stopping(plan: Plan, state: State, cluster: ClusterProgress, now: datetime) -> Decision:
    if state.stop and not state.stop.is_sent and (step_ids := steps_to_stop(plan, state, state.stop)):
        # The last one first: else the step behind a cancelled one would begin.
        return CancelSteps(cluster_id=cluster.cluster_id, step_ids=tuple(reversed(step_ids)))
    return _look(plan, state, cluster, now, cluster=not state.open_steps)


def _retrying(plan: Plan, state: State, now: datetime) -> Decision:
    if state.cluster is not None:
        return _running(plan, state, now)
    if state.wake_at and now < state.wake_at:
        return _wait(plan, state, state.wake_at, now)
    return _launch(plan, state, now)


def _is_cluster_due(plan: Plan, state: State) -> bool:
    is_idle = not any(step.state is StepState.RUNNING for step in state.steps)
    every = plan.patience.cluster_every
    return (state.pace.looks + 1) % every == 0 or (is_idle and state.pace.looks > 1)


def _look(
    plan: Plan, state: State, about: ClusterProgress, now: datetime, *, cluster: bool, steps: bool = True
) -> Decision:
    """Look at the cluster when it is time to; at once when something waits to be decided."""
    pace = state.pace
    if pace.looked_at is not None:
        interval = plan.patience.rechecks[pace.rechecks - 1] if pace.rechecks else plan.patience.poll
        limit = next_limit(plan, state, pace.looked_at)
        due_at = min(pace.looked_at + interval, limit) if limit else pace.looked_at + interval
        if now < due_at:
            return _wait(plan, state, due_at, now)
    sees_end = not about.state.is_alive
    return Look(cluster_id=about.cluster_id, cluster=cluster or pace.wants_cluster or sees_end, steps=steps or sees_end)


def _resolve(plan: Plan, state: State, intent: Intent, now: datetime) -> Decision:
    """Find out whether an unanswered create happened: now, and again and again until it certainly hasn't."""
    if intent.looked_at is not None and now < intent.looked_at + plan.patience.second_look:
        return Wait(until=intent.looked_at + plan.patience.second_look)
    if intent.kind is IntentKind.SUBMIT and state.cluster:
        return Look(cluster_id=state.cluster.cluster_id, cluster=True, steps=True)
    return _find(plan, intent.at, intent.attempt)


def _find(plan: Plan, since: datetime, attempt: int | None = None) -> FindClusters:
    if plan.cluster is None:
        raise AssertionError("only a run that makes clusters looks for them")
    wanted = {tags.JOURNAL: plan.journal_id, tags.RUN: tags.tag_value(plan.run_id)}
    if attempt is not None:
        wanted[tags.ATTEMPT] = str(attempt)
    return FindClusters(name=plan.cluster.name, tags=wanted, since=since - _EARLIER)


def _lowering(plan: Plan, state: State, now: datetime) -> Decision:
    is_left = state.verdict is Verdict.DETACHED
    if plan.owns_cluster:
        if not is_left and (decision := _end_own_cluster(plan, state, now)):
            return decision
        if state.extras:
            return Terminate(cluster_id=state.extras[0])
        if state.launches and not state.is_swept and (not is_left or state.was_in_doubt):
            swept_at = state.pace.swept_at
            if swept_at and now < swept_at + plan.patience.poll:
                return Wait(until=swept_at + plan.patience.poll)
            return _find(plan, plan.started_at)
    return ReleaseLocks(locks=_to_release(plan, state))


def _end_own_cluster(plan: Plan, state: State, now: datetime) -> Decision | None:
    cluster = state.cluster
    if cluster is None or not cluster.state.is_alive or state.cluster_kept:
        return None
    helps_at = (state.lowering_since or now) + plan.patience.natural_end
    if state.verdict is Verdict.SUCCEEDED and not plan.keep_alive and now < helps_at:
        return _look(plan, state, cluster, now, cluster=True, steps=False)
    if not state.is_tagged:
        return _write_reason(plan, state, cluster, now)
    sent_at = state.termination_sent_at
    if sent_at is None or now >= sent_at + plan.patience.natural_end:
        return Terminate(cluster_id=cluster.cluster_id)
    return _look(plan, state, cluster, now, cluster=True, steps=False)


def _write_reason(plan: Plan, state: State, cluster: ClusterProgress, now: datetime) -> TagCluster:
    because = state.failure.message if state.failure else str(state.verdict)
    if plan.keeps_on_failure and state.verdict in _KEEPABLE and cluster.ready_at:
        keep_for = plan.on_failure.keep_for
        kept = tags.keeping_tags(until=now + keep_for, because=because)
        return TagCluster(cluster_id=cluster.cluster_id, tags=kept, keep_for=keep_for)
    ending = tags.ending_tags(by=plan.owner, because=because)
    return TagCluster(cluster_id=cluster.cluster_id, tags=ending)


def _to_release(plan: Plan, state: State) -> tuple[LockRequest, ...]:
    """The locks to let go, the last taken first: the soft ones, and all when the run went well or did nothing."""
    went_well = state.verdict in {Verdict.SUCCEEDED, Verdict.NO_OP, Verdict.DETACHED}
    is_unknown = state.verdict is Verdict.UNKNOWN
    nothing_happened = not is_unknown and state.launches == 0 and not any(step.ids for step in state.steps)
    # One more than is noted: the process may have died between taking a lock and noting it.
    taken = plan.locks[: state.locks + 1]
    return tuple(lock for lock in reversed(taken) if not lock.hard or went_well or nothing_happened)


def _collecting(plan: Plan, state: State, now: datetime) -> Decision:
    looked_at, cluster = state.pace.looked_at, state.cluster
    if cluster is None or cluster.log_uri is None:
        raise AssertionError("only a run whose cluster has logs waits for them")
    if looked_at and now < looked_at + plan.patience.poll:
        return Wait(until=looked_at + plan.patience.poll)
    step_ids = tuple(step.ids[-1] for step in state.steps if step.has_failed)
    return FetchLogs(log_uri=cluster.log_uri, cluster_id=cluster.cluster_id, step_ids=step_ids)


_PHASES: dict[Phase, Callable[[Plan, State, datetime], Decision]] = {
    Phase.ACCEPTED: _accepted,
    Phase.LOCKED: _locked,
    Phase.CHECKED: _checked,
    Phase.LAUNCHING: _launching,
    Phase.RUNNING: _running,
    Phase.RETRYING: _retrying,
    Phase.LOWERING: _lowering,
    Phase.COLLECTING: _collecting,
}
