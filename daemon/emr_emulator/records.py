"""What is known of a cluster, and who decides what becomes of it."""

from dataclasses import dataclass, field
from typing import Protocol

from emr_emulator import reasons
from emr_emulator.ids import derive
from emr_emulator.states import ClusterState
from emr_emulator.steps import Step
from emr_emulator.values import Change, ClusterRequest, Death, Durations, Ending, Manner, Reason


@dataclass(slots=True, kw_only=True)
class ClusterRecord:
    """All that is known of a cluster, and all that has to be kept for it to live on after a restart."""

    id: str
    number: int
    request: ClusterRequest
    created: float
    region: str
    speed: float = 1.0
    state: ClusterState = ClusterState.STARTING
    reason: Reason = reasons.PROVISIONING
    durations: Durations = field(default_factory=Durations)
    protected: bool = False
    keep_alive: bool = False
    visible: bool = True
    step_concurrency: int = 1
    idle_timeout: int | None = None
    idle_since: float | None = None
    visible_from: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    phase_ends: float | None = None
    action: int = 0
    action_ending: Ending | None = None
    ready: float | None = None
    ended: float | None = None
    dies_at: float | None = None
    death: Death | None = None
    manner: Manner = field(default_factory=Manner)
    final: tuple[ClusterState, Reason] | None = None
    history: list[Change] = field(default_factory=list)

    @property
    def master_instance(self) -> str:
        """The EC2 id of its master."""
        return derive("i", self.id, "MASTER", 0)


class Director(Protocol):
    """Decides what becomes of a cluster where nothing, or not only a process, does: a scenario, faults, or both."""

    def find_durations(self, cluster: ClusterRecord) -> Durations:
        """Return how long this cluster takes over its phases."""

    def find_boot_failure(self, cluster: ClusterRecord) -> Reason | None:
        """Return why booting fails, or None; asked once, as BOOTSTRAPPING ends."""

    def plan_action(self, cluster: ClusterRecord, number: int) -> Ending | None:
        """Return how a bootstrap action ends, or None when it is to be run."""

    def plan_step(self, cluster: ClusterRecord, step: Step) -> Ending | None:
        """Return how a step ends, or None when it is to be run."""

    def find_death(self, cluster: ClusterRecord, step: Step | None) -> Death | None:
        """Return a coming death; asked at the cluster's creation, and as each step starts."""

    def find_manner(self, cluster: ClusterRecord) -> Manner:
        """Return how the end is reported; asked once, as the cluster ends."""
