"""EMR's actions on clusters, through a real client."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.emr_emulator.servers import INSTANCES, desk, launch, pages, refusal, steps

from emr_emulator.model import ApiModel
from emr_emulator.views import view_cluster

pytestmark = pytest.mark.integration


async def state_of(emr: Any, cluster_id: str) -> str:
    """The cluster's state as the API tells it."""
    answer = await emr.describe_cluster(ClusterId=cluster_id)
    return str(answer["Cluster"]["Status"]["State"])


async def test_a_transient_cluster_is_seen_from_starting_to_terminated() -> None:
    transient = INSTANCES | {"KeepJobFlowAliveWhenNoSteps": False}
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, Instances=transient, Steps=steps(1))
        seen = [await state_of(emr, cluster_id)]
        for seconds in (2, 1, 10, 1):
            clock.pass_time(seconds)
            seen.append(await state_of(emr, cluster_id))
        assert seen == ["STARTING", "BOOTSTRAPPING", "RUNNING", "TERMINATING", "TERMINATED"]
        status = (await emr.describe_cluster(ClusterId=cluster_id))["Cluster"]["Status"]
        assert status["StateChangeReason"] == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"}
        line = status["Timeline"]
        assert (line["ReadyDateTime"] - line["CreationDateTime"]).total_seconds() == pytest.approx(3, abs=0.01)
        assert (line["EndDateTime"] - line["CreationDateTime"]).total_seconds() == pytest.approx(14, abs=0.01)


async def test_a_cluster_is_described_as_it_was_asked_for() -> None:
    asked: dict[str, Any] = {
        "LogUri": "s3://logs/emr/",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
        "Applications": [{"Name": "Spark"}],
        "Configurations": [{"Classification": "spark", "Properties": {"a": "b"}, "Configurations": []}],
        "Tags": [{"Key": "run", "Value": "7"}, {"Key": "empty"}],
        "StepConcurrencyLevel": 4,
        "SecurityConfiguration": "sealed",
        "Instances": INSTANCES | {"Ec2SubnetId": "subnet-1", "Ec2KeyName": "key", "TerminationProtected": True},
    }
    async with desk() as (emr, _, _clock):
        cluster = (await emr.describe_cluster(ClusterId=await launch(emr, **asked)))["Cluster"]
        for same in ("LogUri", "ServiceRole", "Applications", "Configurations", "SecurityConfiguration"):
            assert cluster[same] == asked[same]
        assert cluster["Tags"] == [{"Key": "run", "Value": "7"}, {"Key": "empty", "Value": ""}]
        assert cluster["StepConcurrencyLevel"] == 4
        assert cluster["ReleaseLabel"] == "emr-6.15.0"
        assert (cluster["AutoTerminate"], cluster["TerminationProtected"]) == (False, True)
        assert cluster["Ec2InstanceAttributes"] == {
            "Ec2KeyName": "key",
            "Ec2SubnetId": "subnet-1",
            "IamInstanceProfile": "EMR_EC2_DefaultRole",
        }
        assert cluster["ClusterArn"].startswith("arn:aws:elasticmapreduce:eu-west-1:")


async def test_every_member_that_is_shown_is_one_that_the_service_model_has() -> None:
    model = ApiModel()
    async with desk() as (emr, emulator, clock):
        cluster_id = await launch(emr, LogUri="s3://l/", JobFlowRole="r", Steps=steps(1, "bad"))
        clock.pass_time(100)
        await state_of(emr, cluster_id)
        cluster = emulator.fleet.find(cluster_id)
        assert cluster is not None
        operation = model.find("DescribeCluster")
        assert operation is not None
        shown = {"Cluster": view_cluster(cluster.record, clock.now())}
        assert operation.output_shape is not None
        for name, value in shown["Cluster"].items():
            assert name in operation.output_shape.members["Cluster"].members, (name, value)


async def test_sixty_clusters_come_in_two_pages_each_once() -> None:
    async with desk() as (emr, _, _clock):
        made = {await launch(emr, Name=f"cluster {n}") for n in range(60)}
        found = await pages(emr.list_clusters, "Clusters")
        assert [len(page) for page in found] == [50, 10]
        assert {cluster["Id"] for page in found for cluster in page} == made


async def test_a_page_that_holds_all_has_no_marker() -> None:
    async with desk() as (emr, _, _clock):
        for _ in range(50):
            await launch(emr)
        assert "Marker" not in await emr.list_clusters()


async def test_clusters_made_between_two_pages_shift_nothing() -> None:
    async with desk() as (emr, _, _clock):
        made = {await launch(emr) for _ in range(60)}
        first = await emr.list_clusters()
        for _ in range(20):
            await launch(emr)
        second = await emr.list_clusters(Marker=first["Marker"])
        seen = [cluster["Id"] for cluster in first["Clusters"] + second["Clusters"]]
        assert len(seen) == len(set(seen))
        assert made <= set(seen)


async def test_clusters_are_found_by_state_and_by_time_of_creation() -> None:
    async with desk() as (emr, _, clock):
        old = await launch(emr)
        clock.pass_time(100)
        middle = datetime.fromtimestamp(clock.now(), UTC)
        clock.pass_time(100)
        new = await launch(emr)

        async def find(**params: Any) -> list[str]:
            return [cluster["Id"] for cluster in (await emr.list_clusters(**params))["Clusters"]]

        assert await find(ClusterStates=["WAITING"]) == [old]
        assert await find(ClusterStates=["STARTING", "BOOTSTRAPPING"]) == [new]
        assert await find(CreatedAfter=middle) == [new]
        assert await find(CreatedBefore=middle) == [old]
        assert await find(ClusterStates=["TERMINATED"]) == []


async def test_a_marker_that_is_garbage_or_of_another_request_is_refused() -> None:
    async with desk() as (emr, _, _clock):
        for _ in range(51):
            await launch(emr)
        marker = (await emr.list_clusters())["Marker"]
        for params in ({"Marker": "garbage"}, {"Marker": marker, "ClusterStates": ["WAITING"]}):
            code, message, status = await refusal(emr.list_clusters(**params))
            assert (code, status) == ("InvalidRequestException", 400)
            assert "is not valid" in message


async def test_an_unknown_cluster_is_refused_by_each_generation_of_actions_in_its_own_way() -> None:
    async with desk() as (emr, _, _clock):
        code, message, status = await refusal(emr.describe_cluster(ClusterId="j-NONE"))
        assert (code, message, status) == ("InvalidRequestException", "Cluster id 'j-NONE' is not valid.", 400)
        code, message, _ = await refusal(emr.terminate_job_flows(JobFlowIds=["j-NONE"]))
        assert (code, message) == ("ValidationException", "Specified job flow ID does not exist.")


async def test_a_terminated_cluster_can_not_be_changed() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr)
        await emr.terminate_job_flows(JobFlowIds=[cluster_id])
        for passed in (0, 10):  # TERMINATING, then TERMINATED
            clock.pass_time(passed)
            for call in (
                emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1)),
                emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=2),
                emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=True),
            ):
                _, message, status = await refusal(call)
                assert "shutting down, terminated, or finished may not be modified" in message
                assert status == 400
        await emr.terminate_job_flows(JobFlowIds=[cluster_id])


async def test_a_protected_cluster_saves_all_of_a_terminate_request() -> None:
    async with desk() as (emr, _, _clock):
        plain, protected = await launch(emr), await launch(emr)
        await emr.set_termination_protection(JobFlowIds=[protected], TerminationProtected=True)
        code, message, _ = await refusal(emr.terminate_job_flows(JobFlowIds=[plain, protected]))
        assert code == "ValidationException"
        assert "termination protected" in message
        assert await state_of(emr, plain) == "STARTING"
        await emr.set_termination_protection(JobFlowIds=[protected], TerminationProtected=False)
        await emr.terminate_job_flows(JobFlowIds=[plain, protected])
        assert await state_of(emr, protected) == "TERMINATING"
        assert "maximum of 10" in (await refusal(emr.terminate_job_flows(JobFlowIds=[plain] * 11)))[1].lower()


async def test_tags_are_added_replaced_and_removed_while_the_cluster_lives() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, Tags=[{"Key": "a", "Value": "1"}])
        await emr.add_tags(ResourceId=cluster_id, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
        await emr.remove_tags(ResourceId=cluster_id, TagKeys=["b", "never"])
        cluster = (await emr.describe_cluster(ClusterId=cluster_id))["Cluster"]
        assert cluster["Tags"] == [{"Key": "a", "Value": "2"}]
        await emr.terminate_job_flows(JobFlowIds=[cluster_id])
        clock.pass_time(10)
        assert (await refusal(emr.add_tags(ResourceId=cluster_id, Tags=[])))[0] == "InvalidRequestException"


async def test_an_auto_termination_policy_is_kept_shown_removed_and_obeyed() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, AutoTerminationPolicy={"IdleTimeout": 60})
        answer = await emr.get_auto_termination_policy(ClusterId=cluster_id)
        assert answer["AutoTerminationPolicy"] == {"IdleTimeout": 60}
        await emr.remove_auto_termination_policy(ClusterId=cluster_id)
        assert "AutoTerminationPolicy" not in await emr.get_auto_termination_policy(ClusterId=cluster_id)
        clock.pass_time(1000)
        assert await state_of(emr, cluster_id) == "WAITING"
        await emr.put_auto_termination_policy(ClusterId=cluster_id, AutoTerminationPolicy={"IdleTimeout": 60})
        clock.pass_time(59)
        assert await state_of(emr, cluster_id) == "WAITING"
        clock.pass_time(1)
        assert await state_of(emr, cluster_id) == "TERMINATING"


@pytest.mark.parametrize("seconds", [59, 604_801])
async def test_an_idle_time_outside_of_emrs_limits_is_refused(seconds: int) -> None:
    async with desk() as (emr, _, _clock):
        code, message, _ = await refusal(launch(emr, AutoTerminationPolicy={"IdleTimeout": seconds}))
        assert code == "ValidationException"
        assert "604800" in message


@pytest.mark.parametrize(
    ("release", "has_it"),
    [("emr-5.29.0", False), ("emr-5.30.0", True), ("emr-6.0.0", False), ("emr-6.1.0", True), ("emr-10.0.0", True)],
)
async def test_auto_termination_depends_on_the_release(release: str, has_it: bool) -> None:
    async with desk() as (emr, _, _clock):
        cluster_id = await launch(emr, ReleaseLabel=release)
        put = emr.put_auto_termination_policy(ClusterId=cluster_id, AutoTerminationPolicy={"IdleTimeout": 60})
        if has_it:
            await put
        else:
            assert "5.30.0 and 6.1.0" in (await refusal(put))[1]


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"ReleaseLabel": "emr-banana"}, "release label is invalid"),
        ({"AmiVersion": "3.11.0"}, "Only one of ReleaseLabel and AmiVersion"),
        ({"StepConcurrencyLevel": 0}, "between 1 and 256"),
        ({"StepConcurrencyLevel": 257}, "between 1 and 256"),
        ({"ReleaseLabel": "emr-5.27.0", "StepConcurrencyLevel": 2}, "5.28.0"),
        ({"StepConcurrencyLevel": 2, "Steps": steps(1, action="CANCEL_AND_WAIT")}, "use CONTINUE"),
        ({"Steps": steps(257)}, "Maximum number of steps"),
        ({"Steps": steps(1, Args=["x" * 10_000, "y" * 223])}, "10240 characters"),
        ({"Instances": {"InstanceGroups": []} | {"InstanceFleets": [{"InstanceFleetType": "CORE"}]}}, "one MASTER"),
        ({"Tags": [{"Key": "aws:x", "Value": "y"}]}, "Invalid tag"),
    ],
)
async def test_run_job_flow_refuses_what_passes_a_limit_and_makes_nothing(
    params: dict[str, Any], complaint: str
) -> None:
    async with desk() as (emr, emulator, _):
        code, message, status = await refusal(launch(emr, **params))
        assert (code, status) == ("ValidationException", 400)
        assert complaint in message
        assert len(emulator.fleet) == 0


async def test_step_concurrency_is_modified_within_its_limits() -> None:
    async with desk() as (emr, _, _clock):
        cluster_id = await launch(emr)
        assert (await emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=5))["StepConcurrencyLevel"] == 5
        cluster = (await emr.describe_cluster(ClusterId=cluster_id))["Cluster"]
        assert cluster["StepConcurrencyLevel"] == 5
        code, _, _ = await refusal(emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=300))
        assert code == "InvalidRequestException"


async def test_machines_and_bootstrap_actions_are_listed() -> None:
    groups = [
        {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": "r5.xlarge", "InstanceCount": 60, "Market": "SPOT", "BidPrice": "1"},
    ]
    fleets = [{"InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": []}]
    action = {"Name": "prepare", "ScriptBootstrapAction": {"Path": "s3://b/x.sh", "Args": ["1"]}}
    async with desk() as (emr, _, _clock):
        grouped = await launch(emr, Instances={"InstanceGroups": groups}, BootstrapActions=[action])
        shown = (await emr.list_instance_groups(ClusterId=grouped))["InstanceGroups"]
        assert [(group["InstanceGroupType"], group["RequestedInstanceCount"]) for group in shown] == [
            ("MASTER", 1),
            ("CORE", 60),
        ]
        found = await pages(emr.list_instances, "Instances", ClusterId=grouped)
        assert [len(page) for page in found] == [50, 11]
        assert len({instance["Ec2InstanceId"] for page in found for instance in page}) == 61
        masters = await emr.list_instances(ClusterId=grouped, InstanceGroupTypes=["MASTER"])
        assert len(masters["Instances"]) == 1
        [listed] = (await emr.list_bootstrap_actions(ClusterId=grouped))["BootstrapActions"]
        assert listed == {"Name": "prepare", "ScriptPath": "s3://b/x.sh", "Args": ["1"]}
        fleet_cluster = await launch(emr, Instances={"InstanceFleets": fleets})
        [fleet] = (await emr.list_instance_fleets(ClusterId=fleet_cluster))["InstanceFleets"]
        assert (fleet["InstanceFleetType"], fleet["TargetOnDemandCapacity"]) == ("MASTER", 1)
