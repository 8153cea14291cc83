"""What a run may do to the world (effects), and what it may learn of it (events)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dataflow_runner.fabrics.base import ClusterView, LaunchRequest, StepRequest, StepView
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.jobs.record import LockRequest
from dataflow_runner.runs.state import Intent
from dataflow_runner.specs.model import Precondition

# Effects: one at a time, chosen by the machine, performed by the conductor.


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeLock:
    """Take the next lock."""

    lock: LockRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPreconditions:
    """Ask whether the preconditions hold."""

    preconditions: tuple[Precondition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Make a cluster. Not repeatable: journaled as an intent first."""

    intent: Intent
    request: LaunchRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Add steps to a cluster. Not repeatable: journaled as an intent first."""

    intent: Intent
    cluster_id: ClusterId
    requests: tuple[StepRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindClusters:
    """Look for the clusters that this run made: after an unanswered launch, and before the verdict."""

    name: str
    tags: Mapping[str, str]
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Ask how the cluster and its steps are."""

    cluster_id: ClusterId
    cluster: bool
    steps: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSteps:
    """Cancel steps of the run on a cluster."""

    cluster_id: ClusterId
    step_ids: tuple[StepId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCluster:
    """Write on a cluster why it ends or is kept, before it does."""

    cluster_id: ClusterId
    tags: Mapping[str, str]
    keep_for: timedelta | None = None
    """Set the idle time after which the fabric ends a kept cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminate:
    """End a cluster of the run's own."""

    cluster_id: ClusterId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLocks:
    """Let go of locks."""

    locks: tuple[LockRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLogs:
    """Fetch the logs of failed steps, as far as they have been shipped."""

    log_uri: str
    cluster_id: ClusterId
    step_ids: tuple[StepId, ...]


Effect = (
    TakeLock
    | CheckPreconditions
    | Launch
    | Submit
    | FindClusters
    | Look
    | CancelSteps
    | TagCluster
    | Terminate
    | ReleaseLocks
    | FetchLogs
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do before an instant, unless something is heard."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The run is over."""


# Events: what came of effects, and what came from outside.


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Another process goes on with the run: an open intent is in doubt from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """Somebody asked for the run's end."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTaken:
    """The next lock is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRefused:
    """The next lock is another's."""

    lock: LockRequest
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreconditionsMet:
    """They all hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreconditionUnmet:
    """One doesn't, the first in their order."""

    precondition: Precondition


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentWritten:
    """A launch or submission is in the journal and about to be called."""

    intent: Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The fabric answered a launch."""

    cluster_id: ClusterId


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The fabric answered a submission."""

    step_ids: tuple[StepId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateNotSent:
    """A launch or submission certainly never reached the fabric."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUnanswered:
    """A launch or submission may have happened."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused:
    """The fabric refused a call; asking again won't help."""

    effect: Effect
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """A call that changes nothing, or may be repeated, could not be made now."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClustersFound:
    """The clusters of this run that the fabric shows."""

    clusters: tuple[ClusterView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An answer to a look. The ids say which cluster it is about; a part that wasn't asked for is absent."""

    cluster_id: ClusterId
    cluster: ClusterView | None = None
    steps: tuple[StepView, ...] | None = None
    is_unknown: bool = False
    """The fabric doesn't know the cluster, for now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSent:
    """The fabric took the request to cancel steps; those it refused, with its reasons."""

    refused: Mapping[StepId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The tags are on the cluster."""

    is_kept: bool
    """Whether they say that it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateSent:
    """The fabric was asked to end a cluster."""

    cluster_id: ClusterId


@dataclass(frozen=True, slots=True, kw_only=True)
class LocksReleased:
    """The locks that had to be let go are free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsFetched:
    """A look for logs came back."""

    are_complete: bool


Event = (
    Tick
    | Resumed
    | CancelRequested
    | LockTaken
    | LockRefused
    | PreconditionsMet
    | PreconditionUnmet
    | IntentWritten
    | Launched
    | Submitted
    | CreateNotSent
    | CreateUnanswered
    | CallRefused
    | CallFailed
    | ClustersFound
    | Seen
    | CancelSent
    | Tagged
    | TerminateSent
    | LocksReleased
    | LogsFetched
)
