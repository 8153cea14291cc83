"""EMR's actions on steps, through a real client."""

from typing import Any

import pytest
from tests.emr_emulator.servers import desk, launch, pages, refusal, steps

pytestmark = pytest.mark.integration


async def names(emr: Any, **params: Any) -> list[str]:
    """Names of the steps on all pages."""
    return [step["Name"] for page in await pages(emr.list_steps, "Steps", **params) for step in page]


async def test_a_step_is_described_as_it_was_sent_and_as_it_went() -> None:
    sent = {
        "Name": "bad one",
        "ActionOnFailure": "CANCEL_AND_WAIT",
        "HadoopJarStep": {
            "Jar": "s3://b/x.jar",
            "MainClass": "com.example.Main",
            "Args": ["--a", "b c"],
            "Properties": [{"Key": "k", "Value": "v"}],
        },
    }
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr)
        [step_id] = (await emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[sent]))["StepIds"]
        clock.pass_time(20)
        step = (await emr.describe_step(ClusterId=cluster_id, StepId=step_id))["Step"]
        assert step["Config"] == {
            "Jar": "s3://b/x.jar",
            "MainClass": "com.example.Main",
            "Args": ["--a", "b c"],
            "Properties": {"k": "v"},
        }
        assert step["ActionOnFailure"] == "CANCEL_AND_WAIT"
        assert step["Status"]["State"] == "FAILED"
        assert step["Status"]["FailureDetails"] == {"Reason": "Unknown Error.", "Message": "exit status 1"}
        line = step["Status"]["Timeline"]
        assert line["CreationDateTime"] < line["StartDateTime"] < line["EndDateTime"]


async def test_a_hundred_and_twenty_steps_come_newest_first_in_three_pages() -> None:
    async with desk() as (emr, _, _clock):
        cluster_id = await launch(emr, Steps=steps(120))
        found = await pages(emr.list_steps, "Steps", ClusterId=cluster_id)
        assert [len(page) for page in found] == [50, 50, 20]
        assert [step["Name"] for page in found for step in page] == [f"good {n}" for n in range(120, 0, -1)]


async def test_steps_are_found_by_state_and_by_id_in_their_own_order() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, Steps=[*steps(1), *steps(1, "bad"), *steps(2, "later")])
        clock.pass_time(3 + 10 + 5)
        assert await names(emr, ClusterId=cluster_id, StepStates=["COMPLETED", "FAILED"]) == ["good 1", "bad 1"]
        assert await names(emr, ClusterId=cluster_id, StepStates=["PENDING"]) == ["later 2"]
        listed = (await emr.list_steps(ClusterId=cluster_id))["Steps"]
        ids = [listed[0]["Id"], listed[3]["Id"]]
        assert await names(emr, ClusterId=cluster_id, StepIds=ids) == ["good 1", "later 2"]
        assert await names(emr, ClusterId=cluster_id, StepIds=ids, StepStates=["PENDING"]) == ["later 2"]


async def test_no_more_than_ten_step_ids_can_be_asked_for_and_each_must_exist() -> None:
    async with desk() as (emr, _, _clock):
        cluster_id = await launch(emr, Steps=steps(11))
        ids = [step["Id"] for step in (await emr.list_steps(ClusterId=cluster_id))["Steps"]]
        code, message, _ = await refusal(emr.list_steps(ClusterId=cluster_id, StepIds=ids))
        assert (code, "maximum of 10" in message) == ("InvalidRequestException", True)
        assert await names(emr, ClusterId=cluster_id, StepIds=ids[:10])
        _, message, _ = await refusal(emr.list_steps(ClusterId=cluster_id, StepIds=["s-NONE"]))
        assert message == "Step id 's-NONE' is not valid."
        _, message, _ = await refusal(emr.describe_step(ClusterId=cluster_id, StepId="s-NONE"))
        assert message == "Step id 's-NONE' is not valid."


async def test_two_hundred_and_fifty_six_steps_may_be_open_and_not_one_more() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, Steps=steps(256))
        code, message, _ = await refusal(emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1)))
        assert code == "ValidationException"
        assert message.startswith("Maximum number of active steps")
        clock.pass_time(3 + 10)
        await emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1))
        assert "Maximum number" in (await refusal(emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1))))[1]


async def test_only_the_last_thousand_steps_are_listed() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr)
        clock.pass_time(3)
        for batch in range(5):
            await emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(210, f"batch{batch}"))
            clock.pass_time(2100)
        listed = await names(emr, ClusterId=cluster_id)
        assert len(listed) == 1000
        assert (listed[0], listed[-1]) == ("batch4 210", "batch0 51")
        assert len(await names(emr, ClusterId=cluster_id, StepStates=["COMPLETED"])) == 1000


async def test_a_batch_with_one_step_that_is_refused_adds_none() -> None:
    too_long = steps(1, "long", Args=["x" * 10_240])
    async with desk() as (emr, _, _clock):
        cluster_id = await launch(emr)
        code, message, _ = await refusal(emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1) + too_long))
        assert (code, "10240 characters" in message) == ("ValidationException", True)
        assert await names(emr, ClusterId=cluster_id) == []
        longest = steps(1, "long", Args=["x" * (10_240 - len("command-runner.jar"))])
        await emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=longest)


@pytest.mark.parametrize("action", ["CANCEL_AND_WAIT", "TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"])
async def test_several_places_take_steps_that_continue_only(action: str) -> None:
    async with desk() as (emr, _, _clock):
        cluster_id = await launch(emr, StepConcurrencyLevel=2)
        sent = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1, action=action))
        assert "ActionOnFailure" in (await refusal(sent))[1]
        await emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(1))


async def test_cancelling_answers_for_every_step_and_lets_the_next_one_run() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, Steps=[*steps(1), *steps(1, "long", "TERMINATE_CLUSTER"), *steps(2, "later")])
        clock.pass_time(3 + 10)
        listed = (await emr.list_steps(ClusterId=cluster_id))["Steps"]
        later_2, later_1, running, done = (step["Id"] for step in listed)
        answer = await emr.cancel_steps(ClusterId=cluster_id, StepIds=[done, running, later_1, "s-NONE"])
        told = [(info["StepId"], info["Status"], "Reason" in info) for info in answer["CancelStepsInfoList"]]
        assert told == [
            (done, "FAILED", True),
            (running, "SUBMITTED", False),
            (later_1, "SUBMITTED", False),
            ("s-NONE", "FAILED", True),
        ]
        clock.pass_time(1)
        states = {step["Id"]: step["Status"]["State"] for step in (await emr.list_steps(ClusterId=cluster_id))["Steps"]}
        assert states == {done: "COMPLETED", running: "CANCELLED", later_1: "CANCELLED", later_2: "RUNNING"}


async def test_an_old_release_cancels_pending_steps_only() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, ReleaseLabel="emr-5.27.0", Steps=steps(2))
        clock.pass_time(3)
        pending, running = (step["Id"] for step in (await emr.list_steps(ClusterId=cluster_id))["Steps"])
        answer = await emr.cancel_steps(ClusterId=cluster_id, StepIds=[running, pending])
        assert [info["Status"] for info in answer["CancelStepsInfoList"]] == ["FAILED", "SUBMITTED"]


async def test_botos_waiter_sees_a_step_complete() -> None:
    async with desk() as (emr, _, clock):
        cluster_id = await launch(emr, Steps=steps(1))
        clock.pass_time(13)
        step_id = (await emr.list_steps(ClusterId=cluster_id))["Steps"][0]["Id"]
        await emr.get_waiter("step_complete").wait(ClusterId=cluster_id, StepId=step_id)
        await emr.get_waiter("cluster_running").wait(ClusterId=cluster_id)
        await emr.terminate_job_flows(JobFlowIds=[cluster_id])
        clock.pass_time(1)
        await emr.get_waiter("cluster_terminated").wait(ClusterId=cluster_id)
