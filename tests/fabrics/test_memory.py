"""What the memory fabric can do beyond the contract: troubles, deaths, and a ledger that tells the truth."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fabrics import samples
from tests.fabrics.clocks import START, LeapingClock

from dataflow_runner.errors import NotSent, Refused, Unanswered, Unavailable
from dataflow_runner.fabrics.base import ClusterQuery, ClusterState, StepState
from dataflow_runner.fabrics.memory import (
    ClusterScript,
    Death,
    Deed,
    MemoryFabric,
    Script,
    StepScript,
    WireFault,
    WireTrouble,
)
from dataflow_runner.specs.model import ActionOnFailure

ANY = ClusterQuery()


def striking(call: str, trouble: WireTrouble, **more: object) -> Script:
    return Script(wire=(WireFault(call=call, trouble=trouble, **more),))  # type: ignore[arg-type]  # as the fault's fields


@pytest.mark.parametrize(
    ("trouble", "error", "made"),
    [
        (WireTrouble.NOT_SENT, NotSent, 0),
        (WireTrouble.REFUSED, Refused, 0),
        (WireTrouble.LOST_REQUEST, Unanswered, 0),
        (WireTrouble.THROTTLED, Unanswered, 0),
        (WireTrouble.LOST_ANSWER, Unanswered, 1),
        (WireTrouble.THROTTLED_BUT_DONE, Unanswered, 1),
    ],
)
async def test_a_trouble_of_a_launch_says_one_thing_and_the_ledger_what_happened(
    clock: LeapingClock, trouble: WireTrouble, error: type[Exception], made: int
) -> None:
    fabric = MemoryFabric(clock, striking("launch", trouble))
    with pytest.raises(error):
        await fabric.launch(samples.launch())
    assert len(fabric.world.ledger.clusters_made()) == made
    assert len(await fabric.find_clusters(ANY)) == made
    await fabric.launch(samples.launch())
    assert len(fabric.world.ledger.clusters_made()) == made + 1


async def test_a_late_launch_happens_after_the_answer_was_given_up(clock: LeapingClock) -> None:
    fabric = MemoryFabric(clock, striking("launch", WireTrouble.LATE, delay=timedelta(minutes=5)))
    with pytest.raises(Unanswered):
        await fabric.launch(samples.launch())
    assert await fabric.find_clusters(ANY) == ()
    clock.leap(minutes=6)
    [view] = await fabric.find_clusters(ANY)
    assert view.created_at == START + timedelta(minutes=5)


async def test_a_late_submit_happens_only_while_the_cluster_lives(clock: LeapingClock) -> None:
    fabric = MemoryFabric(clock, striking("submit", WireTrouble.LATE, times=2))
    alive, ended = [await fabric.launch(samples.launch()) for _ in range(2)]
    for cluster_id in (alive, ended):
        with pytest.raises(Unanswered):
            await fabric.submit(cluster_id, [samples.step("late")], {})
    await fabric.terminate(ended, lift_protection=False)
    clock.leap(minutes=2)
    assert len(await fabric.list_steps(alive) or ()) == 1
    assert await fabric.list_steps(ended) == ()
    assert fabric.world.ledger.submissions("late") == 1


async def test_troubles_strike_the_calls_they_are_told_to(clock: LeapingClock) -> None:
    fabric = MemoryFabric(clock, striking("describe", WireTrouble.LOST_REQUEST, first=2, times=2))
    cluster_id = await fabric.launch(samples.launch())
    assert await fabric.describe(cluster_id)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await fabric.describe(cluster_id)
    assert await fabric.describe(cluster_id)
    assert fabric.world.ledger.calls["describe"] == 4


async def test_an_ending_whose_answer_is_lost_was_carried_out(clock: LeapingClock) -> None:
    fabric = MemoryFabric(clock, striking("terminate", WireTrouble.LOST_ANSWER))
    cluster_id = await fabric.launch(samples.launch())
    with pytest.raises(Unavailable):
        await fabric.terminate(cluster_id, lift_protection=False)
    assert fabric.world.ledger.clusters_alive() == ()


async def test_a_cluster_that_dies_interrupts_what_runs_and_cancels_what_waits(clock: LeapingClock) -> None:
    death = Death(after=timedelta(minutes=5), code="INSTANCE_FAILURE", message="spot was taken away")
    script = Script(clusters={1: ClusterScript(death=death)}, usual_step=StepScript(duration=timedelta(hours=1)))
    fabric = MemoryFabric(clock, script)
    cluster_id = await fabric.launch(samples.launch(None, samples.step("a"), samples.step("b")))
    clock.leap(minutes=20)
    view = await fabric.describe(cluster_id)
    assert view is not None
    assert (view.state, view.reason_code) == (ClusterState.TERMINATED_WITH_ERRORS, "INSTANCE_FAILURE")
    assert view.ended_at == START + timedelta(minutes=6)
    assert [step.state for step in await fabric.list_steps(cluster_id) or ()] == [
        StepState.INTERRUPTED,
        StepState.CANCELLED,
    ]


async def test_a_running_step_takes_its_time_to_stop_and_one_may_not_listen(clock: LeapingClock) -> None:
    deaf = StepScript(duration=timedelta(minutes=10), ignores_cancel=True)
    script = Script(steps={"deaf": (deaf,)}, usual_step=StepScript(duration=timedelta(minutes=10)))
    fabric = MemoryFabric(clock, script)
    cluster_id = await fabric.launch(samples.launch(None, samples.step("good"), samples.step("deaf")))
    clock.leap(minutes=5)
    good, deaf_step = await fabric.list_steps(cluster_id) or ()
    assert await fabric.cancel_steps(cluster_id, [good.step_id]) == {}
    stopping, _ = await fabric.list_steps(cluster_id) or ()
    assert stopping.state is StepState.CANCEL_PENDING
    clock.leap(seconds=6)
    assert await fabric.cancel_steps(cluster_id, [deaf_step.step_id]) == {}
    clock.leap(minutes=11)
    states = [step.state for step in await fabric.list_steps(cluster_id) or ()]
    assert states == [StepState.CANCELLED, StepState.COMPLETED]


async def test_a_life_nobody_watched_is_the_same_as_one_that_was_watched() -> None:
    script = Script(steps={"b": (StepScript(outcome=StepState.FAILED),)})
    histories = []
    for glances in (1, 100):
        clock = LeapingClock()
        fabric = MemoryFabric(clock, script)
        steps = [samples.step(name) for name in "abc"]
        await fabric.launch(samples.launch(None, *steps, keep_alive=False))
        for _ in range(glances):
            clock.leap(seconds=1000 / glances)
            await fabric.find_clusters(ANY)
        histories.append(
            [(record.at, record.deed, record.name, record.detail) for record in fabric.world.ledger.records]
        )
    assert histories[0] == histories[1]
    assert histories[0][-1][1] is Deed.STEP_ENDED or histories[0][-1][1] is Deed.CLUSTER_ENDED


async def test_logs_are_there_some_time_after_the_step_has_ended(clock: LeapingClock) -> None:
    script = Script(usual_step=StepScript(logs={"stderr": "boom", "controller": "x"}), log_lag=timedelta(minutes=5))
    fabric = MemoryFabric(clock, script)
    cluster_id = await fabric.launch(samples.launch(None, samples.step()))
    [step] = await fabric.list_steps(cluster_id) or ()
    clock.leap(minutes=8)
    assert await fabric.fetch_logs("s3://logs/x", cluster_id, step.step_id) == ()
    clock.leap(minutes=5)
    controller, stderr = await fabric.fetch_logs("s3://logs/x", cluster_id, step.step_id)
    assert (controller.name, stderr.text) == ("controller", "boom")
    assert stderr.place == f"s3://logs/x/{cluster_id}/steps/{step.step_id}/stderr.gz"


async def test_somebody_else_can_act_on_the_same_world(clock: LeapingClock) -> None:
    fabric = MemoryFabric(clock, striking("submit", WireTrouble.NOT_SENT))
    cluster_id = await fabric.launch(samples.launch())
    fabric.world.submit(cluster_id, [samples.step("theirs")])
    [step] = await fabric.list_steps(cluster_id) or ()
    assert step.name == "theirs"
    assert fabric.world.ledger.starts("theirs") == 0
    clock.leap(minutes=10)
    assert fabric.world.ledger.starts("theirs") == 1
    assert fabric.world.ledger.clusters_alive() == (cluster_id,)


async def test_protection_holds_off_the_idle_time_out_and_a_step_that_would_end_the_cluster(
    clock: LeapingClock,
) -> None:
    script = Script(steps={"bad": (StepScript(outcome=StepState.FAILED),)})
    fabric = MemoryFabric(clock, script)
    bad = samples.step("bad", action_on_failure=ActionOnFailure.TERMINATE_CLUSTER)
    request = samples.launch(
        samples.config(termination_protected=True), bad, samples.step("next"), auto_termination=timedelta(minutes=1)
    )
    cluster_id = await fabric.launch(request)
    clock.leap(hours=2)
    view = await fabric.describe(cluster_id)
    assert view is not None
    assert view.state is ClusterState.WAITING
    states = [step.state for step in await fabric.list_steps(cluster_id) or ()]
    assert states == [StepState.FAILED, StepState.CANCELLED]
