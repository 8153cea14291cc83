"""Runs on a cluster that is there already, and that others use too."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.runs.stage import BRISK, QUICK_STEP, Stage, brisk, playbook, retried, step

from dataflow_runner.fabrics.base import ClusterState, StepRequest, StepState
from dataflow_runner.fabrics.memory import Script, StepScript, WireFault, WireTrouble
from dataflow_runner.jobs.ids import ClusterId, RunId, StepId
from dataflow_runner.jobs.record import JobKind
from dataflow_runner.runs.state import FailureKind, Phase, Verdict
from dataflow_runner.specs import model as m

CLUSTER = ClusterId("j-0000000000001")
LOCK = f"cluster:{CLUSTER}"
FAILS = StepScript(duration=timedelta(seconds=20), outcome=StepState.FAILED, message="exit code 1")
LONG = StepScript(duration=timedelta(minutes=30))


def on_cluster(*steps: m.Step, script: Script | None = None, concurrency: int = 1, **changes: Any) -> Stage:
    """A run on a cluster that somebody else made a while ago, and that is ready."""
    options: dict[str, Any] = {"kind": JobKind.NAMED, "cluster_id": CLUSTER, "patience": BRISK, "script": script}
    stage = Stage(*steps, **(options | {"script": script or brisk()} | changes))
    assert stage.make_cluster(step_concurrency=concurrency) == CLUSTER
    stage.clock.leap(minutes=2)
    return stage


def another(stage: Stage, *steps: m.Step, **changes: Any) -> Stage:
    """A second run on the same cluster, of the same journal."""
    options: dict[str, Any] = {"kind": JobKind.NAMED, "cluster_id": CLUSTER, "patience": BRISK}
    return Stage(*steps, run_id=RunId("run-2"), beside=stage, **(options | changes))


def submit_by_others(stage: Stage, name: str) -> StepId:
    request = StepRequest(name=name, jar="others.jar", action_on_failure=m.ActionOnFailure.CONTINUE)
    (step_id,) = stage.fabric.world.submit(CLUSTER, [request])
    return step_id


def states(stage: Stage) -> dict[str, StepState]:
    """The last state of every step on the cluster, by name."""
    return {living.request.name: living.state for living in stage.fabric.world.life(CLUSTER).steps}


async def test_the_cluster_stays_and_its_lock_is_held_while_the_steps_run_and_free_afterwards() -> None:
    stage = on_cluster(step("copy"), step("load"))
    held: list[str] = []

    async def ask() -> None:
        holder = await stage.journal.locks.holder(LOCK)
        held.append(str(holder and holder.run_id) + str(holder and holder.cluster_id))

    stage.clock.at(130, ask)
    state = await stage.begin()
    assert (state.phase, state.verdict) == (Phase.ENDED, Verdict.SUCCEEDED)
    assert held == [f"run-1{CLUSTER}"]
    assert await stage.journal.locks.holder(LOCK) is None
    assert stage.ledger.clusters_made() == stage.ledger.clusters_alive() == (CLUSTER,)
    assert not {"launch", "terminate", "tag", "find_clusters"} & set(stage.ledger.calls)


async def test_a_failed_run_lets_go_of_the_clusters_lock_and_leaves_the_cluster() -> None:
    stage = on_cluster(step("copy"), step("load"), script=brisk(steps={"copy": (FAILS,)}))
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.FAILED, 1)
    assert stage.starts() == [1, 0]
    assert await stage.journal.locks.holder(LOCK) is None
    assert stage.ledger.clusters_alive() == (CLUSTER,)


async def test_a_second_run_on_the_same_cluster_is_refused_while_the_first_one_is_at_it() -> None:
    first = on_cluster(step("copy"))
    second = another(first, step("other"))
    first.clock.at(130, second.begin)
    assert (await first.begin()).verdict is Verdict.SUCCEEDED
    state = await second.recorded()
    assert (state.phase, state.verdict, state.final_exit_code) == (Phase.ENDED, Verdict.FAILED, 17)
    assert state.failure is not None
    assert "held by run run-1" in state.failure.message
    assert second.starts() == [0]


async def test_runs_that_share_a_cluster_send_one_step_at_a_time_and_never_stop_each_other() -> None:
    script = brisk(steps={"bad": (FAILS,)})
    first = on_cluster(step("a"), step("bad"), script=script, share_cluster=True)
    second = another(first, step("x"), step("y"), share_cluster=True)
    failed, succeeded = await asyncio.gather(first.begin(), second.begin())
    assert (failed.verdict, succeeded.verdict) == (Verdict.FAILED, Verdict.SUCCEEDED)
    assert (first.starts(), second.starts()) == ([1, 1], [1, 1])
    steps = first.fabric.world.life(CLUSTER).steps
    assert {living.request.action_on_failure for living in steps} == {m.ActionOnFailure.CONTINUE}
    by_name = {living.request.name: living for living in steps}
    ended_at = by_name["a"].ended_at
    assert ended_at is not None
    assert by_name["bad"].created_at >= ended_at
    assert await first.journal.locks.holder(LOCK) is None


async def test_a_shared_step_that_may_fail_is_followed_by_the_next() -> None:
    optional = step("clean", action_on_failure=m.ActionOnFailure.CONTINUE)
    stage = on_cluster(optional, step("load"), script=brisk(steps={"clean": (FAILS,)}), share_cluster=True)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert "'clean'" in state.failure.message
    assert stage.starts() == [1, 1]


@pytest.mark.parametrize("gone", ["never made", "ended"])
async def test_a_cluster_that_is_gone_can_not_be_used(gone: str) -> None:
    stage = Stage(step("copy"), kind=JobKind.NAMED, cluster_id=CLUSTER, script=brisk(), patience=BRISK)
    if gone == "ended":
        stage.make_cluster()
        stage.fabric.world.terminate(CLUSTER, lift_protection=False)
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.FAILED, 18)
    assert state.failure is not None
    assert CLUSTER in state.failure.message
    assert await stage.journal.locks.holder(LOCK) is None
    assert "submit" not in stage.ledger.calls


async def test_a_cluster_that_dies_under_its_steps_fails_the_run_without_making_another() -> None:
    stage = on_cluster(retried("copy"), script=brisk(usual_step=LONG))

    async def end_it() -> None:
        stage.fabric.world.terminate(CLUSTER, lift_protection=False)

    stage.clock.at(150, end_it)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert state.failure.kind is FailureKind.CLUSTER_DIED
    assert "USER_REQUEST" in state.failure.message
    assert stage.ledger.clusters_made() == (CLUSTER,)


async def test_a_failed_step_is_tried_again_with_those_that_were_cancelled_behind_it() -> None:
    script = brisk(steps={"transform": (FAILS, QUICK_STEP)})
    stage = on_cluster(step("copy"), retried("transform"), step("load"), script=script)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.starts() == [1, 2, 1]


async def test_the_step_concurrency_of_the_cluster_decides_how_steps_are_sent() -> None:
    stage = on_cluster(retried("a"), step("b"), script=brisk(steps={"a": (FAILS, QUICK_STEP)}), concurrency=4)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    steps = stage.fabric.world.life(CLUSTER).steps
    assert {living.request.action_on_failure for living in steps} == {m.ActionOnFailure.CONTINUE}
    assert steps[0].started_at == steps[1].started_at


# Cancelling


async def test_cancelling_a_run_cancels_its_own_steps_alone_and_leaves_the_cluster() -> None:
    stage = on_cluster(step("copy"), step("load"), script=brisk(steps={"copy": (LONG,)}))

    async def send_theirs() -> None:
        submit_by_others(stage, "theirs")

    stage.clock.at(135, send_theirs)
    stage.clock.at(140, stage.ask_cancel)
    state = await stage.begin()
    assert (state.phase, state.verdict, state.final_exit_code) == (Phase.ENDED, Verdict.CANCELLED, 22)
    assert stage.starts() == [1, 0]
    stage.clock.leap(minutes=5)
    assert states(stage) == {
        "copy": StepState.CANCELLED,
        "load": StepState.CANCELLED,
        "theirs": StepState.COMPLETED,
    }
    assert stage.ledger.clusters_alive() == (CLUSTER,)
    assert await stage.journal.locks.holder(LOCK) is None


@pytest.mark.parametrize("trouble", [WireTrouble.THROTTLED, WireTrouble.LOST_ANSWER, WireTrouble.NOT_SENT])
async def test_a_cancel_whose_answer_is_lost_is_sent_again(trouble: WireTrouble) -> None:
    wire = (WireFault(call="cancel_steps", trouble=trouble, times=2),)
    stage = on_cluster(step("copy"), step("load"), script=brisk(usual_step=LONG, wire=wire))
    stage.clock.at(140, stage.ask_cancel)
    assert (await stage.begin()).verdict is Verdict.CANCELLED
    assert states(stage) == {"copy": StepState.CANCELLED, "load": StepState.CANCELLED}


async def test_a_step_that_will_not_be_cancelled_does_not_hold_the_run_for_ever() -> None:
    stubborn = StepScript(duration=timedelta(hours=3), ignores_cancel=True)
    stage = on_cluster(step("copy"), script=brisk(usual_step=stubborn))
    stage.clock.at(140, stage.ask_cancel)
    state = await stage.begin()
    assert state.verdict is Verdict.CANCELLED
    assert state.failure is not None
    assert "has not cancelled s-" in state.failure.message
    assert stage.clock.since_start() < 600


@pytest.mark.parametrize("number", range(1, 16))
async def test_a_kill_while_a_run_is_being_cancelled_does_not_revive_it(number: int) -> None:
    stage = on_cluster(step("copy"), step("load"), script=brisk(usual_step=LONG))
    stage.clock.at(140, stage.ask_cancel)
    stage.journal.kills_after.add(number)
    assert (await stage.survive()).verdict is Verdict.CANCELLED
    assert set(states(stage).values()) <= {StepState.CANCELLED}  # killed before the call, they were never sent
    assert await stage.journal.locks.holder(LOCK) is None


# Others


async def test_a_pending_step_that_somebody_else_cancelled_is_sent_again() -> None:
    stage = on_cluster(step("copy"), step("load"))

    async def cancel_load() -> None:
        stage.fabric.world.cancel(CLUSTER, [stage.fabric.world.life(CLUSTER).steps[1].step_id])

    stage.clock.at(130, cancel_load)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.starts() == [1, 1]
    assert stage.ledger.submissions("load") == 2
    assert (state.steps[1].tries, state.steps[1].resends) == (1, 1)


async def test_a_step_that_somebody_else_cancelled_is_not_sent_again_once_a_later_one_ran() -> None:
    stage = on_cluster(step("copy"), step("transform"), step("load"))

    async def cancel_transform() -> None:
        stage.fabric.world.cancel(CLUSTER, [stage.fabric.world.life(CLUSTER).steps[1].step_id])

    stage.clock.at(130, cancel_transform)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert state.failure.kind is FailureKind.STEP_CANCELLED
    assert stage.starts() == [1, 0, 1]
    assert stage.ledger.submissions("transform") == 1


async def test_a_running_step_that_somebody_else_cancelled_is_not_sent_again() -> None:
    stage = on_cluster(retried("copy"), script=brisk(usual_step=LONG))

    async def cancel_copy() -> None:
        stage.fabric.world.cancel(CLUSTER, [stage.fabric.world.life(CLUSTER).steps[0].step_id])

    stage.clock.at(140, cancel_copy)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert "was cancelled by somebody else" in state.failure.message
    assert stage.starts() == [1]


async def test_a_step_stuck_behind_anothers_is_given_up_after_the_pending_time_and_cancelled() -> None:
    book = playbook(step("copy"), pending_timeout=timedelta(minutes=5))
    stage = on_cluster(book=book, script=brisk(steps={"theirs": (LONG,)}))
    submit_by_others(stage, "theirs")
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.TIMED_OUT, 21)
    assert state.failure is not None
    assert state.failure.kind is FailureKind.PENDING_TIMED_OUT
    assert states(stage) == {"theirs": StepState.RUNNING, "copy": StepState.CANCELLED}


# Leaving


async def test_a_detached_run_sends_its_steps_and_is_over() -> None:
    stage = on_cluster(step("copy"), step("load"), detach=True)
    state = await stage.begin()
    assert (state.phase, state.verdict, state.final_exit_code) == (Phase.ENDED, Verdict.DETACHED, 0)
    assert stage.ledger.submissions("copy") == stage.ledger.submissions("load") == 1
    assert stage.clock.since_start() < 130
    assert await stage.journal.locks.holder(LOCK) is None
    stage.clock.leap(minutes=5)
    assert set(states(stage).values()) == {StepState.COMPLETED}
    assert stage.fabric.world.life(CLUSTER).state is ClusterState.WAITING


async def test_a_detached_run_whose_answer_is_lost_leaves_only_once_its_steps_are_found() -> None:
    wire = (WireFault(call="submit", trouble=WireTrouble.LATE, delay=timedelta(seconds=50)),)
    stage = on_cluster(step("copy"), script=brisk(wire=wire), detach=True)
    state = await stage.begin()
    assert state.verdict is Verdict.DETACHED
    assert [len(progress.ids) for progress in state.steps] == [1]
    assert stage.ledger.submissions("copy") == 1
