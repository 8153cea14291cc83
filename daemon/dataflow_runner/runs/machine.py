"""The state machine: what a run's state becomes by what is learnt. Pure; the other half is ``decide``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from dataflow_runner.fabrics.base import ClusterState, ClusterView, StepView
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.jobs.record import JobKind
from dataflow_runner.runs import events as ev
from dataflow_runner.runs.assess import assess, end, fail, give_up
from dataflow_runner.runs.limits import exceeded
from dataflow_runner.runs.matching import AmbiguousMatch, match_steps
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import (
    ClusterProgress,
    Failure,
    FailureKind,
    Intent,
    IntentKind,
    Pace,
    Phase,
    State,
    StepProgress,
    Verdict,
)
from dataflow_runner.specs.model import Check, Precondition, Unmet

_FIRST_RETRY = timedelta(seconds=1)

_NO_ANSWER = ev.Tick | ev.CancelRequested | ev.IntentWritten | ev.CallFailed | ev.CreateNotSent | ev.CallRefused
"""Events after which calls that failed in a row still count."""


def initial_state(plan: Plan) -> State:
    """The state of a run that was just accepted."""
    steps = tuple(StepProgress(name=step.name) for step in plan.steps)
    return _settle(plan, State(steps=steps), plan.started_at)


def apply(plan: Plan, state: State, event: ev.Event, now: datetime) -> State:
    """The state after an event. Late and repeated events change nothing that they shouldn't."""
    if state.phase is Phase.ENDED:
        return state
    if not isinstance(event, _NO_ANSWER):
        state = replace(state, pace=replace(state.pace, failures=0, retry_at=None))
    return _settle(plan, _on(plan, state, event, now), now)


def _on(plan: Plan, state: State, event: ev.Event, now: datetime) -> State:  # noqa: C901, PLR0911, PLR0912 - one table
    match event:
        case ev.Tick():
            failure = exceeded(plan, state, now)
            return _timed_out(plan, state, failure, now) if failure else state
        case ev.Resumed():
            doubted = _doubted(plan, state.intent, now)
            return replace(state, intent=doubted, pace=Pace(), was_in_doubt=state.was_in_doubt or doubted is not None)
        case ev.CancelRequested(by=by):
            failure = Failure(kind=FailureKind.CANCEL_REQUESTED, message=f"cancelled by {by}")
            is_known = state.stop is not None and state.stop.failure.kind is failure.kind
            return state if state.verdict or is_known else give_up(plan, state, failure, now)
        case ev.LockTaken():
            return replace(state, locks=state.locks + 1, pace=Pace())
        case ev.LockRefused():
            return _lock_refused(state, event, now)
        case ev.PreconditionsMet():
            return replace(state, preconditions_met=True)
        case ev.PreconditionUnmet(precondition=precondition):
            return _precondition_unmet(state, precondition, now)
        case ev.IntentWritten(intent=intent):
            launches = state.launches + (intent.kind is IntentKind.LAUNCH)
            phase = Phase.LAUNCHING if intent.kind is IntentKind.LAUNCH else state.phase
            return replace(state, intent=intent, launches=launches, phase=phase, wake_at=None)
        case ev.Launched(cluster_id=cluster_id):
            return _launched(plan, state, cluster_id, now)
        case ev.Submitted(step_ids=step_ids):
            return _submitted(plan, state, step_ids, now)
        case ev.CreateNotSent():
            return _failed_call(plan, _withdrawn(state), now)
        case ev.CreateUnanswered():
            return replace(state, intent=_doubted(plan, state.intent, now), was_in_doubt=True)
        case ev.CallRefused():
            return _refused(plan, state, event, now)
        case ev.CallFailed():
            return _failed_call(plan, state, now)
        case ev.ClustersFound(clusters=clusters):
            return _clusters_found(plan, state, clusters, now)
        case ev.Seen():
            return _seen(plan, state, event, now)
        case ev.CancelSent():
            return _cancel_sent(state, now)
        case ev.Tagged():
            return replace(state, is_tagged=True, cluster_kept=event.is_kept)
        case ev.TerminateSent(cluster_id=cluster_id):
            return _terminate_sent(state, cluster_id, now)
        case ev.LocksReleased():
            return replace(state, locks_released=True)
        case ev.LogsFetched(are_complete=are_complete):
            return replace(state, logs_done=are_complete, pace=replace(state.pace, looked_at=now))
    assert_never(event)


def _settle(plan: Plan, state: State, now: datetime) -> State:
    """Take the steps between phases that need nothing of the world."""
    if state.phase is Phase.ACCEPTED and state.locks == len(plan.locks):
        state = replace(state, phase=Phase.LOCKED)
    if state.phase is Phase.LOCKED and (state.preconditions_met or not plan.preconditions):
        state = replace(state, phase=Phase.CHECKED)
    if state.phase is Phase.LOWERING and state.locks_released:
        state = replace(state, phase=Phase.COLLECTING, logs_due_at=now + plan.patience.log_deadline, pace=Pace())
    if state.phase is Phase.COLLECTING and not _wants_logs(plan, state, now):
        state = replace(state, phase=Phase.ENDED)
    return state


def _wants_logs(plan: Plan, state: State, now: datetime) -> bool:
    if state.logs_done or (state.logs_due_at and now >= state.logs_due_at):
        return False
    has_logs = state.cluster is not None and state.cluster.log_uri is not None
    return plan.log_failed_steps and has_logs and any(step.has_failed for step in state.steps)


def _timed_out(plan: Plan, state: State, failure: Failure, now: datetime) -> State:
    if failure.kind is FailureKind.STEP_TIMED_OUT and failure.step is not None:
        late = replace(state.steps[failure.step], has_timed_out=True)
        state = replace(state, steps=_with(state.steps, failure.step, late))
    return give_up(plan, state, failure, now)


def _with(steps: tuple[StepProgress, ...], index: int, step: StepProgress) -> tuple[StepProgress, ...]:
    return (*steps[:index], step, *steps[index + 1 :])


def _lock_refused(state: State, event: ev.LockRefused, now: datetime) -> State:
    if event.lock.wait:
        return replace(state, pace=replace(state.pace, locked_at=now))
    message = f"the lock {event.lock.name!r} is held by {event.holder}"
    return fail(state, Failure(kind=FailureKind.LOCK_HELD, message=message), now)


def _precondition_unmet(state: State, precondition: Precondition, now: datetime) -> State:
    wants_data = precondition.check is Check.S3_NOT_EMPTY
    pattern = f" that matches {precondition.pattern!r}" if precondition.pattern else ""
    message = f"{precondition.place} holds {'no data' if wants_data else 'data'}{pattern}"
    failure = Failure(kind=FailureKind.PRECONDITION_UNMET, message=message)
    if precondition.unmet is Unmet.NO_OP:
        return replace(end(state, Verdict.NO_OP, now, exit_code=precondition.exit_code), failure=failure)
    code = precondition.exit_code if precondition.exit_code is not None else (3 if wants_data else 4)
    return fail(state, failure, now, exit_code=code)


def _doubted(plan: Plan, intent: Intent | None, now: datetime) -> Intent | None:
    """An intent whose answer is lost: it may show until so long after this."""
    if intent is None:
        return None
    return replace(intent, is_doubtful=True, settles_at=now + plan.patience.create_settle, looks=0, looked_at=None)


def _withdrawn(state: State) -> State:
    """The intent certainly didn't happen: it is decided anew."""
    was_launch = state.intent is not None and state.intent.kind is IntentKind.LAUNCH
    return replace(state, intent=None, launches=state.launches - was_launch)


def _failed_call(plan: Plan, state: State, now: datetime) -> State:
    """Wait before the next call: ever longer, and for a look never less than the interval."""
    failures = state.pace.failures + 1
    shortest = _FIRST_RETRY if state.cluster is None else plan.patience.poll
    delay = min(plan.patience.backoff_cap, shortest * 2 ** min(failures - 1, 16))
    return replace(state, pace=replace(state.pace, failures=failures, retry_at=now + delay))


def _launched(plan: Plan, state: State, cluster_id: ClusterId, now: datetime) -> State:
    if state.intent is None or state.intent.kind is not IntentKind.LAUNCH:
        return state
    cluster = ClusterProgress(
        cluster_id=cluster_id,
        attempt=state.intent.attempt,
        launched_at=now,
        step_concurrency=plan.cluster.fabric.step_concurrency if plan.cluster else 1,
        log_uri=plan.log_uri,
    )
    sent_along = state.intent.indexes
    state = replace(state, cluster=cluster, intent=None, sent_along=sent_along, pace=Pace(looked_at=now))
    ends_by_itself = plan.detach and (plan.kind is JobKind.UP or not plan.keep_alive)
    return end(state, Verdict.DETACHED, now) if ends_by_itself else state


def _submitted(plan: Plan, state: State, step_ids: tuple[StepId, ...], now: datetime) -> State:
    if state.intent is None or state.intent.kind is not IntentKind.SUBMIT:
        return state
    state = _numbered(state, state.intent.indexes, step_ids, now)
    phase = Phase.RUNNING if state.phase is Phase.RETRYING else state.phase
    state = replace(state, intent=None, phase=phase, idle_since=now, pace=Pace(looked_at=now))
    is_left = plan.detach and not plan.owns_cluster and state.stop is None
    return end(state, Verdict.DETACHED, now) if is_left else state


def _numbered(state: State, indexes: tuple[int, ...], step_ids: tuple[StepId, ...], now: datetime) -> State:
    steps = state.steps
    for index, step_id in zip(indexes, step_ids, strict=True):
        steps = _with(steps, index, steps[index].submitted(step_id, now))
    return replace(state, steps=steps)


def _refused(plan: Plan, state: State, event: ev.CallRefused, now: datetime) -> State:  # noqa: PLR0911 - one table
    """What a refusal means depends on the call: some we can live without, some must be tried for ever."""
    match event.effect:
        case ev.Submit():
            pace = replace(state.pace, refusal=event.message, looked_at=None)
            return replace(_withdrawn(state), pace=pace)
        case ev.Launch() | ev.CheckPreconditions() | ev.TakeLock():
            failure = Failure(kind=FailureKind.CALL_REFUSED, message=event.message)
            return fail(_withdrawn(state), failure, now)
        case ev.Look():
            return _unseen(plan, state, event.message, now)
        case ev.FindClusters() if state.intent is None and not state.was_in_doubt:
            return replace(state, is_swept=True)
        case ev.CancelSteps():
            return _cancel_sent(state, now)
        case ev.TagCluster():
            return replace(state, is_tagged=True)
        case ev.Terminate(cluster_id=cluster_id) if state.cluster and state.cluster.cluster_id == cluster_id:
            return _failed_call(plan, replace(state, termination_sent_at=now), now)
        case ev.FetchLogs():
            return replace(state, logs_done=True)
        case _:
            return _failed_call(plan, state, now)


def _unseen(plan: Plan, state: State, why: str, now: datetime) -> State:
    """The cluster can't be seen: wait, and after a while that is the verdict."""
    since = state.pace.unseen_since or now
    state = _failed_call(plan, replace(state, pace=replace(state.pace, unseen_since=since, looked_at=now)), now)
    if now < since + plan.patience.unseen:
        return state
    if state.verdict is None:
        return fail(replace(state, intent=None), Failure(kind=FailureKind.LOST_SIGHT, message=why), now)
    gone = replace(state.cluster, state=ClusterState.TERMINATED) if state.cluster else None
    return replace(state, cluster=gone, intent=None)


def _clusters_found(plan: Plan, state: State, clusters: tuple[ClusterView, ...], now: datetime) -> State:
    intent = state.intent
    if intent is not None:
        if clusters:
            return _launched(plan, state, clusters[0].cluster_id, now)
        return _not_found(intent, state, now)
    adopted = state.cluster.cluster_id if state.cluster else None
    extras = tuple(view.cluster_id for view in clusters if view.state.is_alive and view.cluster_id != adopted)
    return replace(state, extras=extras, is_swept=not extras, pace=replace(state.pace, swept_at=now))


def _not_found(intent: Intent, state: State, now: datetime) -> State:
    """A look that didn't find what was asked for; after two of them, and long enough, it didn't happen."""
    looked = replace(intent, looks=intent.looks + 1, looked_at=now)
    has_settled = looked.looks >= 2 and intent.settles_at is not None and now >= intent.settles_at
    return _withdrawn(state) if has_settled else replace(state, intent=looked)


def _seen(plan: Plan, state: State, event: ev.Seen, now: datetime) -> State:
    if state.phase is Phase.CHECKED:
        return _named_cluster(state, event, now)
    cluster = state.cluster
    if cluster is None or cluster.cluster_id != event.cluster_id:
        return state
    if event.is_unknown:
        return _unseen(plan, state, f"the fabric doesn't know cluster {event.cluster_id}", now)
    pace = state.pace
    rechecks = pace.rechecks if pace.wants_cluster else 0
    pace = Pace(looked_at=now, looks=pace.looks + 1, rechecks=rechecks, refusal=pace.refusal)
    state = replace(state, pace=pace)
    if event.cluster:
        state = replace(state, cluster=cluster.seen(event.cluster, now))
    if event.steps is not None:
        state = _steps_seen(plan, state, event.steps, now)
    if pace.refusal and event.cluster:
        state = _explain_refusal(plan, state, pace.refusal, now)
    return assess(plan, state, now, sees_cluster=event.cluster is not None)


def _named_cluster(state: State, event: ev.Seen, now: datetime) -> State:
    view = event.cluster
    if view is None or not view.state.is_alive:
        is_what = f"is {view.state}" if view else "is not known"
        message = f"cluster {event.cluster_id} {is_what}: it can't run steps"
        return fail(state, Failure(kind=FailureKind.CLUSTER_NOT_USABLE, message=message), now)
    cluster = ClusterProgress(cluster_id=event.cluster_id, attempt=0, launched_at=now, log_uri=view.log_uri)
    return replace(state, phase=Phase.RUNNING, cluster=cluster.seen(view, now), pace=Pace())


def _explain_refusal(plan: Plan, state: State, refusal: str, now: datetime) -> State:
    """A submission was refused: because the cluster has ended, which is judged as such, or for its content."""
    state = replace(state, pace=replace(state.pace, refusal=""))
    if state.cluster is None or not state.cluster.state.is_alive:
        return state
    return give_up(plan, state, Failure(kind=FailureKind.CALL_REFUSED, message=refusal), now)


def _steps_seen(plan: Plan, state: State, views: tuple[StepView, ...], now: datetime) -> State:
    """Take over what the fabric says of the run's steps; those whose ids are not known yet are found first."""
    if state.intent is not None:
        state = _find_submission(plan, state, state.intent, views, now)
    elif state.sent_along:
        state = _find_sent_along(plan, state, views, now)
    by_id = {view.step_id: view for view in views}
    steps = tuple(step.seen(by_id[step.step_id]) if step.step_id in by_id else step for step in state.steps)
    is_busy = any(step.started_at and step.is_open for step in steps)
    was_busy = state.idle_since is None
    idle_since = None if is_busy else (now if was_busy or _has_moved(state.steps, steps) else state.idle_since)
    return replace(state, steps=steps, idle_since=idle_since)


def _has_moved(before: tuple[StepProgress, ...], after: tuple[StepProgress, ...]) -> bool:
    return any(old.state is not new.state for old, new in zip(before, after, strict=True))


def _find_submission(plan: Plan, state: State, intent: Intent, views: tuple[StepView, ...], now: datetime) -> State:
    try:
        step_ids = match_steps([plan.steps[index] for index in intent.indexes], views, intent.known)
    except AmbiguousMatch as ambiguity:
        failure = Failure(kind=FailureKind.AMBIGUOUS, message=f"{ambiguity}; nothing was sent again")
        return give_up(plan, replace(state, intent=None), failure, now)
    if step_ids is not None:
        return _submitted(plan, state, step_ids, now)
    if state.cluster and not state.cluster.state.is_alive:
        return _withdrawn(state)
    return _not_found(intent, state, now)


def _find_sent_along(plan: Plan, state: State, views: tuple[StepView, ...], now: datetime) -> State:
    known = tuple(step_id for step in state.steps for step_id in step.ids)
    try:
        step_ids = match_steps([plan.steps[index] for index in state.sent_along], views, known)
    except AmbiguousMatch:
        return state  # the list lags: only this run sends steps to its cluster
    if step_ids is None:
        return state
    return replace(_numbered(state, state.sent_along, step_ids, now), sent_along=())


def _cancel_sent(state: State, now: datetime) -> State:
    stop = replace(state.stop, is_sent=True, since=now) if state.stop else None
    return replace(state, stop=stop, pace=replace(state.pace, looked_at=now))


def _terminate_sent(state: State, cluster_id: ClusterId, now: datetime) -> State:
    if state.cluster and state.cluster.cluster_id == cluster_id:
        return replace(state, termination_sent_at=now, pace=replace(state.pace, looked_at=None))
    return replace(state, extras=tuple(extra for extra in state.extras if extra != cluster_id))
