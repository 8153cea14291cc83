"""EMR as a Fabric."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

from dataflow_runner.errors import Refused, Unanswered, Unavailable
from dataflow_runner.fabrics.base import (
    Call,
    ClusterQuery,
    ClusterState,
    ClusterView,
    LaunchRequest,
    LogFile,
    StepRequest,
    StepView,
)
from dataflow_runner.fabrics.emr.answers import cluster_view, step_view
from dataflow_runner.fabrics.emr.calls import EmrCalls, Persistence
from dataflow_runner.fabrics.emr.objects import Objects
from dataflow_runner.fabrics.emr.quota import Buckets, QuotaSettings
from dataflow_runner.fabrics.emr.request import add_job_flow_steps, auto_termination_policy, run_job_flow
from dataflow_runner.fabrics.emr.session import AwsSession
from dataflow_runner.fabrics.query import matches
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.kit.clock import Clock

_CANCEL_BATCH = 256
"""StepIds that one CancelSteps takes."""

_UNKNOWN = re.compile(
    r"cluster\s?id .* is not valid|job ?flow id\b.*(does not exist|not valid)", re.IGNORECASE | re.DOTALL
)
"""EMR has no code of its own for a cluster that it doesn't know (or not yet): only these messages."""
_UNKNOWN_CODES = frozenset({"InvalidRequestException", "ValidationException"})


class EmrFabric:
    """EMR in one region, for one AWS identity. connect() first, or the first call does it."""

    def __init__(
        self,
        session: AwsSession,
        *,
        clock: Clock,
        quota: QuotaSettings | None = None,
        persistence: Persistence | None = None,
    ) -> None:
        self._session = session
        self._objects = Objects(session)
        self._calls = EmrCalls(
            session, clock=clock, buckets=Buckets(clock, quota), persistence=persistence or Persistence()
        )

    @property
    def name(self) -> str:
        """See Fabric.name."""
        return f"emr:{self._session.identity.region}"

    async def connect(self) -> None:
        """Make the clients, which blocks for a moment, and have the credentials; raises InputError or Unavailable."""
        await self._calls.connect()

    async def launch(self, request: LaunchRequest) -> ClusterId:
        """See Fabric.launch; raises InputError for a request that EMR's API has no place for."""
        answer = await self._calls.create("RunJobFlow", run_job_flow(request))
        if not answer.get("JobFlowId"):
            raise Unanswered("RunJobFlow: the answer holds no cluster id", call="RunJobFlow")
        return ClusterId(answer["JobFlowId"])

    async def submit(
        self, cluster_id: ClusterId, steps: Sequence[StepRequest], overlay: Mapping[str, object]
    ) -> tuple[StepId, ...]:
        """See Fabric.submit; raises InputError as launch does."""
        answer = await self._calls.create("AddJobFlowSteps", add_job_flow_steps(cluster_id, steps, overlay))
        step_ids = tuple(StepId(step_id) for step_id in answer.get("StepIds", ()))
        if len(step_ids) != len(steps):
            raise Unanswered(
                f"AddJobFlowSteps: {len(steps)} steps were sent and {len(step_ids)} ids came back",
                call="AddJobFlowSteps",
            )
        return step_ids

    async def describe(self, cluster_id: ClusterId) -> ClusterView | None:
        """See Fabric.describe."""
        try:
            cluster = await self._calls.fetch("DescribeCluster", "Cluster", ClusterId=cluster_id)
        except Refused as refusal:
            if is_unknown_cluster(refusal):
                return None
            raise
        return cluster_view(cluster)

    async def list_steps(self, cluster_id: ClusterId) -> tuple[StepView, ...] | None:
        """See Fabric.list_steps. EMR shows the last 1,000 steps, the newest first, 50 a call."""
        try:
            found = [step_view(step) async for step in self._calls.pages("ListSteps", "Steps", ClusterId=cluster_id)]
        except Refused as refusal:
            if is_unknown_cluster(refusal):
                return None
            raise
        # Pages shift when steps are added between two of them: a step may come twice.
        return tuple(reversed({step.step_id: step for step in found}.values()))

    async def find_clusters(self, query: ClusterQuery) -> tuple[ClusterView, ...]:
        """See Fabric.find_clusters. ListClusters knows neither names nor tags: tags cost a DescribeCluster each."""
        views = list({view.cluster_id: view async for view in self._listed(query)}.values())
        if query.tags:
            described = [await self._with_tags(view.cluster_id) for view in views]
            views = [view for view in described if matches(view, query)]
        return tuple(sorted(views, key=lambda view: (view.created_at is None, view.created_at, view.cluster_id)))

    async def cancel_steps(self, cluster_id: ClusterId, step_ids: Sequence[StepId]) -> Mapping[StepId, str]:
        """See Fabric.cancel_steps.

        A step that runs is interrupted (SIGTERM, from EMR 5.32), not killed: a killed driver leaves its YARN
        application at work, which a next try of the step would meet.
        """
        refusals: dict[StepId, str] = {}
        for start in range(0, len(step_ids), _CANCEL_BATCH):
            batch = list(step_ids[start : start + _CANCEL_BATCH])
            answer = await self._calls.ask(
                "CancelSteps", ClusterId=cluster_id, StepIds=batch, StepCancellationOption="SEND_INTERRUPT"
            )
            for info in answer.get("CancelStepsInfoList", []):
                if info.get("Status") == "FAILED":
                    refusals[StepId(info["StepId"])] = info.get("Reason") or "EMR gives no reason"
        return refusals

    async def terminate(self, cluster_id: ClusterId, *, lift_protection: bool) -> None:
        """See Fabric.terminate. A cluster that EMR doesn't know is Refused: a new one may only not show yet."""
        try:
            await self._calls.ask("TerminateJobFlows", JobFlowIds=[cluster_id])
        except Refused:
            # EMR's refusal of a protected cluster has no code of its own: its state says more than the message.
            view = await self.describe(cluster_id)
            if view is None or not (lift_protection and view.is_protected):
                raise
            await self._calls.ask("SetTerminationProtection", JobFlowIds=[cluster_id], TerminationProtected=False)
            await self._calls.ask("TerminateJobFlows", JobFlowIds=[cluster_id])

    async def tag(self, cluster_id: ClusterId, tags: Mapping[str, str]) -> None:
        """See Fabric.tag."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        await self._calls.ask("AddTags", ResourceId=cluster_id, Tags=pairs)

    async def set_auto_termination(self, cluster_id: ClusterId, idle: timedelta) -> None:
        """See Fabric.set_auto_termination. From EMR 5.30 and 6.1; 60 s to 7 days."""
        policy = auto_termination_policy(idle.total_seconds())
        await self._calls.ask("PutAutoTerminationPolicy", ClusterId=cluster_id, AutoTerminationPolicy=policy)

    async def has_data(self, place: str, pattern: str | None) -> bool:
        """See Fabric.has_data."""
        return await self._objects.has_data(place, pattern)

    async def fetch_logs(self, log_uri: str, cluster_id: ClusterId, step_id: StepId) -> tuple[LogFile, ...]:
        """See Fabric.fetch_logs. EMR ships logs every five minutes; they may grow until the step is over."""
        return await self._objects.fetch_logs(log_uri, cluster_id, step_id)

    def preview_launch(self, request: LaunchRequest) -> tuple[Call, ...]:
        """See Fabric.preview_launch."""
        return (Call(service="emr", operation="RunJobFlow", parameters=run_job_flow(request)),)

    def preview_submit(
        self, cluster_id: ClusterId, steps: Sequence[StepRequest], overlay: Mapping[str, object]
    ) -> tuple[Call, ...]:
        """See Fabric.preview_submit."""
        parameters = add_job_flow_steps(cluster_id, steps, overlay)
        return (Call(service="emr", operation="AddJobFlowSteps", parameters=parameters),)

    async def close(self) -> None:
        """See Fabric.close."""
        await self._session.close()

    async def _listed(self, query: ClusterQuery) -> AsyncIterator[ClusterView]:
        filters: dict[str, object] = {}
        if query.created_since is not None:
            filters["CreatedAfter"] = query.created_since
        if query.states != frozenset(ClusterState):
            filters["ClusterStates"] = sorted(query.states)
        async for summary in self._calls.pages("ListClusters", "Clusters", **filters):
            view = cluster_view(summary)
            if query.name in (None, view.name):
                yield view

    async def _with_tags(self, cluster_id: ClusterId) -> ClusterView:
        view = await self.describe(cluster_id)
        if view is None:  # to leave it out would be to say that it isn't ours
            raise Unavailable(f"EMR lists the cluster {cluster_id} but doesn't describe it yet", call="DescribeCluster")
        return view


def is_unknown_cluster(refusal: Refused) -> bool:
    """Whether EMR refused a call because it knows no such cluster, or doesn't show it yet."""
    return refusal.code in _UNKNOWN_CODES and _UNKNOWN.search(str(refusal)) is not None
