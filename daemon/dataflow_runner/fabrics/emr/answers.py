"""EMR's answers as views. Pure; the only place that knows their shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dataflow_runner.fabrics.base import ClusterState, ClusterView, StepState, StepView
from dataflow_runner.jobs.ids import ClusterId, StepId

Answer = Mapping[str, Any]


def cluster_view(cluster: Answer) -> ClusterView:
    """A Cluster of DescribeCluster, or a ClusterSummary of ListClusters (which has no tags)."""
    status = cluster.get("Status", {})
    reason, timeline = status.get("StateChangeReason", {}), status.get("Timeline", {})
    return ClusterView(
        cluster_id=ClusterId(cluster["Id"]),
        name=cluster.get("Name", ""),
        state=ClusterState(status["State"]),
        reason_code=reason.get("Code", ""),
        reason=_reason(reason.get("Message", ""), status.get("ErrorDetails", [])),
        created_at=_instant(timeline.get("CreationDateTime")),
        ready_at=_instant(timeline.get("ReadyDateTime")),
        ended_at=_instant(timeline.get("EndDateTime")),
        tags={tag["Key"]: tag.get("Value", "") for tag in cluster.get("Tags", [])},
        step_concurrency=cluster.get("StepConcurrencyLevel", 1),
        release=cluster.get("ReleaseLabel") or cluster.get("RunningAmiVersion") or "",
        log_uri=cluster.get("LogUri"),
        is_protected=cluster.get("TerminationProtected", False),
    )


def step_view(step: Answer) -> StepView:
    """A StepSummary of ListSteps."""
    status, config = step.get("Status", {}), step.get("Config", {})
    failure, timeline = status.get("FailureDetails", {}), status.get("Timeline", {})
    return StepView(
        step_id=StepId(step["Id"]),
        name=step.get("Name", ""),
        state=StepState(status["State"]),
        jar=config.get("Jar", ""),
        arguments=tuple(config.get("Args", ())),
        reason=failure.get("Reason") or status.get("StateChangeReason", {}).get("Message", ""),
        message=failure.get("Message", ""),
        log_file=failure.get("LogFile", ""),
        created_at=_instant(timeline.get("CreationDateTime")),
        started_at=_instant(timeline.get("StartDateTime")),
        ended_at=_instant(timeline.get("EndDateTime")),
    )


def _reason(message: str, details: list[Answer]) -> str:
    """EMR's message, with those of its error details that say more."""
    further = [text for detail in details if (text := detail.get("ErrorMessage", "")) and text not in message]
    return "; ".join(filter(None, [message, *dict.fromkeys(further)]))


def _instant(value: datetime | None) -> datetime | None:
    """Botocore makes instants in the machine's zone; everything here is in UTC."""
    return value.astimezone(UTC) if value else None
