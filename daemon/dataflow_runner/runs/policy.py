"""What a failure leads to: a table, and the few conditions on it."""

from __future__ import annotations

import re
from enum import StrEnum

from dataflow_runner.fabrics.base import ClusterState
from dataflow_runner.runs.plan import Plan, tries_of
from dataflow_runner.runs.state import ClusterProgress, FailureKind, State, StepProgress, Verdict

MAX_RESENDS = 3
"""How often a step that others cancelled before it started is sent again."""


class Action(StrEnum):
    """What is done about a failure while something can still be done."""

    NEW_CLUSTER = "NEW_CLUSTER"
    """Make another cluster and go on there."""
    RETRY_STEPS = "RETRY_STEPS"
    """Submit the failed step, and those cancelled behind it, again."""
    END = "END"
    """Nothing: the run ends with the verdict of VERDICTS."""


ACTIONS = {
    FailureKind.LOCK_HELD: Action.END,
    FailureKind.PRECONDITION_UNMET: Action.END,
    FailureKind.CLUSTER_NOT_USABLE: Action.END,
    FailureKind.CALL_REFUSED: Action.END,
    FailureKind.BOOTSTRAP_FAILED: Action.NEW_CLUSTER,
    FailureKind.CLUSTER_DIED: Action.NEW_CLUSTER,
    FailureKind.STEP_FAILED: Action.RETRY_STEPS,
    FailureKind.STEP_CANCELLED: Action.RETRY_STEPS,
    FailureKind.STEP_TIMED_OUT: Action.RETRY_STEPS,
    FailureKind.LAUNCH_TIMED_OUT: Action.END,
    FailureKind.PENDING_TIMED_OUT: Action.END,
    FailureKind.RUN_TIMED_OUT: Action.END,
    FailureKind.CANCEL_REQUESTED: Action.END,
    FailureKind.LOST_SIGHT: Action.END,
    FailureKind.AMBIGUOUS: Action.END,
}
"""The action of each kind of failure, taken when may_* below allow it."""

VERDICTS = {
    FailureKind.LOCK_HELD: Verdict.FAILED,
    FailureKind.PRECONDITION_UNMET: Verdict.FAILED,
    FailureKind.CLUSTER_NOT_USABLE: Verdict.FAILED,
    FailureKind.CALL_REFUSED: Verdict.FAILED,
    FailureKind.BOOTSTRAP_FAILED: Verdict.FAILED,
    FailureKind.CLUSTER_DIED: Verdict.FAILED,
    FailureKind.STEP_FAILED: Verdict.FAILED,
    FailureKind.STEP_CANCELLED: Verdict.FAILED,
    FailureKind.STEP_TIMED_OUT: Verdict.TIMED_OUT,
    FailureKind.LAUNCH_TIMED_OUT: Verdict.TIMED_OUT,
    FailureKind.PENDING_TIMED_OUT: Verdict.TIMED_OUT,
    FailureKind.RUN_TIMED_OUT: Verdict.TIMED_OUT,
    FailureKind.CANCEL_REQUESTED: Verdict.CANCELLED,
    FailureKind.LOST_SIGHT: Verdict.UNKNOWN,
    FailureKind.AMBIGUOUS: Verdict.UNKNOWN,
}
"""The verdict when nothing more is done about it."""

EXIT_CODES = {FailureKind.LOCK_HELD: 17, FailureKind.CLUSTER_NOT_USABLE: 18}
"""Exit codes more specific than their verdict's."""

_CURABLE = re.compile(r"bootstrap action|Master instance startup failed", re.IGNORECASE)
"""Messages of launches that a new cluster may cure, where the code alone doesn't say so (EmrEtlRunner's list)."""

_INCURABLE = frozenset({"USER_REQUEST", "VALIDATION_ERROR"})
"""Codes of deaths that a new cluster would only repeat, or that somebody wanted."""

_IDS = re.compile(r"\b[ijs]-[0-9A-Za-z]+|\b\d+\.\d+\.\d+\.\d+\b")
"""What differs between two messages of the same failure: instance, cluster and step ids, addresses."""


def action_on(plan: Plan, state: State, kind: FailureKind, step: int | None) -> Action:
    """What is done about a failure now."""
    action = ACTIONS[kind]
    match kind:
        case FailureKind.BOOTSTRAP_FAILED:
            allowed = may_launch_again(plan, state)
        case FailureKind.CLUSTER_DIED:
            allowed = may_move(plan, state)
        case FailureKind.STEP_CANCELLED if step is not None:
            allowed = may_resend(state, step)
        case FailureKind.STEP_FAILED | FailureKind.STEP_TIMED_OUT if step is not None:
            allowed = has_tries_left(plan, state, step)
        case _:
            allowed = False
    return action if allowed else Action.END


def is_bootstrap_failure(cluster: ClusterProgress, steps: tuple[StepProgress, ...]) -> bool:
    """Whether a cluster failed to start in a way that a new one may cure, with no step that can have run."""
    if cluster.state is ClusterState.TERMINATED and not cluster.reason_code:
        return False
    is_curable = cluster.reason_code == "BOOTSTRAP_FAILURE" or bool(_CURABLE.search(cluster.reason))
    return is_curable and not any(step.may_have_run for step in steps)


def may_launch_again(plan: Plan, state: State) -> bool:
    """Whether another cluster is made after a failed bootstrap: tries are left, and the message is a new one."""
    if plan.cluster is None or state.cluster is None:
        return False
    repeats = failure_signature(state.cluster.reason) == state.last_bootstrap_failure
    return state.launches < plan.cluster.launch.max_attempts and not repeats


def may_move(plan: Plan, state: State) -> bool:
    """Whether the rest of the steps may go to a new cluster: intermediates outlive it, and what ran may be retried."""
    if plan.cluster is None or state.cluster is None or not plan.durable_intermediates:
        return False
    if state.launches >= plan.cluster.launch.max_attempts or state.cluster.reason_code in _INCURABLE:
        return False
    rest = [index for index, step in enumerate(state.steps) if not step.has_completed]
    return all(has_tries_left(plan, state, index) or not state.steps[index].may_have_run for index in rest)


def has_tries_left(plan: Plan, state: State, step: int) -> bool:
    """Whether a step may be tried again."""
    return state.steps[step].tries < tries_of(plan.steps[step])


def may_resend(state: State, step: int) -> bool:
    """Whether a step that others cancelled may be sent again: neither it nor a later one ran, and not for ever."""
    return state.steps[step].resends < MAX_RESENDS and not any(later.may_have_run for later in state.steps[step:])


def failure_signature(message: str) -> str:
    """A failure's message without what differs from one cluster to the next."""
    return _IDS.sub("…", message)
