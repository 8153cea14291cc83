"""What every EMR action has in common: what it is given, and how it finds its cluster."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emr_emulator.cluster import Cluster
from emr_emulator.errors import NO_SUCH_JOB_FLOW, NOT_MODIFIABLE, no_such_cluster, refuse_request, refuse_value
from emr_emulator.fleet import Fleet

Params = Mapping[str, Any]
Answer = dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One checked request. ``now`` is the same for all that it does."""

    fleet: Fleet
    action: str
    params: Params
    now: float
    region: str

    def job_flow(self, cluster_id: str) -> Cluster:
        """Return a cluster for an action of the older kind."""
        cluster = self.fleet.find(cluster_id)
        if cluster is None:
            raise refuse_value(NO_SUCH_JOB_FLOW)
        return cluster

    def job_flows(self) -> list[Cluster]:
        """Return the clusters that ``JobFlowIds`` names, all of which must exist and be alive."""
        return [self.modifiable(self.job_flow(cluster_id)) for cluster_id in self.params["JobFlowIds"]]

    def modifiable(self, cluster: Cluster) -> Cluster:
        """Return a cluster that is alive, or refuse."""
        if not cluster.is_alive:
            raise refuse_value(NOT_MODIFIABLE)
        return cluster

    def cluster(self) -> Cluster:
        """Return the cluster that ``ClusterId`` names, for an action of the newer kind."""
        return self.named(self.params["ClusterId"])

    def named(self, cluster_id: str) -> Cluster:
        """Return a cluster for an action of the newer kind."""
        cluster = self.fleet.find(cluster_id)
        if cluster is None:
            raise no_such_cluster(cluster_id)
        return cluster

    def alive_cluster(self) -> Cluster:
        """Return the cluster that ``ClusterId`` names, which must be alive."""
        cluster = self.cluster()
        if not cluster.is_alive:
            raise refuse_request(NOT_MODIFIABLE)
        return cluster

    def change_all(self, clusters: Iterable[Cluster], change: Callable[[Cluster], None]) -> None:
        """Change some clusters."""
        for cluster in clusters:
            with self.fleet.changing(self.now, cluster):
                change(cluster)


Handler = Callable[[Call], Answer]
