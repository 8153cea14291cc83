"""Rules that need the cluster and the playbook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dataflow_runner.specs.findings import Problem
from dataflow_runner.specs.lint.common import MAX_TAGS, error, warning
from dataflow_runner.specs.model import (
    ActionOnFailure,
    ClusterConfig,
    FailureAction,
    Fleets,
    Groups,
    Market,
    PlaybookConfig,
)
from dataflow_runner.specs.release import parse_release


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Problems of a cluster spec and a playbook that are right each by itself."""

    cluster: tuple[Problem, ...]
    playbook: tuple[Problem, ...]


def lint_together(cluster: ClusterConfig, playbook: PlaybookConfig) -> Pair:
    """What a run of this playbook on a new cluster of this spec gets wrong; pointers are into 2-0-0 files."""
    return Pair(
        cluster=tuple(_spot(cluster, playbook)),
        playbook=(*_concurrency(cluster, playbook), *_keeping(cluster, playbook), *_tags(cluster, playbook)),
    )


def _spot(cluster: ClusterConfig, playbook: PlaybookConfig) -> Iterator[Problem]:
    """A cluster that loses its primary node, or a node with HDFS blocks on it, loses what the steps left there."""
    if playbook.durable_intermediates:
        return
    pointer = "/data/fabric/emr/instances"
    for place in spot_places(cluster.fabric.instances):
        message = (
            "a spot machine here takes the cluster, or its HDFS, with it. Keep it on demand, or say "
            "'\"durableIntermediates\": true' in a playbook whose steps find their input elsewhere"
        )
        yield warning(f"{pointer}/{place}", "spot", message)


def spot_places(instances: Groups | Fleets) -> Iterator[str]:
    """Pointers, below the union, of what puts the primary node or the HDFS nodes on spot machines."""
    if isinstance(instances, Groups):
        for key, group in (("master", instances.master), ("core", instances.core)):
            if group and group.count > 0 and group.market is Market.SPOT:
                yield f"groups/{key}/market"
    else:
        for key, fleet in (("master", instances.master), ("core", instances.core)):
            if fleet and fleet.spot > 0:
                yield f"fleets/{key}/spot"


def _concurrency(cluster: ClusterConfig, playbook: PlaybookConfig) -> Iterator[Problem]:
    """Above a step concurrency of 1 EMR takes no failure action but CONTINUE, and steps are independent."""
    if cluster.fabric.step_concurrency == 1:
        return
    for at, step in enumerate(playbook.steps):
        if step.action_on_failure is ActionOnFailure.TERMINATE_CLUSTER:
            message = (
                f"the cluster runs {cluster.fabric.step_concurrency} steps at a time, which are independent of each "
                f"other then: none may end the cluster. Use CONTINUE, or a step concurrency of 1"
            )
            yield error(f"/data/steps/{at}/actionOnFailure", "step-concurrency", message)


def _keeping(cluster: ClusterConfig, playbook: PlaybookConfig) -> Iterator[Problem]:
    release = parse_release(cluster.fabric.release_label)
    if playbook.on_failure.action is FailureAction.KEEP and release and not release.has_auto_termination:
        message = (
            f"EMR {cluster.fabric.release_label} has no auto-termination (5.30 and 6.1 have): "
            f"a kept cluster stays, and costs, until somebody ends it"
        )
        yield warning("/data/onFailure/action", "keep", message)


def _tags(cluster: ClusterConfig, playbook: PlaybookConfig) -> Iterator[Problem]:
    keys = {tag.key for tag in (*cluster.tags, *playbook.tags)}
    if len(keys) > MAX_TAGS >= max(len(cluster.tags), len(playbook.tags)):
        message = f"with the cluster spec's there are {len(keys)} tags; at most {MAX_TAGS} beside the runner's own"
        yield error("/data/tags", "tags", message)
