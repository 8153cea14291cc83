"""What a look at the cluster means: go on, try again, or the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dataflow_runner.fabrics.base import ClusterState, StepState
from dataflow_runner.jobs.ids import StepId
from dataflow_runner.jobs.record import JobKind
from dataflow_runner.runs import policy
from dataflow_runner.runs.plan import Plan, relaunch_delay
from dataflow_runner.runs.state import (
    EXIT_CODES,
    ClusterProgress,
    Failure,
    FailureKind,
    IntentKind,
    Phase,
    State,
    StepProgress,
    Stop,
    Verdict,
)
from dataflow_runner.specs.model import ActionOnFailure


def end(state: State, verdict: Verdict, now: datetime, *, exit_code: int | None = None) -> State:
    """The verdict stands; what is left is to end the cluster and let go of the locks."""
    if state.verdict is not None:
        return state
    return replace(
        state,
        phase=Phase.LOWERING,
        verdict=verdict,
        exit_code=EXIT_CODES[verdict] if exit_code is None else exit_code,
        stop=None,
        lowering_since=now,
        pace=replace(state.pace, looked_at=None, rechecks=0),
    )


def fail(state: State, failure: Failure, now: datetime, *, exit_code: int | None = None) -> State:
    """End without success. The first failure stands: a later one never hides it."""
    if state.verdict is not None:
        return state
    code = policy.EXIT_CODES.get(failure.kind) if exit_code is None else exit_code
    return replace(end(state, policy.VERDICTS[failure.kind], now, exit_code=code), failure=failure)


def give_up(plan: Plan, state: State, failure: Failure, now: datetime) -> State:
    """End for a reason that leaves steps running: where something goes on after them, they are cancelled first."""
    if plan.owns_cluster and state.intent and state.intent.kind is IntentKind.SUBMIT:
        state = replace(state, intent=None)  # whether it happened doesn't matter on a cluster that ends now
    if (state.open_steps or state.intent) and _goes_on(plan, state, failure):
        return replace(state, stop=Stop(failure=failure, since=now))
    return fail(state, failure, now)


def _goes_on(plan: Plan, state: State, failure: Failure) -> bool:
    """Whether the cluster, or the run itself, outlives what is cancelled now."""
    if not plan.owns_cluster:
        return True
    if state.cluster is None or state.cluster.ready_at is None:
        return False
    if failure.kind is FailureKind.STEP_TIMED_OUT and failure.step is not None:
        has_others = _is_concurrent(plan, state.cluster) or _may_fail(plan, failure.step)
        if has_others or policy.has_tries_left(plan, state, failure.step):
            return True
    return plan.keeps_on_failure and failure.kind is not FailureKind.CANCEL_REQUESTED


def _may_fail(plan: Plan, step: int) -> bool:
    return plan.steps[step].action_on_failure is ActionOnFailure.CONTINUE


def assess(plan: Plan, state: State, now: datetime, *, sees_cluster: bool) -> State:
    """Draw the conclusions from the cluster and step states that were just seen.

    Nothing is decided on steps alone: where they have ended without success, the cluster must have been seen after
    them, since its death explains theirs.
    """
    cluster = state.cluster
    if cluster is None or state.phase not in {Phase.LAUNCHING, Phase.RUNNING, Phase.RETRYING}:
        return state
    if not cluster.state.is_alive:
        return _without_cluster(plan, state, cluster, now)
    if state.stop:
        state = _stopped(plan, state, state.stop, now)
    if state.phase is Phase.LAUNCHING:
        return _ready(plan, state, cluster, now)
    if state.phase is Phase.RUNNING and not state.stop and _has_news(plan, state, cluster):
        return _judge(plan, state, cluster, now, sees_cluster=sees_cluster)
    return state


def _has_news(plan: Plan, state: State, cluster: ClusterProgress) -> bool:
    """Whether something can be decided: nothing runs any more, or an independent step may be tried again."""
    if not state.open_steps:
        return True
    return _is_concurrent(plan, cluster) and any(
        step.state is not None and step.state.has_ended and not step.has_completed and _may_retry(plan, state, index)
        for index, step in enumerate(state.steps)
    )


def _may_retry(plan: Plan, state: State, index: int) -> bool:
    return policy.action_on(plan, state, blame(plan, state, index).kind, index) is policy.Action.RETRY_STEPS


def _is_concurrent(plan: Plan, cluster: ClusterProgress) -> bool:
    return cluster.step_concurrency > 1 and not plan.share_cluster


def _ready(plan: Plan, state: State, cluster: ClusterProgress, now: datetime) -> State:
    if not cluster.state.is_ready or state.sent_along:
        return state
    if plan.kind is JobKind.UP:
        return end(state, Verdict.DETACHED, now)
    return replace(state, phase=Phase.RUNNING, idle_since=now)


def _judge(plan: Plan, state: State, cluster: ClusterProgress, now: datetime, *, sees_cluster: bool) -> State:
    if all(step.state is None or step.has_completed for step in state.steps):
        return _all_done(state, now)
    if not sees_cluster:
        return replace(state, pace=replace(state.pace, wants_cluster=True, looked_at=None))
    if _is_concurrent(plan, cluster):
        return _judge_each(plan, state, now)
    return _judge_in_order(plan, state, now)


def _all_done(state: State, now: datetime) -> State:
    if all(step.has_completed for step in state.steps):
        return end(state, Verdict.SUCCEEDED, now)
    return state


def _stopped(plan: Plan, state: State, stop: Stop, now: datetime) -> State:
    """Steps are being cancelled: go on once they have ended, or when they take too long to."""
    if state.intent is not None:
        return state  # what may still show on the cluster must be found before it can be cancelled
    failure, left = stop.failure, steps_to_stop(plan, state, stop)
    if left and (not stop.is_sent or now < stop.since + plan.patience.cancel_grace):
        return state
    if left and set(state.open_steps) - set(left):
        return replace(state, stop=Stop(failure=failure, since=now, takes_all=True))
    state = replace(state, stop=None)
    if left:
        message = f"{failure.message}; the cluster has not cancelled {', '.join(left)}"
        return fail(state, replace(failure, message=message), now)
    if failure.kind is FailureKind.STEP_TIMED_OUT and failure.step is not None:
        return _completed_after_all(state, failure.step) if state.steps[failure.step].has_completed else state
    if all(step.has_completed for step in state.steps):
        return end(state, Verdict.SUCCEEDED, now)
    return fail(state, failure, now)


def steps_to_stop(plan: Plan, state: State, stop: Stop) -> tuple[StepId, ...]:
    """The open attempts that a stop is about: a step that took too long takes none with it that may go on."""
    index, cluster = stop.failure.step, state.cluster
    is_late_step = stop.failure.kind is FailureKind.STEP_TIMED_OUT and not stop.takes_all
    if not is_late_step or index is None or cluster is None:
        return state.open_steps
    if _is_concurrent(plan, cluster) or _may_fail(plan, index):
        late = state.steps[index]
        return (late.ids[-1],) if late.is_open else ()
    return state.open_steps


def _completed_after_all(state: State, index: int) -> State:
    """A step that took too long has completed before its cancel came: those cancelled behind it are sent again."""
    steps = tuple(
        step.reopened() if later > index and _was_cancelled_behind(step) else step
        for later, step in enumerate(state.steps)
    )
    steps = (*steps[:index], replace(steps[index], has_timed_out=False), *steps[index + 1 :])
    is_left = any(step.state is None for step in steps)
    return replace(state, steps=steps, phase=Phase.RETRYING if is_left else Phase.RUNNING)


def _without_cluster(plan: Plan, state: State, cluster: ClusterProgress, now: datetime) -> State:
    """The cluster is gone or going: with success, to be replaced, or for good."""
    if state.steps and all(step.has_completed for step in state.steps):
        return end(state, Verdict.SUCCEEDED, now)
    is_explained = bool(cluster.reason_code) or any(step.state is StepState.FAILED for step in state.steps)
    lags = bool(state.open_steps or state.sent_along or not is_explained)
    if lags and cluster.state is ClusterState.TERMINATING:
        return replace(state, pace=replace(state.pace, wants_cluster=True))
    if lags and state.pace.rechecks < len(plan.patience.rechecks):
        return replace(state, pace=replace(state.pace, wants_cluster=True, rechecks=state.pace.rechecks + 1))
    failure = _death(plan, state, cluster)
    if policy.action_on(plan, state, failure.kind, failure.step) is policy.Action.NEW_CLUSTER:
        return _relaunch(plan, state, cluster, failure, now)
    return fail(state, failure, now)


def _death(plan: Plan, state: State, cluster: ClusterProgress) -> Failure:
    """Why a cluster's end is the run's: a step's failure where there is one, else the cluster's own reason."""
    why = ": ".join(part for part in (cluster.reason_code, cluster.reason) if part) or "the fabric gives no reason"
    is_untold = bool(state.sent_along) and cluster.reason_code != "BOOTSTRAP_FAILURE"
    if is_untold or any(step.state is StepState.RUNNING for step in state.steps):
        message = f"cluster {cluster.cluster_id} is gone ({why}) and the fabric doesn't say what became of its steps"
        return Failure(kind=FailureKind.LOST_SIGHT, message=message)
    if policy.is_bootstrap_failure(cluster, state.steps):
        message = f"cluster {cluster.cluster_id} could not start: {why}"
        return Failure(kind=FailureKind.BOOTSTRAP_FAILED, message=message)
    message = f"cluster {cluster.cluster_id} ended before its steps had: {why}"
    culprit = _culprit(state, cluster)
    if culprit is not None:
        blamed = blame(plan, state, culprit)
        kind = FailureKind.CLUSTER_DIED if policy.may_move(plan, state) else blamed.kind
        return replace(blamed, kind=kind)
    return Failure(kind=FailureKind.CLUSTER_DIED, message=message)


def _culprit(state: State, cluster: ClusterProgress) -> int | None:
    """The step whose end led to the cluster's; those that were only cancelled with it are none."""
    ended_after_its_steps = cluster.reason_code in {"ALL_STEPS_COMPLETED", "STEP_FAILURE"}
    for index, step in enumerate(state.steps):
        is_own = step.state is StepState.FAILED or step.has_timed_out
        if is_own or (ended_after_its_steps and step.state is not None and not step.has_completed):
            return index
    return None


def _relaunch(plan: Plan, state: State, cluster: ClusterProgress, failure: Failure, now: datetime) -> State:
    is_bootstrap = failure.kind is FailureKind.BOOTSTRAP_FAILED
    signature = policy.failure_signature(cluster.reason) if is_bootstrap else state.last_bootstrap_failure
    return replace(
        state,
        phase=Phase.RETRYING,
        cluster=None,
        past_clusters=(*state.past_clusters, cluster),
        steps=tuple(step if step.has_completed else step.reopened() for step in state.steps),
        sent_along=(),
        intent=None,
        stop=None,
        idle_since=None,
        last_bootstrap_failure=signature,
        wake_at=now + relaunch_delay(plan, state.launches),
    )


def _judge_each(plan: Plan, state: State, now: datetime) -> State:
    """Independent steps: each is retried alone; the run ends when none is left."""
    for index, step in enumerate(state.steps):
        has_failed = step.state is not None and step.state.has_ended and not step.has_completed
        if has_failed and _may_retry(plan, state, index):
            state = _reopen(plan, state, index, now)
    if state.open_steps or any(step.state is None for step in state.steps):
        return state
    failed = [index for index, step in enumerate(state.steps) if not step.has_completed]
    return fail(state, blame(plan, state, failed[0]), now)


def _judge_in_order(plan: Plan, state: State, now: datetime) -> State:
    """Steps one after the other: the first that failed decides, unless its action says to go on."""
    first_failure: Failure | None = None
    for index, step in enumerate(state.steps):
        if step.has_completed:
            continue
        if step.state is None:
            return state
        if _may_retry(plan, state, index):
            return _reopen_from(plan, state, index, now)
        first_failure = first_failure or blame(plan, state, index)
        if plan.steps[index].action_on_failure is not ActionOnFailure.CONTINUE:
            break
    return fail(state, first_failure, now) if first_failure else _all_done(state, now)


def _reopen_from(plan: Plan, state: State, index: int, now: datetime) -> State:
    """Try a step again, with those that were cancelled behind it."""
    state = _reopen(plan, state, index, now)
    steps = tuple(
        step.reopened(state.steps[index].not_before) if later > index and _was_cancelled_behind(step) else step
        for later, step in enumerate(state.steps)
    )
    return replace(state, steps=steps, phase=Phase.RETRYING)


def _was_cancelled_behind(step: StepProgress) -> bool:
    return step.state is StepState.CANCELLED and not step.may_have_run


def _reopen(plan: Plan, state: State, index: int, now: datetime) -> State:
    step, retry = state.steps[index], plan.steps[index].retry
    not_before = now + retry.delay if retry else now
    reopened = step.reopened(not_before)
    if blame(plan, state, index).kind is FailureKind.STEP_CANCELLED:
        reopened = replace(reopened, resends=step.resends + 1)
    return replace(state, steps=(*state.steps[:index], reopened, *state.steps[index + 1 :]))


def blame(plan: Plan, state: State, index: int) -> Failure:
    """Why a step has ended without success, in words."""
    step, progress = plan.steps[index], state.steps[index]
    place = f"step {index + 1}/{len(plan.steps)} {step.name!r} ({progress.step_id})"
    tries = f" in try {progress.tries}" if progress.tries > 1 else ""
    details = " ".join(part for part in (progress.reason, progress.message) if part)
    log = f" (log: {progress.log_file})" if progress.log_file else ""
    if progress.has_timed_out:
        kind, what = FailureKind.STEP_TIMED_OUT, "ran longer than its time limit and was cancelled"
    elif progress.state is StepState.CANCELLED:
        kind, what = FailureKind.STEP_CANCELLED, "was cancelled by somebody else"
    else:
        kind, what = FailureKind.STEP_FAILED, str(progress.state).lower()
    return Failure(kind=kind, message=f"{place} {what}{tries}{': ' + details if details else ''}{log}", step=index)
