"""Emulators inside the test process, and aiobotocore clients for them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from tests.emr_emulator.fleets import SCENARIO

from emr_emulator.clock import HandClock
from emr_emulator.compose import Emulator, Settings, serve
from emr_emulator.documents import parse_document
from emr_emulator.faults import parse_faults
from emr_emulator.scenario import Scenario, parse_scenario
from emr_emulator.values import LAPTOP

_session = get_session()

INSTANCES: dict[str, Any] = {
    "InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}],
    "KeepJobFlowAliveWhenNoSteps": True,
}


@asynccontextmanager
async def simulated(*, faults: str = "", scenario: str = SCENARIO, **settings: Any) -> AsyncIterator[Emulator]:
    """A simulating emulator on a free port, by a clock that the test moves unless it gives another."""
    settings.setdefault("clock", HandClock(time.time()))
    parsed = parse_scenario(parse_document(scenario, "scenario.yml"), Scenario.usual(LAPTOP))
    book = parse_faults(parse_document(faults, "faults.yml"))
    async with serve(Settings(port=0, simulate=True, scenario=parsed, faults=book, seed=1, **settings)) as emulator:
        yield emulator


@asynccontextmanager
async def client(endpoint: str, service: str = "emr", *, key: str = "tester", **config: Any) -> AsyncIterator[Any]:
    """An AWS client that sends every request once."""
    made = _session.create_client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=AioConfig(retries={"total_max_attempts": 1}, connect_timeout=5, **config),
    )
    async with made as opened:
        yield opened


@asynccontextmanager
async def desk(**settings: Any) -> AsyncIterator[tuple[Any, Emulator, HandClock]]:
    """An EMR client, the simulating emulator behind it, and its clock."""
    clock = HandClock(time.time())
    async with simulated(clock=clock, **settings) as emulator, client(emulator.endpoint) as emr:
        yield emr, emulator, clock


def steps(count: int, name: str = "good", action: str = "CONTINUE", **jar: Any) -> list[dict[str, Any]]:
    """StepConfigs of one kind."""
    config = {"Jar": "command-runner.jar", "Args": ["true"], **jar}
    return [{"Name": f"{name} {n}", "ActionOnFailure": action, "HadoopJarStep": config} for n in range(1, count + 1)]


async def launch(emr: Any, **more: Any) -> str:
    """Launch a cluster that is kept alive; its id."""
    answer = await emr.run_job_flow(**{"Name": "test", "ReleaseLabel": "emr-6.15.0", "Instances": INSTANCES, **more})
    return str(answer["JobFlowId"])


async def refusal(call: Awaitable[Any]) -> tuple[str, str, int]:
    """Code, message and status of the error that a call must end with."""
    try:
        answer = await call
    except ClientError as error:
        shown = error.response["Error"]
        return shown["Code"], shown["Message"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"was not refused: {answer}")


async def pages(operation: Callable[..., Awaitable[Any]], member: str, **params: Any) -> list[list[Any]]:
    """All pages of a paged operation."""
    found: list[list[Any]] = []
    marker: dict[str, str] = {}
    while True:
        answer = await operation(**params, **marker)
        found.append(answer[member])
        if "Marker" not in answer:
            return found
        marker = {"Marker": answer["Marker"]}


async def post(endpoint: str, action: str, body: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send a raw EMR request, without a signature unless a header brings one."""
    given = {re.sub("_", "-", name): value for name, value in headers.items()}
    sent = {"X-Amz-Target": f"ElasticMapReduce.{action}", "Content-Type": "application/x-amz-json-1.1"} | given
    async with aiohttp.ClientSession() as session, session.post(endpoint, data=body, headers=sent) as answer:
        return answer.status, dict(await answer.json(content_type=None))


async def until(condition: Callable[[], bool], *, limit: float = 10.0) -> None:
    """Wait for what happens outside of the test's clock: a process, a thread."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.01)
