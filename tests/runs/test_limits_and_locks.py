"""What holds a run back, what ends it early, and what it leaves behind: preconditions, locks, limits, tags, logs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fabrics.clocks import START
from tests.runs.stage import BRISK, QUICK_CLUSTER, QUICK_STEP, Killed, Stage, brisk, cluster, playbook, retried, step

from dataflow_runner.fabrics.base import LaunchRequest, StepState
from dataflow_runner.fabrics.memory import ClusterScript, StepScript, WireFault, WireTrouble
from dataflow_runner.jobs.ids import RunId
from dataflow_runner.jobs.lock import LockHolder
from dataflow_runner.jobs.record import LockRequest, RunRecord
from dataflow_runner.runs.plan import launch_request
from dataflow_runner.runs.state import FailureKind, Phase, Verdict
from dataflow_runner.specs import model as m

FAILS = StepScript(
    duration=timedelta(seconds=20),
    outcome=StepState.FAILED,
    message="exit code 1",
    logs={"controller": "INFO started", "stderr": "no such file", "stdout": ""},
)
LONG = StepScript(duration=timedelta(hours=2))
FOREVER = 10_000


def with_precondition(check: m.Check, *, objects: frozenset[str] = frozenset(), **fields: Any) -> Stage:
    precondition = m.Precondition(check=check, place="s3://in/raw/", **fields)
    book = playbook(step("copy"), preconditions=(precondition,))
    return Stage(book=book, script=brisk(objects=objects), patience=BRISK)


def with_lock(kind: m.LockKind = m.LockKind.SOFT, *, waits: bool = False, **changes: Any) -> Stage:
    when_held = m.WhenHeld.WAIT if waits else m.WhenHeld.FAIL
    book = playbook(step("copy"), lock=m.Lock(name="nightly", kind=kind, when_held=when_held))
    options: dict[str, Any] = {"book": book, "script": brisk(), "patience": BRISK}
    return Stage(**(options | changes))


def others() -> LockHolder:
    return LockHolder(run_id=RunId("run-0"), owner="somebody", taken_at=START, hard=True)


# Preconditions


@pytest.mark.parametrize(
    ("check", "objects", "fields", "verdict", "code"),
    [
        (m.Check.S3_NOT_EMPTY, [], {}, Verdict.FAILED, 3),
        (m.Check.S3_NOT_EMPTY, ["s3://in/raw/"], {}, Verdict.FAILED, 3),
        (m.Check.S3_NOT_EMPTY, ["s3://in/raw/a.txt"], {"pattern": r".*\.gz"}, Verdict.FAILED, 3),
        (m.Check.S3_NOT_EMPTY, [], {"exit_code": 77}, Verdict.FAILED, 77),
        (m.Check.S3_EMPTY, ["s3://in/raw/a.gz"], {}, Verdict.FAILED, 4),
        (m.Check.S3_EMPTY, ["s3://in/raw/a.gz"], {"exit_code": 0}, Verdict.FAILED, 0),
        (m.Check.S3_NOT_EMPTY, [], {"unmet": m.Unmet.NO_OP}, Verdict.NO_OP, 0),
        (m.Check.S3_NOT_EMPTY, [], {"unmet": m.Unmet.NO_OP, "exit_code": 3}, Verdict.NO_OP, 3),
    ],
)
async def test_an_unmet_precondition_ends_the_run_before_anything_is_launched(
    check: m.Check, objects: list[str], fields: dict[str, Any], verdict: Verdict, code: int
) -> None:
    stage = with_precondition(check, objects=frozenset(objects), **fields)
    state = await stage.begin()
    assert (state.phase, state.verdict, state.final_exit_code) == (Phase.ENDED, verdict, code)
    assert state.failure is not None
    assert state.failure.message.startswith("s3://in/raw/ holds")
    assert stage.ledger.clusters_made() == ()


@pytest.mark.parametrize(
    ("check", "objects"), [(m.Check.S3_NOT_EMPTY, ["s3://in/raw/a.gz"]), (m.Check.S3_EMPTY, ["s3://in/rawer/a.gz"])]
)
async def test_a_met_precondition_lets_the_run_go_on(check: m.Check, objects: list[str]) -> None:
    stage = with_precondition(check, objects=frozenset(objects))
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED


async def test_preconditions_are_decided_once_even_when_the_data_goes_away_under_a_resumed_run() -> None:
    stage = with_precondition(m.Check.S3_NOT_EMPTY, objects=frozenset({"s3://in/raw/a.gz"}))
    stage.journal.kills_after.add(1)
    with pytest.raises(Killed):
        await stage.begin()
    assert (await stage.recorded()).preconditions_met
    stage.fabric.world.objects.clear()
    assert (await stage.resume()).verdict is Verdict.SUCCEEDED
    assert stage.ledger.calls["has_data"] == 1


async def test_a_no_op_that_was_decided_stays_one_whatever_comes_later() -> None:
    stage = with_precondition(m.Check.S3_NOT_EMPTY, unmet=m.Unmet.NO_OP, exit_code=3)
    stage.journal.kills_after.add(1)
    with pytest.raises(Killed):
        await stage.begin()
    stage.fabric.world.objects.add("s3://in/raw/late.gz")
    state = await stage.resume()
    assert (state.verdict, state.final_exit_code) == (Verdict.NO_OP, 3)
    assert stage.ledger.clusters_made() == ()


async def test_a_place_that_can_not_be_asked_now_is_asked_again_and_is_no_answer() -> None:
    stage = with_precondition(m.Check.S3_EMPTY)
    stage.fabric.world.script = replace(
        stage.fabric.world.script, wire=(WireFault(call="has_data", trouble=WireTrouble.THROTTLED, times=5),)
    )
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.ledger.calls["has_data"] == 6


# Locks


@pytest.mark.parametrize("kind", list(m.LockKind))
@pytest.mark.parametrize("outcome", [Verdict.SUCCEEDED, Verdict.FAILED, Verdict.CANCELLED])
async def test_a_hard_lock_outlives_a_run_that_did_not_succeed_and_a_soft_one_none(
    kind: m.LockKind, outcome: Verdict
) -> None:
    endings = {Verdict.SUCCEEDED: QUICK_STEP, Verdict.FAILED: FAILS, Verdict.CANCELLED: LONG}
    stage = with_lock(kind, script=brisk(usual_step=endings[outcome]))
    if outcome is Verdict.CANCELLED:
        stage.clock.at(60, stage.ask_cancel)
    assert (await stage.begin()).verdict is outcome
    holder = await stage.journal.locks.holder("nightly")
    is_kept = kind is m.LockKind.HARD and outcome is not Verdict.SUCCEEDED
    assert (holder is not None) is is_kept
    if holder is not None:
        assert holder.cluster_id == stage.ledger.clusters_made()[0]


async def test_a_hard_lock_is_let_go_when_nothing_was_launched() -> None:
    wire = (WireFault(call="launch", trouble=WireTrouble.REFUSED),)
    stage = with_lock(m.LockKind.HARD, script=brisk(wire=wire))
    assert (await stage.begin()).verdict is Verdict.FAILED
    assert await stage.journal.locks.holder("nightly") is None


async def test_a_held_lock_ends_the_run_and_says_who_holds_it() -> None:
    stage = with_lock()
    await stage.journal.locks.acquire("nightly", others())
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.FAILED, 17)
    assert state.failure is not None
    assert "'nightly' is held by run run-0 (somebody" in state.failure.message
    assert await stage.journal.locks.holder("nightly") == others()
    assert stage.ledger.clusters_made() == ()


async def test_a_second_lock_that_is_held_gives_the_first_one_back() -> None:
    own = LockRequest(name="mine", hard=True)
    stage = with_lock(lock=own)
    await stage.journal.locks.acquire("nightly", others())
    assert (await stage.begin()).final_exit_code == 17
    assert await stage.journal.locks.holder("mine") is None


async def test_a_run_that_waits_for_a_lock_starts_when_it_is_free() -> None:
    first = with_lock(waits=True)
    second = with_lock(waits=True, run_id=RunId("run-2"), beside=first)
    states = await asyncio.gather(first.begin(), second.begin())
    assert [state.verdict for state in states] == [Verdict.SUCCEEDED, Verdict.SUCCEEDED]
    earlier, later = first.fabric.world.lives()
    assert earlier._ended_at is not None
    assert later.created_at >= earlier._ended_at


async def test_a_run_that_waits_for_a_lock_may_run_out_of_time() -> None:
    stage = with_lock(waits=True)
    stage.book = replace(stage.book, timeout=timedelta(minutes=5))
    await stage.journal.locks.acquire("nightly", others())
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.TIMED_OUT, 21)
    assert await stage.journal.locks.holder("nightly") == others()


async def test_a_run_that_waits_for_a_lock_is_cancelled_at_once() -> None:
    stage = with_lock(waits=True)
    await stage.journal.locks.acquire("nightly", others())
    stage.clock.at(40, stage.ask_cancel)
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.CANCELLED, 22)
    assert await stage.journal.locks.holder("nightly") == others()
    assert stage.ledger.clusters_made() == ()
    assert stage.clock.since_start() < 45


@pytest.mark.parametrize("number", range(1, 14))
async def test_a_kill_neither_loses_a_lock_nor_leaves_one(number: int) -> None:
    stage = with_lock(m.LockKind.HARD)
    stage.journal.kills_before.add(number)
    assert (await stage.survive()).verdict is Verdict.SUCCEEDED
    assert await stage.journal.locks.holder("nightly") is None


# Limits and endings


async def test_a_kept_cluster_is_one_on_which_the_steps_were_cancelled_first() -> None:
    keep = m.OnFailure(action=m.FailureAction.KEEP, keep_for=timedelta(hours=1))
    book = playbook(step("copy"), step("load"), on_failure=keep, timeout=timedelta(minutes=10))
    stage = Stage(book=book, script=brisk(usual_step=LONG), patience=BRISK)
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.TIMED_OUT, 21)
    (life,) = stage.fabric.world.lives()
    assert life.state.is_alive
    assert [living.state for living in life.steps] == [StepState.CANCELLED, StepState.CANCELLED]
    assert life.tags["dataflow-runner:purpose"] == "kept"
    assert life.tags["dataflow-runner:kept-until"].startswith("2026-01-02T04:")


async def test_a_cluster_that_never_becomes_ready_is_not_kept() -> None:
    keep = m.OnFailure(action=m.FailureAction.KEEP)
    script = brisk(usual_cluster=replace(QUICK_CLUSTER, starting=timedelta(hours=9)))
    spec = cluster(launch=m.Launch(timeout=timedelta(minutes=10)))
    stage = Stage(book=playbook(step("copy"), on_failure=keep), script=script, spec=spec, patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.TIMED_OUT
    assert stage.ledger.clusters_alive() == ()


async def test_another_cluster_of_the_run_is_swept_before_its_end_and_those_of_others_are_not() -> None:
    stage = Stage(step("copy"), script=brisk(), patience=BRISK)

    async def make_more() -> None:
        plan = await stage.plan()
        twin = launch_request(plan, 1, ())
        theirs = LaunchRequest(config=cluster(), keep_alive=True, tags={"dataflow-runner:run": "run-0"})
        for request in (replace(twin, keep_alive=True), theirs):
            stage.fabric.world.launch(request)

    stage.clock.at(40, make_more)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    _own, _twin, theirs = stage.ledger.clusters_made()
    assert stage.ledger.clusters_alive() == (theirs,)


async def test_a_cluster_is_born_with_tags_that_say_whose_it_is_and_dies_with_who_ended_it_and_why() -> None:
    book = playbook(step("copy"), tags=(m.Tag(key="team", value="data"),))
    stage = Stage(book=book, script=brisk(usual_step=LONG), patience=BRISK)
    stage.clock.at(60, stage.ask_cancel)
    await stage.begin()
    (life,) = stage.fabric.world.lives()
    assert life.request.tags == {
        "team": "data",
        "dataflow-runner:journal": await stage.journal.journal_id(),
        "dataflow-runner:run": "run-1",
        "dataflow-runner:attempt": "1",
        "dataflow-runner:purpose": "transient",
        "dataflow-runner:owner": "test",
    }
    assert life.tags["dataflow-runner:ended-by"] == "test"
    assert life.tags["dataflow-runner:ended-because"] == "cancelled by somebody"


# Logs of failed steps


def failing(**script: Any) -> Stage:
    changed = brisk(**({"steps": {"transform": (FAILS,)}} | script))
    return Stage(step("copy"), step("transform"), script=changed, patience=BRISK, log_failed_steps=True)


async def test_the_logs_of_a_failed_step_are_waited_for_and_told_once() -> None:
    stage = failing(log_lag=timedelta(seconds=70))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    told = [(step_id, file.name) for step_id, file in stage.audience.shown]
    assert sorted(name for _, name in told) == ["controller", "stderr", "stdout"]
    assert {step_id for step_id, _ in told} == {state.steps[1].step_id}
    assert stage.ledger.calls["fetch_logs"] > 1


async def test_logs_that_never_come_are_given_up_and_hide_nothing() -> None:
    stage = failing(log_lag=timedelta(days=1))
    state = await stage.begin()
    assert (state.phase, state.verdict) == (Phase.ENDED, Verdict.FAILED)
    assert state.failure is not None
    assert "exit code 1" in state.failure.message
    assert stage.audience.shown == []
    assert stage.clock.since_start() < 400


@pytest.mark.parametrize("trouble", [WireTrouble.REFUSED, WireTrouble.THROTTLED])
async def test_logs_that_can_not_be_read_never_hide_why_the_step_failed(trouble: WireTrouble) -> None:
    stage = failing(wire=(WireFault(call="fetch_logs", trouble=trouble, times=2),))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert "step 2/2 'transform'" in state.failure.message


async def test_the_cluster_and_the_locks_are_let_go_before_logs_are_waited_for() -> None:
    stage = failing(log_lag=timedelta(days=1))
    stage.book = replace(stage.book, lock=m.Lock(name="nightly"))
    seen: list[object] = []

    async def note(record: RunRecord) -> None:
        if record.phase == Phase.COLLECTING:
            seen.append((stage.ledger.clusters_alive(), await stage.journal.locks.holder("nightly")))

    stage.journal.when_saved = note
    await stage.begin()
    assert seen == [((), None)]


async def test_a_cluster_that_takes_its_time_to_end_is_waited_for() -> None:
    slow = ClusterScript(
        starting=timedelta(seconds=20), bootstrapping=timedelta(seconds=10), terminating=timedelta(hours=1)
    )
    stage = Stage(step("copy"), script=brisk(usual_cluster=slow), patience=BRISK)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.clock.since_start() < 600


async def test_a_verdict_that_failed_calls_delay_is_still_the_first_one() -> None:
    wire = (WireFault(call="terminate", trouble=WireTrouble.THROTTLED, times=3),)
    stage = Stage(retried("copy", tries=2), script=brisk(usual_step=FAILS, wire=wire), patience=BRISK)
    state = await stage.begin()
    assert state.failure is not None
    assert state.failure.kind is FailureKind.STEP_FAILED
    assert "in try 2" in state.failure.message
    assert stage.ledger.clusters_alive() == ()
