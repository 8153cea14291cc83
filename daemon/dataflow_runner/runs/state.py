"""What is known of a run: the value that the machine turns over and the journal keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from dataflow_runner.fabrics.base import ClusterState, ClusterView, StepState, StepView
from dataflow_runner.jobs.ids import ClusterId, StepId


class Phase(StrEnum):
    """How far a run has come."""

    ACCEPTED = "ACCEPTED"
    """In the journal; its locks are not all taken."""
    LOCKED = "LOCKED"
    """Holds its locks; its preconditions are not decided."""
    CHECKED = "CHECKED"
    """Its preconditions hold; nothing is launched or submitted."""
    LAUNCHING = "LAUNCHING"
    """Its cluster is asked for, or not yet ready."""
    RUNNING = "RUNNING"
    """Its steps are on a cluster."""
    RETRYING = "RETRYING"
    """Waits before steps, or a cluster, are tried again."""
    LOWERING = "LOWERING"
    """The verdict is known; its cluster is being ended and its locks let go."""
    COLLECTING = "COLLECTING"
    """Nothing of it is left but the logs of its failed steps, which are waited for."""
    ENDED = "ENDED"
    """Over."""


class Verdict(StrEnum):
    """What became of a run."""

    SUCCEEDED = "SUCCEEDED"
    """The last attempt of every step is COMPLETED."""
    NO_OP = "NO_OP"
    """A precondition said that there is nothing to do."""
    FAILED = "FAILED"
    """It could not be done."""
    CANCELLED = "CANCELLED"
    """Somebody asked for its end."""
    TIMED_OUT = "TIMED_OUT"
    """It, its launch or a step took longer than allowed."""
    UNKNOWN = "UNKNOWN"
    """Lost from sight: neither success nor failure may be claimed."""
    DETACHED = "DETACHED"
    """Left running on purpose."""


EXIT_CODES = {
    Verdict.SUCCEEDED: 0,
    Verdict.NO_OP: 0,
    Verdict.FAILED: 1,
    Verdict.CANCELLED: 22,
    Verdict.TIMED_OUT: 21,
    Verdict.UNKNOWN: 20,
    Verdict.DETACHED: 0,
}
"""The exit code of a verdict, where nothing more specific is known (State.exit_code)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """What is known of one step of the playbook, over all its attempts."""

    name: str = ""
    ids: tuple[StepId, ...] = ()
    """Its ids on the fabric, one for each time it was submitted; the last one counts."""
    tries: int = 0
    """Attempts that failed or may still succeed; one that others cancelled before it started doesn't count."""
    resends: int = 0
    """Submissions that others cancelled before they started."""
    state: StepState | None = None
    """State of the last attempt; None while it is not submitted."""
    reason: str = ""
    """Why the last attempt failed; kept until the step is submitted again."""
    message: str = ""
    log_file: str = ""
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    has_timed_out: bool = False
    """Whether the last attempt was cancelled for taking too long."""
    not_before: datetime | None = None
    """When it may be submitted again."""

    @property
    def step_id(self) -> StepId | None:
        """The id of the last attempt, once it is known."""
        return self.ids[-1] if self.ids and self.state is not None else None

    @property
    def is_open(self) -> bool:
        """Whether an attempt is on the fabric and has not ended."""
        return self.state is not None and not self.state.has_ended

    @property
    def has_completed(self) -> bool:
        """Whether the last attempt succeeded."""
        return self.state is StepState.COMPLETED

    @property
    def has_failed(self) -> bool:
        """Whether the last attempt ended without success and left logs: one that never started leaves none."""
        return self.state in {StepState.FAILED, StepState.INTERRUPTED} or (
            self.state is StepState.CANCELLED and self.started_at is not None
        )

    @property
    def may_have_run(self) -> bool:
        """Whether the last attempt did, or may have done, any of its work."""
        return self.started_at is not None or self.state not in {None, StepState.CANCELLED, StepState.PENDING}

    def reopened(self, not_before: datetime | None = None) -> StepProgress:
        """The step as one to be submitted again; an attempt that can't have run doesn't count as a try."""
        if self.state is None:
            return replace(self, not_before=not_before)
        tries = self.tries if self.may_have_run else max(0, self.tries - 1)
        return StepProgress(
            name=self.name,
            ids=self.ids,
            tries=tries,
            resends=self.resends,
            reason=self.reason,
            message=self.message,
            log_file=self.log_file,
            not_before=not_before,
        )

    def submitted(self, step_id: StepId, now: datetime) -> StepProgress:
        """A new attempt."""
        return StepProgress(
            name=self.name,
            ids=(*self.ids, step_id),
            tries=self.tries + 1,
            resends=self.resends,
            state=StepState.PENDING,
            submitted_at=now,
        )

    def seen(self, view: StepView) -> StepProgress:
        """What the fabric says now. An end once seen is never taken back by a late answer."""
        if self.state is not None and self.state.has_ended and not view.state.has_ended:
            return self
        return replace(
            self,
            state=view.state,
            reason=view.reason or self.reason,
            message=view.message or self.message,
            log_file=view.log_file or self.log_file,
            started_at=view.started_at or self.started_at,
            ended_at=view.ended_at or self.ended_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterProgress:
    """What is known of a cluster that the run made or uses."""

    cluster_id: ClusterId
    attempt: int
    """Which launch of the run made it, from 1; 0 for a cluster that was named."""
    launched_at: datetime
    state: ClusterState = ClusterState.STARTING
    reason_code: str = ""
    reason: str = ""
    ready_at: datetime | None = None
    step_concurrency: int = 1
    log_uri: str | None = None

    def seen(self, view: ClusterView, now: datetime) -> ClusterProgress:
        """What the fabric says now. A cluster that was going away never comes back by a late answer."""
        if not self.state.is_alive and view.state.is_alive:
            return self
        dies_now = self.state.is_alive and not view.state.is_alive
        kept = replace(self, reason_code="", reason="") if dies_now else self  # what was said of its life is no reason
        return replace(
            self,
            state=view.state,
            reason_code=view.reason_code or kept.reason_code,
            reason=view.reason or kept.reason,
            ready_at=self.ready_at or (now if view.state.is_ready else None),
            step_concurrency=view.step_concurrency,
            log_uri=view.log_uri or self.log_uri,
        )


class IntentKind(StrEnum):
    """A change of the world that can't be repeated without harm."""

    LAUNCH = "LAUNCH"
    """RunJobFlow."""
    SUBMIT = "SUBMIT"
    """AddJobFlowSteps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Such a change, written to the journal before the call, and kept until its outcome is known."""

    kind: IntentKind
    at: datetime
    attempt: int
    """The launch, or for a submission the launch of the cluster that it goes to."""
    indexes: tuple[int, ...] = ()
    """The steps that go along."""
    known: tuple[StepId, ...] = ()
    """Ids that the cluster had before a submission: what isn't among them is new."""
    is_doubtful: bool = False
    """Whether the answer was lost: it may or may not have happened, and is looked for."""
    settles_at: datetime | None = None
    """When, not found till then, it has certainly not happened."""
    looks: int = 0
    """Looks without a find."""
    looked_at: datetime | None = None


class FailureKind(StrEnum):
    """Why a run, a cluster or a step can't go on."""

    LOCK_HELD = "LOCK_HELD"
    """Another run holds a lock that this one won't wait for."""
    PRECONDITION_UNMET = "PRECONDITION_UNMET"
    """A precondition that the playbook insists on doesn't hold."""
    CLUSTER_NOT_USABLE = "CLUSTER_NOT_USABLE"
    """The named cluster is gone or can't take steps."""
    CALL_REFUSED = "CALL_REFUSED"
    """The fabric refused a call for its content or for lack of permission."""
    BOOTSTRAP_FAILED = "BOOTSTRAP_FAILED"
    """The cluster failed to start, and no step can have run."""
    CLUSTER_DIED = "CLUSTER_DIED"
    """The cluster went away before its steps had ended."""
    STEP_FAILED = "STEP_FAILED"
    """A step ended with an error."""
    STEP_CANCELLED = "STEP_CANCELLED"
    """Somebody else cancelled a step."""
    STEP_TIMED_OUT = "STEP_TIMED_OUT"
    """A step ran longer than allowed."""
    LAUNCH_TIMED_OUT = "LAUNCH_TIMED_OUT"
    """The cluster took longer to start than allowed."""
    PENDING_TIMED_OUT = "PENDING_TIMED_OUT"
    """No step of the run ran for longer than allowed."""
    RUN_TIMED_OUT = "RUN_TIMED_OUT"
    """The whole run took longer than allowed."""
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    """Somebody asked for the run's end."""
    LOST_SIGHT = "LOST_SIGHT"
    """The fabric no longer shows the cluster or its steps."""
    AMBIGUOUS = "AMBIGUOUS"
    """What happened can't be told apart from what others did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why the run ends without success, in words for its user."""

    kind: FailureKind
    message: str
    step: int | None = None
    """Index of the step to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Steps of the run are being cancelled on the cluster, for a reason."""

    failure: Failure
    since: datetime
    """Since when it is wanted, or asked for."""
    is_sent: bool = False
    takes_all: bool = False
    """Whether it takes every open step with it, since the run ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When what is looked at next. Never journaled: a new owner looks at once."""

    looked_at: datetime | None = None
    looks: int = 0
    wants_cluster: bool = False
    """Whether the next look must show the cluster too, because something is about to be decided."""
    rechecks: int = 0
    """Looks taken again because the API lagged."""
    unseen_since: datetime | None = None
    """Since when the API has not known the cluster, or refuses to show it."""
    refusal: str = ""
    """Why a submission was refused; whether the cluster's end explains it is not known yet."""
    failures: int = 0
    """Calls in a row that could not be made."""
    retry_at: datetime | None = None
    """Not before then is another call made."""
    locked_at: datetime | None = None
    """Last try for a lock that is waited for."""
    swept_at: datetime | None = None
    """Last look for other clusters of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that is known of a run. Two states are equal when there is nothing new to journal."""

    phase: Phase = Phase.ACCEPTED
    verdict: Verdict | None = None
    exit_code: int | None = None
    failure: Failure | None = None
    locks: int = 0
    """How many of the plan's locks are held."""
    locks_released: bool = False
    preconditions_met: bool = False
    launches: int = 0
    """Clusters asked for."""
    cluster: ClusterProgress | None = None
    past_clusters: tuple[ClusterProgress, ...] = ()
    steps: tuple[StepProgress, ...] = ()
    sent_along: tuple[int, ...] = ()
    """Steps that went with the launch and whose ids are not known yet."""
    intent: Intent | None = None
    was_in_doubt: bool = False
    """Whether an answer to a launch was ever lost."""
    stop: Stop | None = None
    wake_at: datetime | None = None
    """When another cluster may be asked for."""
    idle_since: datetime | None = None
    """Since when none of the run's steps has run on a ready cluster."""
    last_bootstrap_failure: str | None = None
    lowering_since: datetime | None = None
    termination_sent_at: datetime | None = None
    is_tagged: bool = False
    """Whether the run's tags are on a cluster that was named, or on its own why it ends or is kept."""
    extras: tuple[ClusterId, ...] = ()
    """Living clusters of this run that it didn't adopt: they are ended before the run is."""
    is_swept: bool = False
    cluster_kept: bool = False
    logs_due_at: datetime | None = None
    logs_done: bool = False
    pace: Pace = field(default_factory=Pace, compare=False)

    @property
    def open_steps(self) -> tuple[StepId, ...]:
        """Ids of the attempts that have not ended, in order."""
        return tuple(step.ids[-1] for step in self.steps if step.is_open)

    @property
    def final_exit_code(self) -> int:
        """The exit code of an ended run."""
        if self.exit_code is not None:
            return self.exit_code
        return EXIT_CODES[self.verdict] if self.verdict else 1
