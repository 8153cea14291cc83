"""EmrFabric against canned answers: paging, filters, what is sent and what is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fabrics import samples
from tests.fabrics.wire import CannedEmr, Failure

from dataflow_runner import __version__
from dataflow_runner.errors import InputError, Refused, Unavailable
from dataflow_runner.fabrics.base import ClusterQuery, ClusterState, StepState
from dataflow_runner.fabrics.emr.client import EmrFabric
from dataflow_runner.jobs.ids import ClusterId, StepId

pytestmark = pytest.mark.integration

CLUSTER = ClusterId("j-1")
MORNING = 1_767_225_600.0
"""2026-01-01T00:00:00Z, as EMR sends instants."""


def cluster(cluster_id: str = "j-1", state: str = "RUNNING", created: float = MORNING, **more: Any) -> dict[str, Any]:
    status = {"State": state, "Timeline": {"CreationDateTime": created}}
    return {"Id": cluster_id, "Name": "nightly", "Status": status, **more}


def step(step_id: str, state: str = "PENDING", **status: Any) -> dict[str, Any]:
    config = {"Jar": "command-runner.jar", "Args": ["a", "b"]}
    return {"Id": step_id, "Name": f"step {step_id}", "Config": config, "Status": {"State": state, **status}}


async def test_a_launch_sends_the_request_and_gives_the_id(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("RunJobFlow", {"JobFlowId": "j-1"})
    request = samples.as_the_go_runner()
    assert await fabric.launch(request) == "j-1"
    [sent] = canned.asked("RunJobFlow")
    assert [sent] == [call.parameters for call in fabric.preview_launch(request)]


async def test_a_submit_sends_the_steps_and_gives_their_ids_in_order(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("AddJobFlowSteps", {"StepIds": ["s-1", "s-2"]})
    steps = [samples.step("a"), samples.step("b")]
    assert await fabric.submit(CLUSTER, steps, {"ExecutionRoleArn": "arn:aws:iam::1:role/r"}) == ("s-1", "s-2")
    [preview] = fabric.preview_submit(CLUSTER, steps, {"ExecutionRoleArn": "arn:aws:iam::1:role/r"})
    assert canned.asked("AddJobFlowSteps") == [preview.parameters]


async def test_a_request_that_emr_has_no_place_for_is_never_sent(fabric: EmrFabric, canned: CannedEmr) -> None:
    with pytest.raises(InputError):
        await fabric.launch(samples.launch(samples.config(overlay={"Nonsense": 1})))
    assert canned.requests == []


async def test_calls_say_which_program_makes_them(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("DescribeCluster", {"Cluster": cluster()})
    await fabric.describe(CLUSTER)
    assert f"dataflow-runner/{__version__}" in canned.requests[0].headers["user-agent"]


async def test_a_cluster_is_read_whole(fabric: EmrFabric, canned: CannedEmr) -> None:
    status = {
        "State": "TERMINATED_WITH_ERRORS",
        "StateChangeReason": {
            "Code": "BOOTSTRAP_FAILURE",
            "Message": "On the master instance, bootstrap action 1 failed",
        },
        "ErrorDetails": [{"ErrorCode": "X", "ErrorMessage": "exit code 7"}],
        "Timeline": {"CreationDateTime": MORNING, "ReadyDateTime": MORNING + 60, "EndDateTime": MORNING + 120},
    }
    answer = cluster(
        Status=status,
        Tags=[{"Key": "a", "Value": "b"}],
        ReleaseLabel="emr-7.1.0",
        LogUri="s3n://logs/",
        StepConcurrencyLevel=3,
        TerminationProtected=True,
    )
    canned.reply("DescribeCluster", {"Cluster": answer})
    view = await fabric.describe(CLUSTER)
    assert view is not None
    assert view.state is ClusterState.TERMINATED_WITH_ERRORS
    assert view.reason_code == "BOOTSTRAP_FAILURE"
    assert view.reason == "On the master instance, bootstrap action 1 failed; exit code 7"
    assert view.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert view.ended_at == datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    assert view.tags == {"a": "b"}
    assert (view.release, view.log_uri, view.step_concurrency, view.is_protected) == (
        "emr-7.1.0",
        "s3n://logs/",
        3,
        True,
    )


@pytest.mark.parametrize(
    "failure",
    [
        Failure("InvalidRequestException", "Cluster id 'j-1' is not valid."),
        Failure("ValidationException", "Specified job flow ID does not exist."),
    ],
    ids=lambda failure: failure.code,
)
async def test_a_cluster_that_emr_doesnt_know_is_none(fabric: EmrFabric, canned: CannedEmr, failure: Failure) -> None:
    canned.reply("DescribeCluster", failure)
    canned.reply("ListSteps", failure)
    assert await fabric.describe(CLUSTER) is None
    assert await fabric.list_steps(CLUSTER) is None


async def test_another_refusal_isnt_taken_for_an_unknown_cluster(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("DescribeCluster", Failure("ValidationException", "1 validation error detected"))
    with pytest.raises(Refused):
        await fabric.describe(CLUSTER)


async def test_steps_come_oldest_first_from_all_pages_each_once(fabric: EmrFabric, canned: CannedEmr) -> None:
    first = {"Steps": [step("s-4"), step("s-3", "RUNNING")], "Marker": "more"}
    # A step was added between the two calls: the page boundary moved.
    second = {"Steps": [step("s-3", "COMPLETED"), step("s-2"), step("s-1")]}
    canned.reply("ListSteps", first, second)
    views = await fabric.list_steps(CLUSTER)
    assert views is not None
    assert [view.step_id for view in views] == ["s-1", "s-2", "s-3", "s-4"]
    assert views[2].state is StepState.COMPLETED
    assert canned.asked("ListSteps") == [{"ClusterId": "j-1"}, {"ClusterId": "j-1", "Marker": "more"}]


async def test_a_failed_step_says_why(fabric: EmrFabric, canned: CannedEmr) -> None:
    details = {"Reason": "Unknown Error.", "Message": "Exception in thread main", "LogFile": "s3://logs/stderr.gz"}
    timeline = {"CreationDateTime": MORNING, "StartDateTime": MORNING + 1, "EndDateTime": MORNING + 2}
    canned.reply("ListSteps", {"Steps": [step("s-1", "FAILED", FailureDetails=details, Timeline=timeline)]})
    [view] = await fabric.list_steps(CLUSTER) or ()
    assert (view.reason, view.message, view.log_file) == (
        "Unknown Error.",
        "Exception in thread main",
        "s3://logs/stderr.gz",
    )
    assert (view.jar, view.arguments) == ("command-runner.jar", ("a", "b"))
    assert view.started_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)


async def test_one_look_at_fifty_steps_is_one_call(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("ListSteps", {"Steps": [step(f"s-{number}") for number in range(50)]})
    assert len(await fabric.list_steps(CLUSTER) or ()) == 50
    assert len(canned.requests) == 1


async def test_clusters_are_found_by_name_then_tags_on_all_pages_oldest_first(
    fabric: EmrFabric, canned: CannedEmr
) -> None:
    pages: list[dict[str, Any]] = [
        {"Clusters": [cluster("j-3", created=MORNING + 9), cluster("j-2", Name="other")], "Marker": "more"},
        {"Clusters": [cluster("j-1"), cluster("j-3", created=MORNING + 9), cluster("j-4")]},
    ]
    canned.reply("ListClusters", *pages)
    ours, theirs = [{"Key": "owner", "Value": "me"}], [{"Key": "owner", "Value": "you"}]
    described = [cluster("j-3", Tags=ours, created=MORNING + 9), cluster("j-1", Tags=ours), cluster("j-4", Tags=theirs)]
    canned.reply("DescribeCluster", *({"Cluster": answer} for answer in described))
    since = datetime(2025, 12, 31, tzinfo=UTC)
    query = ClusterQuery(
        name="nightly", tags={"owner": "me"}, created_since=since, states=frozenset({ClusterState.RUNNING})
    )
    found = await fabric.find_clusters(query)
    assert [view.cluster_id for view in found] == ["j-1", "j-3"]
    assert found[0].tags == {"owner": "me"}
    asked = canned.asked("ListClusters")[0]
    assert asked == {"CreatedAfter": since.timestamp(), "ClusterStates": ["RUNNING"]}
    assert [asked["ClusterId"] for asked in canned.asked("DescribeCluster")] == ["j-3", "j-1", "j-4"]


async def test_without_tags_no_cluster_is_described(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("ListClusters", {"Clusters": [cluster()]})
    assert len(await fabric.find_clusters(ClusterQuery(name="nightly"))) == 1
    assert canned.asked("ListClusters") == [{}]
    assert canned.asked("DescribeCluster") == []


async def test_a_listed_cluster_that_cant_be_described_yet_is_never_left_out(
    fabric: EmrFabric, canned: CannedEmr
) -> None:
    """To leave it out would say that no cluster was made."""
    canned.reply("ListClusters", {"Clusters": [cluster()]})
    canned.reply("DescribeCluster", Failure("InvalidRequestException", "Cluster id 'j-1' is not valid."))
    with pytest.raises(Unavailable):
        await fabric.find_clusters(ClusterQuery(tags={"owner": "me"}))


async def test_steps_are_cancelled_256_at_a_time_and_refusals_told(fabric: EmrFabric, canned: CannedEmr) -> None:
    refused = {"StepId": "s-7", "Status": "FAILED", "Reason": "Cannot cancel step s-7 in state COMPLETED"}
    canned.reply("CancelSteps", {"CancelStepsInfoList": [{"StepId": "s-0", "Status": "SUBMITTED"}, refused]}, {})
    step_ids = [StepId(f"s-{number}") for number in range(300)]
    assert await fabric.cancel_steps(CLUSTER, step_ids) == {"s-7": "Cannot cancel step s-7 in state COMPLETED"}
    batches = canned.asked("CancelSteps")
    assert [len(batch["StepIds"]) for batch in batches] == [256, 44]
    assert {batch["StepCancellationOption"] for batch in batches} == {"SEND_INTERRUPT"}


PROTECTED = Failure(
    "ValidationException", "Could not shut down one or more job flows since they are termination protected."
)


async def test_protection_is_lifted_when_asked(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("TerminateJobFlows", PROTECTED, {})
    canned.reply("DescribeCluster", {"Cluster": cluster(TerminationProtected=True)})
    canned.reply("SetTerminationProtection", {})
    await fabric.terminate(CLUSTER, lift_protection=True)
    assert canned.asked("SetTerminationProtection") == [{"JobFlowIds": ["j-1"], "TerminationProtected": False}]
    assert len(canned.asked("TerminateJobFlows")) == 2


async def test_protection_stays_when_not_asked(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("TerminateJobFlows", PROTECTED)
    canned.reply("DescribeCluster", {"Cluster": cluster(TerminationProtected=True)})
    with pytest.raises(Refused, match="termination protected"):
        await fabric.terminate(CLUSTER, lift_protection=False)
    assert canned.asked("SetTerminationProtection") == []


async def test_tags_and_idle_time_are_set_in_emrs_terms(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("AddTags", {})
    canned.reply("PutAutoTerminationPolicy", {})
    await fabric.tag(CLUSTER, {"a": "b"})
    await fabric.set_auto_termination(CLUSTER, timedelta(hours=4))
    assert canned.asked("AddTags") == [{"ResourceId": "j-1", "Tags": [{"Key": "a", "Value": "b"}]}]
    policy = {"ClusterId": "j-1", "AutoTerminationPolicy": {"IdleTimeout": 14400}}
    assert canned.asked("PutAutoTerminationPolicy") == [policy]


async def test_closing_twice_does_no_harm(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("DescribeCluster", {"Cluster": cluster()})
    await fabric.describe(CLUSTER)
    await fabric.close()
    await fabric.close()


def test_its_name_says_where_it_is(fabric: EmrFabric) -> None:
    assert fabric.name == "emr:eu-central-1"
