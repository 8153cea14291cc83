"""What every fabric does, whichever it is: the same sentences against the memory fabric and against EMR's wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from tests.fabrics import samples
from tests.fabrics.stages import (
    LOST_ANSWER,
    LOST_REQUEST,
    THROTTLE,
    EmulatorStage,
    Going,
    MemoryStage,
    Stage,
    emulator_stage,
    until_cluster,
    until_steps,
)

from dataflow_runner.errors import Refused, Unanswered, Unavailable
from dataflow_runner.fabrics.base import ClusterQuery, ClusterState, StepState
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.specs.model import ActionOnFailure
from emr_emulator.testing import EmulatorProcess, running_emulator

C, S = ClusterState, StepState
NOBODY = ClusterId("j-NOBODY")


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with running_emulator("--simulate", "--speed", "1000") as process:
        yield process


@pytest.fixture
def going() -> Going:
    """Nothing goes wrong, unless a test says so."""
    return Going()


@pytest.fixture(params=["memory", pytest.param("emr", marks=pytest.mark.integration)])
async def stage(request: pytest.FixtureRequest, going: Going, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as open_stages:
        if request.param == "memory":
            yield MemoryStage(going)
        else:
            emulator: EmulatorProcess = request.getfixturevalue("emulator")
            monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint)
            made: EmulatorStage = await open_stages.enter_async_context(emulator_stage(emulator, going))
            yield made


def when(**what: object) -> pytest.MarkDecorator:
    """Says what is to go wrong in a test."""
    return pytest.mark.parametrize("going", [Going(**what)], ids=[""])  # type: ignore[arg-type]  # as Going's fields


async def test_a_launched_cluster_is_described_and_becomes_ready(stage: Stage) -> None:
    request = samples.launch(samples.config("nightly", log_uri="s3://logs/"), tags={"dataflow-runner:run": "r-1"})
    cluster_id = await stage.fabric.launch(request)
    view = await until_cluster(stage, cluster_id, C.WAITING)
    assert (view.cluster_id, view.name, view.log_uri) == (cluster_id, "nightly", "s3://logs/")
    assert view.tags == {"dataflow-runner:run": "r-1"}
    assert view.created_at is not None
    assert view.ready_at is not None
    assert view.created_at < view.ready_at
    assert not view.is_protected
    assert view.step_concurrency == 1


async def test_nobody_knows_an_unknown_cluster(stage: Stage) -> None:
    assert await stage.fabric.describe(NOBODY) is None
    assert await stage.fabric.list_steps(NOBODY) is None


async def test_a_transient_cluster_runs_its_steps_in_order_and_ends(stage: Stage) -> None:
    steps = (samples.step("one", "a", "b"), samples.step("two"))
    cluster_id = await stage.fabric.launch(samples.launch(None, *steps, keep_alive=False))
    first, second = await until_steps(stage, cluster_id, S.COMPLETED, S.COMPLETED)
    assert (first.name, first.jar, first.arguments) == ("one", "command-runner.jar", ("a", "b"))
    assert first.ended_at is not None
    assert second.started_at is not None
    assert first.ended_at <= second.started_at
    view = await until_cluster(stage, cluster_id, C.TERMINATED)
    assert view.reason_code == "ALL_STEPS_COMPLETED"
    assert view.ended_at is not None


@when(failing={"bad": 1})
async def test_cancel_and_wait_cancels_those_behind_and_keeps_the_cluster(stage: Stage) -> None:
    steps = (samples.step("good"), samples.step("bad"), samples.step("behind"))
    cluster_id = await stage.fabric.launch(samples.launch(None, *steps))
    views = await until_steps(stage, cluster_id, S.COMPLETED, S.FAILED, S.CANCELLED)
    assert (views[1].reason, views[1].message) == ("Unknown Error.", "no luck")
    await until_cluster(stage, cluster_id, C.WAITING)


@when(failing={"bad": 1})
async def test_a_transient_cluster_with_a_failed_step_ends_plainly(stage: Stage) -> None:
    """Its state alone doesn't say that a step failed."""
    cluster_id = await stage.fabric.launch(samples.launch(None, samples.step("bad"), keep_alive=False))
    await until_cluster(stage, cluster_id, C.TERMINATED)
    await until_steps(stage, cluster_id, S.FAILED)


@when(failing={"bad": 1})
async def test_continue_goes_on(stage: Stage) -> None:
    bad = samples.step("bad", action_on_failure=ActionOnFailure.CONTINUE)
    cluster_id = await stage.fabric.launch(samples.launch(None, bad, samples.step("next")))
    await until_steps(stage, cluster_id, S.FAILED, S.COMPLETED)


@when(failing={"bad": 1})
async def test_terminate_cluster_ends_it_and_says_why(stage: Stage) -> None:
    bad = samples.step("bad", action_on_failure=ActionOnFailure.TERMINATE_CLUSTER)
    cluster_id = await stage.fabric.launch(samples.launch(None, bad, samples.step("next")))
    view = await until_cluster(stage, cluster_id, C.TERMINATED_WITH_ERRORS)
    assert view.reason_code == "STEP_FAILURE"
    await until_steps(stage, cluster_id, S.FAILED, S.CANCELLED)


@when(failing={"flaky": 2})
async def test_steps_can_be_submitted_again_until_they_complete(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    await until_cluster(stage, cluster_id, C.WAITING)
    ended: list[StepState] = []
    for outcome in (S.FAILED, S.FAILED, S.COMPLETED):
        [step_id] = await stage.fabric.submit(cluster_id, [samples.step("flaky")], {})
        ended.append(outcome)
        views = await until_steps(stage, cluster_id, *ended)
        assert views[-1].step_id == step_id


@when(boot_failure="bootstrap action 1 returned a non-zero return code")
async def test_a_bootstrap_failure_has_its_code_and_message_and_no_step_ran(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch(None, samples.step()))
    view = await until_cluster(stage, cluster_id, C.TERMINATED_WITH_ERRORS)
    assert view.reason_code == "BOOTSTRAP_FAILURE"
    assert "bootstrap action 1" in view.reason
    assert view.ready_at is None
    [step] = await until_steps(stage, cluster_id, S.CANCELLED)
    assert step.started_at is None


async def test_no_step_is_taken_by_a_cluster_that_has_ended_or_that_nobody_knows(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    await stage.fabric.terminate(cluster_id, lift_protection=False)
    for target in (cluster_id, NOBODY):
        with pytest.raises(Refused):
            await stage.fabric.submit(target, [samples.step()], {})


async def test_steps_side_by_side_run_at_once_and_must_continue(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch(samples.config(step_concurrency=2)))
    view = await until_cluster(stage, cluster_id, C.WAITING)
    assert view.step_concurrency == 2
    with pytest.raises(Refused):
        await stage.fabric.submit(cluster_id, [samples.step()], {})
    free = samples.step("free", action_on_failure=ActionOnFailure.CONTINUE)
    await stage.fabric.submit(cluster_id, [free, free], {})
    first, second = await until_steps(stage, cluster_id, S.COMPLETED, S.COMPLETED)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert second.started_at < first.ended_at


async def test_every_step_of_many_is_listed_in_order(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    step_ids = await stage.fabric.submit(cluster_id, [samples.step(f"step {n}") for n in range(120)], {})
    views = await stage.fabric.list_steps(cluster_id)
    assert views is not None
    assert tuple(view.step_id for view in views) == step_ids
    assert [view.name for view in views] == [f"step {n}" for n in range(120)]


async def test_more_than_256_open_steps_are_refused(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    await stage.fabric.submit(cluster_id, [samples.step()] * 256, {})
    with pytest.raises(Refused):
        await stage.fabric.submit(cluster_id, [samples.step()], {})


async def test_clusters_are_found_by_name_tags_state_and_age(stage: Stage) -> None:
    fabric = stage.fabric
    before = datetime.now(UTC)
    ours = await fabric.launch(samples.launch(samples.config("ours"), tags={"owner": "me", "n": "1"}))
    theirs = await fabric.launch(samples.launch(samples.config("ours"), tags={"owner": "you"}))
    await fabric.launch(samples.launch(samples.config("other"), tags={"owner": "me"}))
    await fabric.terminate(theirs, lift_protection=False)

    async def found(query: ClusterQuery) -> list[str]:
        return [view.cluster_id for view in await fabric.find_clusters(query)]

    assert await found(ClusterQuery(name="ours", tags={"owner": "me"})) == [ours]
    assert await found(ClusterQuery(name="ours", tags={"n": ""})) == [ours]
    assert await found(ClusterQuery(name="ours", tags={"owner": "nobody"})) == []
    assert await found(ClusterQuery(name="ours")) == [ours, theirs]
    assert await found(ClusterQuery(name="ours", states=frozenset({C.STARTING, C.BOOTSTRAPPING, C.WAITING}))) == [ours]
    assert await found(ClusterQuery(name="ours", created_since=before - timedelta(days=400))) == [ours, theirs]
    assert await found(ClusterQuery(name="ours", created_since=before + timedelta(days=400))) == []
    [view] = await fabric.find_clusters(ClusterQuery(tags={"owner": "me", "n": "1"}))
    assert view.tags == {"owner": "me", "n": "1"}


async def test_waiting_steps_are_cancelled_and_ended_ones_refused_with_a_reason(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    await until_cluster(stage, cluster_id, C.WAITING)
    await stage.fabric.submit(cluster_id, [samples.step("done")], {})
    [done] = await until_steps(stage, cluster_id, S.COMPLETED)
    [first, second] = await stage.fabric.submit(cluster_id, [samples.step("x"), samples.step("y")], {})
    refused = await stage.fabric.cancel_steps(cluster_id, [second, done.step_id])
    assert set(refused) == {done.step_id}
    assert refused[done.step_id]
    views = await until_steps(stage, cluster_id, S.COMPLETED, S.COMPLETED, S.CANCELLED)
    assert [view.step_id for view in views] == [done.step_id, first, second]


async def test_cancelling_on_an_unknown_cluster_is_refused(stage: Stage) -> None:
    with pytest.raises(Refused):
        await stage.fabric.cancel_steps(NOBODY, [StepId("s-1")])


async def test_ending_a_cluster_twice_is_no_error_and_an_unknown_one_is_refused(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch(None, samples.step()))
    await stage.fabric.terminate(cluster_id, lift_protection=False)
    view = await until_cluster(stage, cluster_id, C.TERMINATED)
    assert view.reason_code == "USER_REQUEST"
    await until_steps(stage, cluster_id, S.CANCELLED)
    await stage.fabric.terminate(cluster_id, lift_protection=True)
    with pytest.raises(Refused):
        await stage.fabric.terminate(NOBODY, lift_protection=True)


async def test_a_protected_cluster_ends_only_when_protection_is_lifted(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch(samples.config(termination_protected=True)))
    view = await until_cluster(stage, cluster_id, C.WAITING)
    assert view.is_protected
    with pytest.raises(Refused):
        await stage.fabric.terminate(cluster_id, lift_protection=False)
    await until_cluster(stage, cluster_id, C.WAITING)
    await stage.fabric.terminate(cluster_id, lift_protection=True)
    await until_cluster(stage, cluster_id, C.TERMINATED)


async def test_tags_are_added_and_changed(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch(tags={"a": "1", "b": "1"}))
    await stage.fabric.tag(cluster_id, {"b": "2", "c": "2"})
    view = await stage.fabric.describe(cluster_id)
    assert view is not None
    assert view.tags == {"a": "1", "b": "2", "c": "2"}


async def test_an_idle_cluster_ends_by_itself_when_told_so(stage: Stage) -> None:
    at_launch = await stage.fabric.launch(samples.launch(auto_termination=timedelta(minutes=1)))
    later = await stage.fabric.launch(samples.launch())
    await until_cluster(stage, later, C.WAITING)
    await stage.fabric.set_auto_termination(later, timedelta(minutes=1))
    await until_cluster(stage, at_launch, C.TERMINATED)
    await until_cluster(stage, later, C.TERMINATED)


@when(trouble=("launch", LOST_ANSWER))
async def test_a_launch_whose_answer_is_lost_may_have_been_carried_out(stage: Stage) -> None:
    with pytest.raises(Unanswered):
        await stage.fabric.launch(samples.launch())
    assert len(await stage.fabric.find_clusters(ClusterQuery(name="nightly"))) == 1


@when(trouble=("launch", LOST_REQUEST))
async def test_a_launch_whose_request_is_lost_is_unanswered_too(stage: Stage) -> None:
    with pytest.raises(Unanswered):
        await stage.fabric.launch(samples.launch())
    assert await stage.fabric.find_clusters(ClusterQuery(name="nightly")) == ()


@when(trouble=("submit", LOST_ANSWER))
async def test_a_submit_whose_answer_is_lost_may_have_been_carried_out(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    with pytest.raises(Unanswered):
        await stage.fabric.submit(cluster_id, [samples.step()], {})
    assert len(await stage.fabric.list_steps(cluster_id) or ()) == 1


@when(trouble=("list_steps", THROTTLE))
async def test_a_throttled_look_says_so(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    with pytest.raises(Unavailable) as failure:
        await stage.fabric.list_steps(cluster_id)
    assert failure.value.throttled


@when(hidden=True)
async def test_a_new_cluster_may_not_show_for_a_while(stage: Stage) -> None:
    cluster_id = await stage.fabric.launch(samples.launch())
    assert await stage.fabric.describe(cluster_id) is None
    assert await stage.fabric.find_clusters(ClusterQuery(name="nightly")) == ()
    await until_cluster(stage, cluster_id, *C)


async def test_a_folder_holds_data_or_it_doesnt(stage: Stage) -> None:
    for uri in ("s3://data/full/part-1.gz", "s3://data/marked/sub/", "s3://data/marked/sub_$folder$"):
        stage.put(uri)
    assert await stage.fabric.has_data("s3a://data/full", None)
    assert await stage.fabric.has_data("s3://data/full/", r".*/part-\d\.gz")
    assert not await stage.fabric.has_data("s3://data/full/", "part-.*")
    assert not await stage.fabric.has_data("s3://data/marked/", None)
    assert not await stage.fabric.has_data("s3://data/fu", None)


def test_previews_name_the_calls(stage: Stage) -> None:
    assert len(stage.fabric.preview_launch(samples.smallest())) == 1
    [call] = stage.fabric.preview_submit(ClusterId("j-1"), [samples.step()], {})
    assert call.operation


async def test_it_has_a_name_and_closes_twice(stage: Stage) -> None:
    assert stage.fabric.name
    await stage.fabric.close()
    await stage.fabric.close()
