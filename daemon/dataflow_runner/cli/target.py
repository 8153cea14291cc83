"""The cluster that a command line names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dataflow_runner.errors import ClusterNotUsable

if TYPE_CHECKING:
    from dataflow_runner.fabrics.base import Fabric
    from dataflow_runner.jobs.ids import ClusterId


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A cluster by its id, or by what no two living clusters should share."""

    cluster_id: str | None = None
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.cluster_id:
            return self.cluster_id
        if self.name:
            return f"named {self.name!r}"
        return "tagged " + ", ".join(f"{key}={value}" for key, value in self.tags.items())


async def find_target(fabric: Fabric, target: Target) -> ClusterId:
    """The one living cluster that is meant; ClusterNotUsable when there is none, or more than one."""
    from dataflow_runner.fabrics.base import LIVE_STATES, ClusterQuery
    from dataflow_runner.jobs.ids import ClusterId

    if target.cluster_id:
        return ClusterId(target.cluster_id)
    found = await fabric.find_clusters(ClusterQuery(name=target.name, tags=target.tags, states=LIVE_STATES))
    if len(found) == 1:
        return found[0].cluster_id
    if not found:
        raise ClusterNotUsable(f"no living cluster {target} in {fabric.name}")
    listed = ", ".join(f"{view.cluster_id} ({view.state})" for view in found)
    raise ClusterNotUsable(
        f"{len(found)} living clusters {target} in {fabric.name}: {listed}; name one by --cluster-id"
    )
