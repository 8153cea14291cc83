"""Faults that befall requests, as a client meets them; the ledger tells what really happened."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, HTTPClientError
from tests.emr_emulator.servers import client, desk, launch, refusal, simulated, steps, until

from emr_emulator.compose import Emulator

pytestmark = pytest.mark.integration


def struck(emulator: Emulator) -> list[tuple[str, bool, str, str | None]]:
    """What the ledger knows of each request."""
    requests = emulator.ledger.describe(emulator.fleet)["requests"]
    return [(entry["api"], entry["done"], entry["outcome"], entry["fault"]) for entry in requests]


async def test_throttling_refuses_as_often_as_it_says() -> None:
    async with desk(faults='[{do: throttle, api: "List*", count: 2}]') as (emr, emulator, _):
        for _ in range(2):
            assert await refusal(emr.list_clusters()) == ("ThrottlingException", "Rate exceeded", 400)
        await emr.list_clusters()
        assert struck(emulator) == [
            ("ListClusters", False, "ThrottlingException", "throttle"),
            ("ListClusters", False, "ThrottlingException", "throttle"),
            ("ListClusters", True, "ok", None),
        ]


async def test_an_error_has_the_status_code_and_message_of_its_fault() -> None:
    faults = '[{do: error, api: RunJobFlow, status: 503, code: ServiceUnavailable, message: "later", count: 1}]'
    async with desk(faults=faults) as (emr, emulator, _):
        assert await refusal(launch(emr)) == ("ServiceUnavailable", "later", 503)
        assert len(emulator.fleet) == 0


async def test_a_lost_request_did_nothing() -> None:
    async with desk(faults="[{do: lose-request, api: RunJobFlow, count: 1}]") as (emr, emulator, _):
        with pytest.raises(BotoCoreError):
            await launch(emr)
        assert len(emulator.fleet) == 0
        assert struck(emulator) == [("RunJobFlow", False, "no answer", "lose-request")]
        await launch(emr)


async def test_a_lost_answer_did_its_work() -> None:
    async with desk(faults="[{do: lose-answer, api: RunJobFlow, count: 1}]") as (emr, emulator, _):
        with pytest.raises(BotoCoreError):
            await launch(emr, Name="mine")
        assert struck(emulator) == [("RunJobFlow", True, "ok", "lose-answer")]
        [found] = (await emr.list_clusters())["Clusters"]
        assert found["Name"] == "mine"


async def test_default_retries_on_a_lost_answer_make_a_second_cluster() -> None:
    """The very trap that a client of EMR must not fall into: the fake shows it as AWS does."""
    async with simulated(faults="[{do: lose-answer, api: RunJobFlow, count: 1}]") as emulator:
        eager = get_session().create_client(
            "emr",
            endpoint_url=emulator.endpoint,
            region_name="eu-west-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=AioConfig(retries={"mode": "standard", "total_max_attempts": 2}),
        )
        async with eager as emr:
            await launch(emr)
        assert len(emulator.fleet) == 2


async def test_a_lost_answer_to_add_job_flow_steps_leaves_each_step_there_once() -> None:
    async with desk(faults="[{do: lose-answer, api: AddJobFlowSteps, count: 1}]") as (emr, emulator, clock):
        cluster_id = await launch(emr)
        with pytest.raises(BotoCoreError):
            await emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps(3))
        clock.pass_time(100)
        await emr.describe_cluster(ClusterId=cluster_id)
        [cluster] = emulator.ledger.describe(emulator.fleet)["clusters"]
        assert [(step["name"], step["starts"]) for step in cluster["steps"]] == [(f"good {n}", 1) for n in (1, 2, 3)]


async def test_a_reset_breaks_the_answer_off_after_the_work_was_done() -> None:
    async with simulated(faults="[{do: reset, api: RunJobFlow, count: 1}]") as emulator:
        body = '{"Name": "x", "Instances": {}}'
        headers = {"X-Amz-Target": "ElasticMapReduce.RunJobFlow"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(emulator.endpoint, data=body, headers=headers) as answer,
        ):
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await answer.read()
        assert len(emulator.fleet) == 1


async def test_a_hang_stays_silent_and_does_nothing() -> None:
    async with simulated(faults="[{do: hang, api: RunJobFlow, seconds: 30, count: 1}]") as emulator:
        async with client(emulator.endpoint, read_timeout=0.2) as emr:
            with pytest.raises(HTTPClientError):
                await launch(emr)
        assert len(emulator.fleet) == 0


async def test_a_delay_longer_than_the_client_waits_does_its_work_all_the_same() -> None:
    async with (
        simulated(faults="[{do: delay, api: RunJobFlow, seconds: 0.4, count: 1}]") as emulator,
        client(emulator.endpoint, read_timeout=0.1) as emr,
    ):
        with pytest.raises(HTTPClientError):
            await launch(emr)
        assert len(emulator.fleet) == 0
        await until(lambda: len(emulator.fleet) == 1)


async def test_a_new_cluster_may_be_unknown_for_a_while() -> None:
    async with desk(faults="[{do: eventual-list, seconds: 30, count: 1}]") as (emr, _, clock):
        cluster_id = await launch(emr)
        assert (await emr.list_clusters())["Clusters"] == []
        assert (await refusal(emr.describe_cluster(ClusterId=cluster_id)))[0] == "InvalidRequestException"
        clock.pass_time(30)
        assert len((await emr.list_clusters())["Clusters"]) == 1
        await emr.describe_cluster(ClusterId=cluster_id)


async def test_the_ledger_names_client_key_and_region_of_a_request() -> None:
    async with desk() as (emr, emulator, _):
        await emr.list_clusters()
        [entry] = emulator.ledger.describe(emulator.fleet)["requests"]
        assert "botocore" in entry["client"].lower()
        assert (entry["access_key"], entry["region"]) == ("tester", "eu-west-1")
        assert entry["at"] == pytest.approx(time.time(), abs=60)


async def test_hung_requests_do_not_hold_up_the_end_of_the_emulator() -> None:
    waiting: asyncio.Task[Any]
    async with asyncio.timeout(60):
        async with simulated(faults="[{do: hang, seconds: 600}]") as emulator, client(emulator.endpoint) as emr:
            waiting = asyncio.create_task(emr.list_clusters())
            await until(lambda: bool(struck(emulator)))
    with pytest.raises(BotoCoreError):
        await waiting
