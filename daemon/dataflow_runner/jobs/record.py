"""A job as it was asked for, and the record that a journal keeps of its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dataflow_runner.jobs.ids import ClusterId, InstanceId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecText:
    """A spec as it was given: JSON text with its templates left in, static credentials taken out."""

    name: str
    """The file it came from, for messages."""
    text: str
    """The unexpanded JSON text (an Avro file is kept as the JSON that it converts to)."""
    digest: str
    """Salted digest of the expanded text: tells a resume that the spec would now read otherwise."""


class JobKind(StrEnum):
    """What a run is for; decides what becomes of its cluster."""

    UP = "UP"
    """Make a cluster and leave it running."""
    TRANSIENT = "TRANSIENT"
    """Make a cluster, run the steps, end the cluster."""
    NAMED = "NAMED"
    """Run the steps on a cluster that is there already."""


class ExternalLock(StrEnum):
    """Where a lock of the command line lives."""

    FILE = "FILE"
    """A file on this host."""
    CONSUL = "CONSUL"
    """A key in Consul."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """A lock that the run takes before anything else is done, and how it is let go."""

    name: str
    """Path, Consul key or name in the journal."""
    hard: bool
    """Hard: kept when the run fails. Soft: let go in any case."""
    wait: bool = False
    """Whether a held lock is waited for."""
    external: ExternalLock | None = None
    """None: a lock of the journal's."""
    consul: str | None = None
    """Consul's address, 'host:port' or a URL, for a lock there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything needed to begin a run, or to go on with it in another process."""

    run_id: RunId
    name: str
    kind: JobKind
    instant: datetime
    """The one instant of which templates speak, whenever they are expanded."""
    variables: Mapping[str, str] = field(default_factory=dict)
    playbook: SpecText | None = None
    cluster: SpecText | None = None
    cluster_id: ClusterId | None = None
    """The cluster of a NAMED job."""
    lock: LockRequest | None = None
    """A lock asked for beside the playbook's own."""
    detach: bool = False
    """Submit and leave (--async)."""
    share_cluster: bool = False
    """Whether a named cluster is shared with others, without the implied lock."""
    log_failed_steps: bool = False
    salt: str = ""
    """Salt of the digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as the journal holds it. Every write of one is conditional on owner and fence."""

    job: Job
    state: bytes
    """The run's state, encoded by the room that understands it."""
    phase: str
    verdict: str | None = None
    exit_code: int | None = None
    cluster_id: ClusterId | None = None
    reason: str = ""
    created_at: datetime
    updated_at: datetime
    owner: InstanceId | None = None
    """Who drives the run; None when nobody does."""
    fence: int = 0
    """Raised by every claim, so that a deposed owner's write is refused."""

    @property
    def run_id(self) -> RunId:
        """The run's id."""
        return self.job.run_id

    @property
    def has_ended(self) -> bool:
        """Whether the run has its verdict and will never be driven again."""
        return self.verdict is not None and self.phase == "ENDED"


class EntryKind(StrEnum):
    """What a line of a run's history tells."""

    INTENT = "INTENT"
    """Written before the world is changed."""
    OUTCOME = "OUTCOME"
    """What came of an intent."""
    NOTE = "NOTE"
    """Anything else worth reading later: a change of phase, a take-over, a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a run's history."""

    at: datetime
    kind: EntryKind
    text: str


class RequestKind(StrEnum):
    """What may be asked of a run from outside."""

    CANCEL = "CANCEL"
    """End the run and what it started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something asked of a run by somebody who doesn't drive it; its owner reads it."""

    kind: RequestKind
    at: datetime
    by: str
    """Who asks, 'user@host' say."""
