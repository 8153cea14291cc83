"""Cancels of a run, whatever it is about: verdict CANCELLED, and no cluster of its own left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.runs.stage import BRISK, Stage, brisk, cluster, playbook, retried, step

from dataflow_runner.fabrics.base import StepState
from dataflow_runner.fabrics.memory import StepScript, WireFault, WireTrouble
from dataflow_runner.jobs.record import RunRecord
from dataflow_runner.runs.state import Phase, Verdict
from dataflow_runner.specs import model as m

FAILS = StepScript(duration=timedelta(seconds=20), outcome=StepState.FAILED, message="exit code 1")
LONG = StepScript(duration=timedelta(hours=2))


def cancel_once(stage: Stage, phase: Phase, *, in_doubt: bool = False) -> None:
    """Ask for the run's end the first time that it is in a phase."""

    async def ask(record: RunRecord) -> None:
        state = await stage.recorded()
        is_doubtful = bool(state.intent and state.intent.is_doubtful)
        if record.phase == phase and is_doubtful is in_doubt:
            stage.journal.when_saved = None
            await stage.ask_cancel()

    stage.journal.when_saved = ask


async def assert_cancelled(stage: Stage, clusters: int) -> None:
    state = await stage.begin()
    assert (state.phase, state.verdict, state.final_exit_code) == (Phase.ENDED, Verdict.CANCELLED, 22)
    assert state.failure is not None
    assert state.failure.message == "cancelled by somebody"
    assert len(stage.ledger.clusters_made()) == clusters
    assert stage.ledger.clusters_alive() == ()


@pytest.mark.parametrize("phase", [Phase.CHECKED, Phase.LAUNCHING, Phase.RUNNING])
async def test_a_run_is_cancelled_before_its_launch_while_its_cluster_starts_or_while_its_steps_run(
    phase: Phase,
) -> None:
    precondition = m.Precondition(check=m.Check.S3_EMPTY, place="s3://in/raw/")
    book = playbook(step("copy"), step("load"), preconditions=(precondition,))
    stage = Stage(book=book, script=brisk(usual_step=LONG), patience=BRISK)
    cancel_once(stage, phase)
    await assert_cancelled(stage, clusters=0 if phase is Phase.CHECKED else 1)
    assert stage.ledger.starts("load") == 0


@pytest.mark.parametrize("trouble", [WireTrouble.LOST_ANSWER, WireTrouble.LOST_REQUEST, WireTrouble.LATE])
async def test_a_run_that_is_cancelled_while_a_launch_is_unanswered_still_finds_and_ends_its_cluster(
    trouble: WireTrouble,
) -> None:
    wire = (WireFault(call="launch", trouble=trouble, delay=timedelta(seconds=70)),)
    stage = Stage(step("copy"), script=brisk(wire=wire, usual_step=LONG), patience=BRISK)
    cancel_once(stage, Phase.LAUNCHING, in_doubt=True)
    await assert_cancelled(stage, clusters=0 if trouble is WireTrouble.LOST_REQUEST else 1)


async def test_a_run_is_cancelled_while_it_waits_for_another_try() -> None:
    script = brisk(usual_step=FAILS)
    stage = Stage(retried("copy", delay=timedelta(hours=1)), script=script, patience=BRISK)
    cancel_once(stage, Phase.RETRYING)
    await assert_cancelled(stage, clusters=1)
    assert stage.starts() == [1]
    assert stage.clock.since_start() < 600


async def test_a_cancel_comes_too_late_once_the_verdict_is_known() -> None:
    stage = Stage(step("copy"), script=brisk(), patience=BRISK)
    cancel_once(stage, Phase.LOWERING)
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.ledger.clusters_alive() == ()


async def test_a_second_cancel_changes_nothing() -> None:
    stage = Stage(step("copy"), script=brisk(usual_step=LONG), patience=BRISK)
    stage.clock.at(60, stage.ask_cancel)
    stage.clock.at(61, stage.ask_cancel)
    await assert_cancelled(stage, clusters=1)


@pytest.mark.parametrize("trouble", [WireTrouble.THROTTLED, WireTrouble.LOST_ANSWER, WireTrouble.LOST_REQUEST])
async def test_no_run_ends_before_its_cluster_does_however_often_the_call_to_end_it_fails(
    trouble: WireTrouble,
) -> None:
    calls = ("terminate", "tag", "find_clusters")
    wire = tuple(WireFault(call=call, trouble=trouble, times=4) for call in calls)
    stage = Stage(step("copy"), script=brisk(usual_step=LONG, wire=wire), patience=BRISK)
    stage.clock.at(60, stage.ask_cancel)
    await assert_cancelled(stage, clusters=1)


async def test_a_protected_cluster_of_the_runs_own_is_ended_all_the_same() -> None:
    spec = cluster(termination_protected=True)
    stage = Stage(step("copy"), script=brisk(usual_step=LONG), spec=spec, patience=BRISK)
    stage.clock.at(60, stage.ask_cancel)
    await assert_cancelled(stage, clusters=1)
