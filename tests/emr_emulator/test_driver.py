"""The server around an executor: what is started, killed, reported, kept and lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.emr_emulator.servers import INSTANCES, client, launch, simulated, steps, until

from emr_emulator.compose import Emulator, Settings, serve
from emr_emulator.scenario import Scenario
from emr_emulator.state import StateError
from emr_emulator.values import Durations
from emr_emulator.work import BootstrapWork, Outcome, StepWork

pytestmark = pytest.mark.integration

QUICK = Scenario.usual(Durations(start=0.0, bootstrap=0.0, terminate=0.0, cancel=0.0))


class ScriptedExecutor:
    """An executor whose steps end as their name says: "good…", "bad…", "broken…" at once, others when killed."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def run_step(self, work: StepWork) -> Outcome:
        """Run one step."""
        self.log.append(f"start {work.name}")
        if work.name.startswith("good"):
            return Outcome(succeeded=True)
        if work.name.startswith("bad"):
            return Outcome(succeeded=False, reason="Unknown Error.", message="exit status 3", log_file="s3://l/stderr")
        if work.name.startswith("broken"):
            raise RuntimeError("the executor itself broke")
        return await self._hang(work.name)

    async def run_bootstrap(self, work: BootstrapWork) -> Outcome:
        """Run one bootstrap action."""
        self.log.append(f"bootstrap {work.number} {work.name} on {work.instance_id[:2]}")
        return Outcome(succeeded=not work.name.startswith("bad"), message="said no")

    async def close(self) -> None:
        """Give everything back."""
        self.log.append("close")

    async def _hang(self, name: str) -> Outcome:
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append(f"kill {name}")
        raise AssertionError("an event that nobody sets was set")


@asynccontextmanager
async def running(data: Path | None = None) -> AsyncIterator[tuple[Any, Emulator, ScriptedExecutor]]:
    """An emulator whose executor is scripted, with a client."""
    executor = ScriptedExecutor()
    settings = Settings(port=0, scenario=QUICK, data=data, make_executor=lambda *_: executor)
    async with serve(settings) as emulator, client(emulator.endpoint) as emr:
        yield emr, emulator, executor


def step_states(emulator: Emulator) -> list[str]:
    """The states of the steps of the newest cluster."""
    return [str(step.state) for step in list(emulator.fleet)[-1].record.steps]


async def test_steps_are_started_one_after_the_other_and_their_outcomes_are_reported() -> None:
    async with running() as (emr, emulator, executor):
        cluster_id = await launch(emr, Steps=[*steps(1), *steps(1, "bad"), *steps(1, "broken")])
        await until(lambda: step_states(emulator) == ["COMPLETED", "FAILED", "FAILED"])
        assert executor.log == ["start good 1", "start bad 1", "start broken 1"]
        broken, bad, _ = (await emr.list_steps(ClusterId=cluster_id))["Steps"]
        assert bad["Status"]["FailureDetails"] == {
            "Reason": "Unknown Error.",
            "Message": "exit status 3",
            "LogFile": "s3://l/stderr",
        }
        assert "the executor itself broke" in broken["Status"]["FailureDetails"]["Message"]


async def test_cancelling_kills_the_process_before_the_next_step_starts() -> None:
    async with running() as (emr, emulator, executor):
        cluster_id = await launch(emr, Steps=[*steps(1, "endless"), *steps(1)])
        await until(lambda: executor.log == ["start endless 1"])
        step_id = (await emr.list_steps(ClusterId=cluster_id))["Steps"][-1]["Id"]
        await emr.cancel_steps(ClusterId=cluster_id, StepIds=[step_id])
        await until(lambda: step_states(emulator) == ["CANCELLED", "COMPLETED"])
        assert executor.log == ["start endless 1", "kill endless 1", "start good 1"]


async def test_terminating_and_resetting_kill_what_runs() -> None:
    async with running() as (emr, emulator, executor):
        cluster_id = await launch(emr, Steps=steps(1, "endless"))
        await until(lambda: executor.log == ["start endless 1"])
        await emr.terminate_job_flows(JobFlowIds=[cluster_id])
        await until(lambda: executor.log[-1] == "kill endless 1")
        assert step_states(emulator) == ["CANCELLED"]


async def test_bootstrap_actions_are_run_and_a_failing_one_ends_the_cluster() -> None:
    actions = [
        {"Name": "good", "ScriptBootstrapAction": {"Path": "s3://b/a.sh"}},
        {"Name": "bad", "ScriptBootstrapAction": {"Path": "s3://b/b.sh"}},
    ]
    async with running() as (emr, emulator, executor):
        await launch(emr, BootstrapActions=actions, Steps=steps(1))
        await until(lambda: step_states(emulator) == ["CANCELLED"])
        assert executor.log == ["bootstrap 1 good on i-", "bootstrap 2 bad on i-"]
        assert next(iter(emulator.fleet)).record.reason.message == "said no"


async def test_stopping_the_emulator_kills_what_runs_before_it_closes_the_executor() -> None:
    async with running() as (emr, _, executor):
        await launch(emr, Steps=steps(1, "endless"))
        await until(lambda: executor.log == ["start endless 1"])
    assert executor.log == ["start endless 1", "kill endless 1", "close"]


async def test_a_step_that_ran_when_the_emulator_stopped_has_failed_and_is_not_run_again(tmp_path: Path) -> None:
    async with running(tmp_path) as (emr, _, executor):
        cluster_id = await launch(emr, Steps=[*steps(1, "endless"), *steps(1)], Tags=[{"Key": "k", "Value": "v"}])
        await until(lambda: executor.log == ["start endless 1"])
    async with running(tmp_path) as (emr, emulator, executor):
        await until(lambda: step_states(emulator) == ["FAILED", "COMPLETED"])
        assert executor.log == ["start good 1"]
        cluster = (await emr.describe_cluster(ClusterId=cluster_id))["Cluster"]
        assert (cluster["Tags"], cluster["Status"]["State"]) == ([{"Key": "k", "Value": "v"}], "WAITING")
        [kept] = emulator.ledger.describe(emulator.fleet)["clusters"]
        assert [step["starts"] for step in kept["steps"]] == [1, 1]


async def test_simulated_clusters_live_on_while_the_emulator_is_stopped(tmp_path: Path) -> None:
    from emr_emulator.clock import HandClock

    clock = HandClock(time.time())
    async with simulated(data=tmp_path, clock=clock) as emulator, client(emulator.endpoint) as emr:
        await launch(emr, Steps=steps(2), Instances=INSTANCES | {"KeepJobFlowAliveWhenNoSteps": False})
        clock.pass_time(5)
        before = emulator.ledger.describe(emulator.fleet)["clusters"]
        assert before[0]["state"] == "STARTING"  # nobody looked yet
    clock.pass_time(10)
    async with simulated(data=tmp_path, clock=clock) as emulator, client(emulator.endpoint) as emr:
        [cluster] = emulator.ledger.describe(emulator.fleet)["clusters"]
        assert [step["state"] for step in cluster["steps"]] == ["COMPLETED", "RUNNING"]
        clock.pass_time(100)
        [listed] = (await emr.list_clusters())["Clusters"]
        assert listed["Status"]["State"] == "TERMINATED"
        # The same seed must not give a kept cluster's id a second time.
        assert await launch(emr) != listed["Id"]


async def test_two_emulators_can_not_share_a_data_folder(tmp_path: Path) -> None:
    async with simulated(data=tmp_path):
        with pytest.raises(StateError, match="another emr-emulator uses it"):
            async with simulated(data=tmp_path):
                raise AssertionError("the folder was shared")


async def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "j-BAD.json").write_text('{"form": 1, "cluster": {"id": 1}}')
    with pytest.raises(StateError, match=r"j-BAD\.json: cannot be read"):
        async with simulated(data=tmp_path):
            raise AssertionError("a broken file was taken")
