"""What a run needs of a fabric. The words are EMR's; other fabrics translate theirs into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.specs.model import ActionOnFailure, ClusterConfig


class ClusterState(StrEnum):
    """Where a cluster is in its life."""

    STARTING = "STARTING"
    """Machines are being had."""
    BOOTSTRAPPING = "BOOTSTRAPPING"
    """Bootstrap actions run on them."""
    RUNNING = "RUNNING"
    """A step runs, or is about to."""
    WAITING = "WAITING"
    """Ready, with nothing to do."""
    TERMINATING = "TERMINATING"
    """Going away; can't be brought back, and costs nothing more."""
    TERMINATED = "TERMINATED"
    """Gone."""
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"
    """Gone, and the reason says why."""

    @property
    def is_ready(self) -> bool:
        """Whether steps run."""
        return self in {ClusterState.RUNNING, ClusterState.WAITING}

    @property
    def is_alive(self) -> bool:
        """Whether it takes steps and costs money. TERMINATING is neither."""
        return self in {ClusterState.STARTING, ClusterState.BOOTSTRAPPING} or self.is_ready


LIVE_STATES = frozenset(state for state in ClusterState if state.is_alive)


class StepState(StrEnum):
    """Where a step is in its life."""

    PENDING = "PENDING"
    """Waits for its turn."""
    CANCEL_PENDING = "CANCEL_PENDING"
    """Asked to stop; may still complete."""
    RUNNING = "RUNNING"
    """Runs."""
    COMPLETED = "COMPLETED"
    """Ended with success: the only state that counts as one."""
    CANCELLED = "CANCELLED"
    """Taken out before or while it ran."""
    FAILED = "FAILED"
    """Ended with an error."""
    INTERRUPTED = "INTERRUPTED"
    """Its cluster went away."""

    @property
    def has_ended(self) -> bool:
        """Whether the state is final."""
        return self in {StepState.COMPLETED, StepState.CANCELLED, StepState.FAILED, StepState.INTERRUPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """What a fabric says of a cluster."""

    cluster_id: ClusterId
    name: str
    state: ClusterState
    reason_code: str = ""
    """The fabric's code for its last change of state: 'BOOTSTRAP_FAILURE' say."""
    reason: str = ""
    created_at: datetime | None = None
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    step_concurrency: int = 1
    release: str = ""
    log_uri: str | None = None
    is_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """What a fabric says of a step."""

    step_id: StepId
    name: str
    state: StepState
    jar: str = ""
    arguments: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed, in the fabric's words; may be empty."""
    message: str = ""
    """The error that the step left, as far as the fabric read it."""
    log_file: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """A step as it is sent, with the failure action that the fabric is to take."""

    name: str
    jar: str
    action_on_failure: ActionOnFailure
    main_class: str | None = None
    arguments: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    overlay: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """A cluster as it is asked for: the spec, and what the run adds to it."""

    config: ClusterConfig
    steps: tuple[StepRequest, ...] = ()
    """Steps that go along with the launch."""
    keep_alive: bool
    """Whether the cluster outlives its steps."""
    auto_termination: timedelta | None = None
    """Idle time after which the fabric ends it; None: never."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The runner's tags and the playbook's, beside the spec's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuery:
    """Which clusters are looked for; every condition must hold."""

    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags that must be there; an empty value matches any."""
    created_since: datetime | None = None
    states: frozenset[ClusterState] = frozenset(ClusterState)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log of a step, decompressed; cut in the middle when it is very large."""

    name: str
    """'stderr', 'controller' say."""
    place: str
    """Where the whole of it is."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it would be made: what --dry-run prints."""

    service: str
    operation: str
    parameters: Mapping[str, object]


class Fabric(Protocol):
    """A place where clusters run.

    launch and submit raise NotSent, Refused or Unanswered and are never sent twice by a fabric itself. Every other
    method may be repeated without harm; it raises Unavailable (wait and ask again) or Refused. All pages are read.
    """

    @property
    def name(self) -> str:
        """The fabric and its place: 'emr:eu-central-1'."""

    async def launch(self, request: LaunchRequest) -> ClusterId:
        """Make a cluster."""

    async def submit(
        self, cluster_id: ClusterId, steps: Sequence[StepRequest], overlay: Mapping[str, object]
    ) -> tuple[StepId, ...]:
        """Add steps to a living cluster; their ids, in order."""

    async def describe(self, cluster_id: ClusterId) -> ClusterView | None:
        """A cluster as it is now; None when the fabric doesn't know it (yet: a new one may not show for a while)."""

    async def list_steps(self, cluster_id: ClusterId) -> tuple[StepView, ...] | None:
        """The cluster's steps, oldest first, as far back as the fabric shows; None when it doesn't know the cluster."""

    async def find_clusters(self, query: ClusterQuery) -> tuple[ClusterView, ...]:
        """The clusters that answer to a query, oldest first, with their tags where the query asks for tags."""

    async def cancel_steps(self, cluster_id: ClusterId, step_ids: Sequence[StepId]) -> Mapping[StepId, str]:
        """Ask for steps to be cancelled; those that the fabric won't cancel, with its reason."""

    async def terminate(self, cluster_id: ClusterId, *, lift_protection: bool) -> None:
        """End a cluster; one that is gone already is no error."""

    async def tag(self, cluster_id: ClusterId, tags: Mapping[str, str]) -> None:
        """Set tags on a cluster."""

    async def set_auto_termination(self, cluster_id: ClusterId, idle: timedelta) -> None:
        """Have the fabric end a cluster after so much idle time."""

    async def has_data(self, place: str, pattern: str | None) -> bool:
        """Whether a folder holds an object whose whole URI matches; without a pattern, any but empty folder markers."""

    async def fetch_logs(self, log_uri: str, cluster_id: ClusterId, step_id: StepId) -> tuple[LogFile, ...]:
        """A step's logs, as far as they have been shipped."""

    def preview_launch(self, request: LaunchRequest) -> tuple[Call, ...]:
        """The calls that launch would make."""

    def preview_submit(
        self, cluster_id: ClusterId, steps: Sequence[StepRequest], overlay: Mapping[str, object]
    ) -> tuple[Call, ...]:
        """The calls that submit would make."""

    async def close(self) -> None:
        """Let go of connections. Safe to call twice."""
