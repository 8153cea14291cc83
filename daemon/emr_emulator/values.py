"""What a client asked for, as frozen values: the core never sees a wire document.

``ClusterRequest.document`` alone keeps the accepted RunJobFlow parameters, because DescribeCluster and its
companions show them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emr_emulator.states import ActionOnFailure, ClusterState, ReasonCode, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """One step as it was submitted."""

    name: str
    action: ActionOnFailure
    jar: str
    main_class: str | None = None
    arguments: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    execution_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapRequest:
    """One bootstrap action as it was submitted."""

    name: str
    path: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """One cluster as it was asked for."""

    name: str
    release_label: str = ""
    log_uri: str | None = None
    keep_alive: bool = False
    protected: bool = False
    step_concurrency: int = 1
    idle_timeout: int | None = None
    bootstrap: tuple[BootstrapRequest, ...] = ()
    steps: tuple[StepRequest, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long a cluster takes over what it does, in seconds."""

    start: float = 2.0
    bootstrap: float = 1.0
    terminate: float = 1.0
    cancel: float = 0.5

    def scaled(self, speed: float) -> "Durations":
        """Return the same life ``speed`` times as fast."""
        return Durations(
            start=self.start / speed,
            bootstrap=self.bootstrap / speed,
            terminate=self.terminate / speed,
            cancel=self.cancel / speed,
        )


LAPTOP = Durations()
AS_ON_AWS = Durations(start=240.0, bootstrap=90.0, terminate=60.0, cancel=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a step failed, as EMR's FailureDetails tells it."""

    reason: str = ""
    message: str = ""
    log_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a planned (simulated or sabotaged) step or bootstrap action ends: ``after`` seconds, in ``state``."""

    after: float
    state: StepState = StepState.COMPLETED
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A cluster's end that nobody asked for: ``after`` seconds from the moment it was decided."""

    after: float = 0.0
    state: ClusterState = ClusterState.TERMINATED_WITH_ERRORS
    code: ReasonCode | None = ReasonCode.INSTANCE_FAILURE
    message: str = "The master instance was lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the API reports a cluster's end, where that differs from the truth.

    ``plain``: TERMINATED in place of TERMINATED_WITH_ERRORS, with an empty reason. ``silent``: the reason is never
    told. ``reason_after``: the reason appears that many seconds after the end.
    """

    plain: bool = False
    silent: bool = False
    reason_after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a cluster is in its state; a reason without a code is shown as a message alone."""

    code: ReasonCode | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of a cluster's history."""

    at: float
    state: ClusterState
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StartStep:
    """Effect: this step's process has to start now."""

    cluster_id: str
    step_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStep:
    """Effect: this step's process has to be killed, and its end reported."""

    cluster_id: str
    step_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAction:
    """Effect: bootstrap action ``number`` (from 1) has to run now."""

    cluster_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAll:
    """Effect: everything that runs for this cluster has to be killed."""

    cluster_id: str


Effect = StartStep | StopStep | StartAction | StopAll

Tags = Mapping[str, str]
