"""What the memory fabric is told beforehand: durations, outcomes, deaths, faults of the wire. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from dataflow_runner.fabrics.base import ClusterState, StepState


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScript:
    """One try of a step."""

    duration: timedelta = timedelta(seconds=30)
    """How long it runs."""
    outcome: StepState = StepState.COMPLETED
    """COMPLETED or FAILED."""
    reason: str = "Unknown Error."
    """What EMR would give as the reason of a failure."""
    message: str = ""
    """The error that it leaves."""
    ignores_cancel: bool = False
    """Whether it goes on when it is asked to stop."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Its logs by name, shipped after it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A cluster's end that nobody asked for."""

    after: timedelta
    """Since its creation."""
    code: str = "INTERNAL_ERROR"
    message: str = ""
    state: ClusterState = ClusterState.TERMINATED_WITH_ERRORS
    """TERMINATED, with an empty code and message, is how EMR shows some deaths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterScript:
    """One cluster."""

    starting: timedelta = timedelta(minutes=3)
    """From its creation to BOOTSTRAPPING."""
    bootstrapping: timedelta = timedelta(minutes=1)
    """From there until it can run steps."""
    terminating: timedelta = timedelta(minutes=1)
    """From the decision that it ends to its end."""
    cancelling: timedelta = timedelta(seconds=5)
    """How long a running step takes to stop when it is asked to."""
    death: Death | None = None
    hidden_for: timedelta = timedelta()
    """How long after its creation the fabric doesn't show it: neither described, nor listed, nor its steps."""


def bootstrap_failure(message: str = "bootstrap action 1 returned a non-zero return code") -> ClusterScript:
    """A cluster that fails while it boots, as about one EMR launch in a hundred does."""
    usual = ClusterScript()
    death = Death(after=usual.starting + usual.bootstrapping / 2, code="BOOTSTRAP_FAILURE", message=message)
    return ClusterScript(death=death)


class WireTrouble(StrEnum):
    """What becomes of a call."""

    NOT_SENT = "NOT_SENT"
    """It never leaves: NotSent of a create, Unavailable of another."""
    LOST_REQUEST = "LOST_REQUEST"
    """It gets lost on its way: not done. Unanswered of a create, Unavailable of another."""
    LOST_ANSWER = "LOST_ANSWER"
    """It is done and the answer gets lost: Unanswered of a create, Unavailable of another."""
    LATE = "LATE"
    """The answer gets lost, and it is done `delay` later. Creates only."""
    THROTTLED = "THROTTLED"
    """Not done, and the fabric says that it was one call too many: Unanswered of a create (EMR's throttle may lie)."""
    THROTTLED_BUT_DONE = "THROTTLED_BUT_DONE"
    """Done, and the fabric says that it was one call too many. Creates only."""
    REFUSED = "REFUSED"
    """Not done: refused for its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFault:
    """A trouble for certain calls, counted from 1 by the name of the method ('launch', 'list_steps', …)."""

    call: str
    trouble: WireTrouble
    first: int = 1
    """The first call that it strikes."""
    times: int = 1
    """How many calls in a row it strikes."""
    delay: timedelta = timedelta(minutes=1)
    """How late a LATE create is carried out."""

    def strikes(self, call: str, number: int) -> bool:
        """Whether it strikes the so-manieth call of a method."""
        return call == self.call and self.first <= number < self.first + self.times


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that will happen by itself."""

    clusters: Mapping[int, ClusterScript] = field(default_factory=dict)
    """By number, in the order they are made, from 1; others are as `usual_cluster`."""
    usual_cluster: ClusterScript = field(default_factory=ClusterScript)
    steps: Mapping[str, tuple[StepScript, ...]] = field(default_factory=dict)
    """The tries of a step by its name, over all clusters; the last one repeats. Others are as `usual_step`."""
    usual_step: StepScript = field(default_factory=StepScript)
    wire: tuple[WireFault, ...] = ()
    log_lag: timedelta = timedelta()
    """How long after a step's end its logs are there."""
    objects: frozenset[str] = frozenset()
    """URIs of the objects in S3; one that ends in '/' is an empty folder marker."""

    def cluster(self, number: int) -> ClusterScript:
        """The script of a cluster by its number."""
        return self.clusters.get(number, self.usual_cluster)

    def step(self, name: str, attempt: int) -> StepScript:
        """The script of a step's so-manieth start, from 1."""
        tries = self.steps.get(name, (self.usual_step,))
        return tries[min(attempt, len(tries)) - 1]

    def trouble(self, call: str, number: int) -> WireFault | None:
        """The fault that strikes a call, if one does."""
        return next((fault for fault in self.wire if fault.strikes(call, number)), None)
