"""What really happened on the memory fabric, for assertions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dataflow_runner.jobs.ids import ClusterId, StepId


class Deed(StrEnum):
    """Something that happened."""

    CLUSTER_MADE = "CLUSTER_MADE"
    """A launch was carried out."""
    CLUSTER_ENDED = "CLUSTER_ENDED"
    """A cluster began to terminate: it costs nothing from here on."""
    STEP_SUBMITTED = "STEP_SUBMITTED"
    """A step stands on a cluster."""
    STEP_STARTED = "STEP_STARTED"
    """A step began to run."""
    STEP_ENDED = "STEP_ENDED"
    """A step reached a final state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One deed."""

    at: datetime
    deed: Deed
    cluster_id: ClusterId
    step_id: StepId | None = None
    name: str = ""
    """The cluster's or the step's."""
    detail: str = ""
    """The state or reason code that it ended with."""


class Ledger:
    """The deeds, in order, and how often each method was called."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.calls: Counter[str] = Counter()

    def clusters_made(self) -> tuple[ClusterId, ...]:
        """Every cluster that was ever made."""
        return tuple(record.cluster_id for record in self._of(Deed.CLUSTER_MADE))

    def clusters_alive(self) -> tuple[ClusterId, ...]:
        """Those that cost money now."""
        ended = {record.cluster_id for record in self._of(Deed.CLUSTER_ENDED)}
        return tuple(cluster_id for cluster_id in self.clusters_made() if cluster_id not in ended)

    def submissions(self, name: str) -> int:
        """How often a step of that name was put on a cluster."""
        return sum(record.name == name for record in self._of(Deed.STEP_SUBMITTED))

    def starts(self, name: str) -> int:
        """How often a step of that name began to run."""
        return sum(record.name == name for record in self._of(Deed.STEP_STARTED))

    def _of(self, deed: Deed) -> list[Record]:
        return [record for record in self.records if record.deed is deed]
