"""Cases that are easy to get wrong: answers that come late, limits judged on old news, calls refused for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.runs.stage import BRISK, QUICK_CLUSTER, QUICK_STEP, Killed, Stage, brisk, cluster, playbook, retried, step

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import StepState
from dataflow_runner.fabrics.memory import Death, Script, StepScript, WireFault, WireTrouble, bootstrap_failure
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.jobs.record import JobKind, RunRecord
from dataflow_runner.runs.plan import step_request
from dataflow_runner.runs.state import Verdict
from dataflow_runner.specs import model as m

S = timedelta(seconds=1)
FOREVER = 10**9
CLUSTER = ClusterId("j-0000000000001")
FAILS = StepScript(outcome=StepState.FAILED, message="exit code 1", duration=20 * S)
ENDLESS = StepScript(duration=9 * 3600 * S)


def named(*steps: m.Step, script: Script, concurrency: int = 1, **job: Any) -> Stage:
    """A run on a cluster that is there, and ready."""
    stage = Stage(*steps, kind=JobKind.NAMED, cluster_id=CLUSTER, script=script, patience=BRISK, **job)
    stage.make_cluster(step_concurrency=concurrency)
    stage.clock.leap(seconds=60)
    return stage


def lost(call: str, trouble: WireTrouble = WireTrouble.LOST_ANSWER, **details: Any) -> Script:
    return brisk(wire=(WireFault(call=call, trouble=trouble, **details),))


async def test_a_step_that_ends_just_before_its_limit_has_not_timed_out() -> None:
    stage = Stage(step("a", timeout=65 * S), script=brisk(usual_step=StepScript(duration=61 * S)), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED


async def test_an_hour_of_throttled_looks_is_no_launch_time_out() -> None:
    wire = tuple(
        WireFault(call=call, trouble=WireTrouble.THROTTLED, first=3, times=70) for call in ("describe", "list_steps")
    )
    stage = Stage(step("a"), script=brisk(wire=wire), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED


async def test_a_step_that_completes_while_it_is_cancelled_is_not_run_again() -> None:
    slow = StepScript(duration=65 * S, ignores_cancel=True)
    stage = Stage(retried("a", timeout=60 * S), step("b"), script=brisk(steps={"a": (slow,)}), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.starts() == [1, 1]


async def test_an_independent_step_that_runs_too_long_takes_no_other_with_it() -> None:
    script = brisk(steps={"a": (ENDLESS, QUICK_STEP), "b": (StepScript(duration=300 * S),)})
    spec = cluster(step_concurrency=2)
    stage = Stage(retried("a", timeout=60 * S), step("b"), script=script, spec=spec, patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.starts() == [2, 1]


async def test_a_step_that_may_fail_may_also_run_too_long() -> None:
    optional = step("a", timeout=60 * S, action_on_failure=m.ActionOnFailure.CONTINUE)
    stage = Stage(optional, step("b"), script=brisk(steps={"a": (ENDLESS,)}), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.TIMED_OUT
    assert stage.starts() == [1, 1]


@pytest.mark.parametrize(("code", "most"), [("INSTANCE_FAILURE", 3), ("VALIDATION_ERROR", 1), ("USER_REQUEST", 1)])
async def test_clusters_that_die_before_any_step_ran_are_not_replaced_for_ever(code: str, most: int) -> None:
    dies = replace(QUICK_CLUSTER, death=Death(after=10 * S, code=code))
    book = playbook(step("a"), durable_intermediates=True)
    stage = Stage(book=book, script=brisk(usual_cluster=dies), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.FAILED
    assert len(stage.ledger.clusters_made()) == most


async def test_a_cancel_that_comes_while_a_late_step_is_being_stopped_counts() -> None:
    script = brisk(steps={"a": (ENDLESS, QUICK_STEP)})
    stage = Stage(retried("a", timeout=60 * S), script=script, patience=BRISK)

    async def cancel_once(_record: RunRecord) -> None:
        if (await stage.recorded()).stop:
            stage.journal.when_saved = None
            await stage.ask_cancel()

    stage.journal.when_saved = cancel_once
    assert (await stage.begin()).verdict is Verdict.CANCELLED


@pytest.mark.parametrize("calls", [("terminate", "tag"), ()])
async def test_a_cluster_that_is_forgotten_ends_the_run_as_unknown_whatever_is_refused(calls: tuple[str, ...]) -> None:
    wire = tuple(WireFault(call=call, trouble=WireTrouble.REFUSED, times=FOREVER) for call in calls)
    stage = Stage(step("a"), script=brisk(wire=wire), patience=BRISK)

    async def forget() -> None:
        stage.forget_cluster(stage.ledger.clusters_made()[0])

    stage.clock.at(35, forget)
    assert (await stage.begin()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("trouble", [WireTrouble.LOST_ANSWER, WireTrouble.REFUSED])
async def test_a_submission_to_a_cluster_that_is_forgotten_meanwhile_ends_unknown(trouble: WireTrouble) -> None:
    stage = named(step("a"), script=lost("submit", trouble))

    async def forget(_record: RunRecord) -> None:
        if (await stage.recorded()).intent:
            stage.forget_cluster(CLUSTER)

    stage.journal.when_saved = forget
    assert (await stage.begin()).verdict is Verdict.UNKNOWN


async def test_a_late_submission_of_a_cancelled_run_is_cancelled_too() -> None:
    stage = named(step("a"), script=lost("submit", WireTrouble.LATE, delay=60 * S))
    stage.clock.at(65, stage.ask_cancel)
    assert (await stage.begin()).verdict is Verdict.CANCELLED
    stage.clock.leap(hours=1)
    assert [each.state for each in stage.fabric.world.life(CLUSTER).steps] == [StepState.CANCELLED]


async def test_the_deadline_for_logs_holds_while_they_cannot_be_asked_for() -> None:
    wire = (WireFault(call="fetch_logs", trouble=WireTrouble.THROTTLED, times=FOREVER),)
    stage = Stage(step("a"), script=brisk(usual_step=FAILS, wire=wire), patience=BRISK, log_failed_steps=True)
    assert (await stage.begin()).verdict is Verdict.FAILED


async def test_a_first_bootstrap_failure_without_a_message_repeats_none() -> None:
    stage = Stage(step("a"), script=brisk(clusters={1: bootstrap_failure("")}), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED


async def test_a_hard_lock_stays_when_nobody_knows_what_happened_under_it() -> None:
    book = playbook(step("a"), lock=m.Lock(name="L", kind=m.LockKind.HARD))
    stage = named(script=lost("submit"), book=book)

    async def somebody_else_submits_the_like(_record: RunRecord) -> None:
        if (await stage.recorded()).intent:
            stage.journal.when_saved = None
            stage.fabric.world.submit(CLUSTER, [step_request(await stage.plan(), 0, 1)])

    stage.journal.when_saved = somebody_else_submits_the_like
    assert (await stage.begin()).verdict is Verdict.UNKNOWN
    assert await stage.journal.locks.holder("L") is not None


async def test_a_lock_that_was_taken_and_not_noted_is_let_go_by_whoever_ends_the_run() -> None:
    book = playbook(step("a"), lock=m.Lock(name="L", kind=m.LockKind.HARD))
    stage = Stage(book=book, script=brisk(), patience=BRISK)
    stage.journal.kills_before = {1}
    with pytest.raises(Killed):
        await stage.begin()
    await stage.ask_cancel()
    assert (await stage.resume()).verdict is Verdict.CANCELLED
    assert await stage.journal.locks.holder("L") is None


async def test_a_launch_that_cannot_be_sent_is_tried_less_and_less_often() -> None:
    stage = Stage(step("a"), script=lost("launch", WireTrouble.NOT_SENT, times=30), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.clock.since_start() > 300


async def test_a_refused_retry_leaves_no_independent_step_behind_on_a_named_cluster() -> None:
    refused = WireFault(call="submit", trouble=WireTrouble.REFUSED, first=2)
    script = brisk(steps={"a": (FAILS,), "b": (StepScript(duration=3000 * S),)}, wire=(refused,))
    stage = named(retried("a"), step("b"), script=script, concurrency=2)
    assert (await stage.begin()).verdict is Verdict.FAILED
    assert not stage.fabric.world.life(CLUSTER).open_steps


async def test_a_launch_that_takes_too_long_keeps_no_cluster() -> None:
    """KEEP is for a cluster that somebody can look at: one that never became ready is ended."""
    book = playbook(step("a"), on_failure=m.OnFailure(action=m.FailureAction.KEEP))
    script = brisk(usual_cluster=replace(QUICK_CLUSTER, starting=9999 * S))
    stage = Stage(book=book, spec=cluster(launch=m.Launch(timeout=60 * S)), script=script, patience=BRISK)
    state = await stage.begin()
    assert state.verdict is Verdict.TIMED_OUT
    assert state.failure is not None
    assert "not cancelled" not in state.failure.message
    assert stage.ledger.clusters_alive() == ()


async def test_a_resumed_run_ends_even_without_the_permission_to_list_clusters() -> None:
    stage = Stage(step("a"), script=lost("find_clusters", WireTrouble.REFUSED, times=FOREVER), patience=BRISK)
    stage.journal.kills_after = {6}
    assert (await stage.survive()).verdict is Verdict.SUCCEEDED


async def test_a_cancelled_run_does_not_wait_for_a_submission_in_doubt_to_end_its_own_cluster() -> None:
    book = playbook(step("a"), overlay={"ExecutionRoleArn": "arn:aws:iam::1:role/r"})
    stage = Stage(book=book, script=lost("submit", WireTrouble.LOST_REQUEST))
    stage.clock.at(300, stage.ask_cancel)
    assert (await stage.begin()).verdict is Verdict.CANCELLED
    assert stage.clock.since_start() < 600


async def test_a_shared_step_behind_a_failed_one_never_runs() -> None:
    stage = named(step("a"), step("b"), script=brisk(steps={"a": (FAILS,)}), share_cluster=True)
    assert (await stage.begin()).verdict is Verdict.FAILED
    assert stage.starts() == [1, 0]


async def test_a_relaunch_gives_no_try_back() -> None:
    deaths = {
        number: replace(QUICK_CLUSTER, death=Death(after=after * S, code="INSTANCE_FAILURE"))
        for number, after in ((1, 31), (2, 5))
    }
    book = playbook(retried("a", tries=2), durable_intermediates=True, overlay={"ExecutionRoleArn": "x"})
    script = brisk(clusters=deaths, steps={"a": (FAILS,)})
    stage = Stage(book=book, script=script, spec=cluster(launch=m.Launch(backoff=S)), patience=BRISK)
    assert (await stage.begin()).verdict is Verdict.FAILED
    assert stage.starts() == [2]


@pytest.mark.parametrize(
    ("asked", "named_in_the_error"),
    [
        ({"book": playbook(retried("a"))}, "retry"),
        ({"book": playbook(step("a"), timeout=S)}, "timeout"),
        ({"book": playbook(step("a")), "share_cluster": True}, "share-cluster"),
    ],
)
async def test_what_needs_a_driver_is_refused_for_a_run_that_is_left_alone(
    asked: dict[str, Any], named_in_the_error: str
) -> None:
    stage = Stage(kind=JobKind.NAMED, cluster_id=CLUSTER, detach=True, **asked)
    with pytest.raises(InputError, match=named_in_the_error):
        await stage.begin()


async def test_a_playbooks_tags_are_written_on_a_named_cluster() -> None:
    stage = named(book=playbook(step("a"), tags=(m.Tag(key="team", value="data"),)), script=brisk())
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    view = await stage.fabric.describe(CLUSTER)
    assert view is not None
    assert view.tags["team"] == "data"


async def test_a_late_step_that_will_not_be_cancelled_leaves_no_other_behind_on_a_named_cluster() -> None:
    stubborn = StepScript(duration=9 * 3600 * S, ignores_cancel=True)
    script = brisk(steps={"late": (stubborn,), "other": (StepScript(duration=7200 * S),)})
    stage = named(step("late", timeout=60 * S), step("other"), script=script, concurrency=2)
    state = await stage.begin()
    assert state.verdict is Verdict.TIMED_OUT
    assert state.failure is not None
    (left,) = stage.fabric.world.life(CLUSTER).open_steps
    assert left.request.name == "late"
    assert f"has not cancelled {left.step_id}" in state.failure.message


async def test_the_grace_of_a_cancel_counts_from_when_it_is_sent() -> None:
    """A submission in doubt may take longer to find than a step may take to be cancelled."""
    script = replace(lost("submit", WireTrouble.LATE, delay=BRISK.cancel_grace + S), steps={"a": (ENDLESS,)})
    stage = named(step("a"), script=script)
    stage.clock.at(65, stage.ask_cancel)
    assert (await stage.begin()).verdict is Verdict.CANCELLED
    assert [each.state for each in stage.fabric.world.life(CLUSTER).steps] == [StepState.CANCELLED]


async def test_a_cancel_counts_for_a_run_that_would_be_left_alone() -> None:
    stage = named(step("a"), script=lost("submit", WireTrouble.LATE, delay=30 * S), detach=True)
    stage.clock.at(61, stage.ask_cancel)
    assert (await stage.begin()).verdict is Verdict.CANCELLED
    assert [each.state for each in stage.fabric.world.life(CLUSTER).steps] == [StepState.CANCELLED]
