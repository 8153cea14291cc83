"""Processes that die and answers that get lost: the run goes on as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from tests.runs.stage import BRISK, QUICK_CLUSTER, QUICK_STEP, Stage, brisk, cluster, playbook, retried, step

from dataflow_runner.errors import LeaseLost
from dataflow_runner.fabrics.base import StepState
from dataflow_runner.fabrics.memory import Death, Script, StepScript, WireFault, WireTrouble
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.jobs.record import EntryKind, JobKind, RunRecord
from dataflow_runner.runs.plan import step_request
from dataflow_runner.runs.state import FailureKind, Phase, State, Verdict
from dataflow_runner.specs import model as m

FAILS = StepScript(duration=timedelta(seconds=20), outcome=StepState.FAILED, message="exit code 1")
DIES_BOOTING = replace(QUICK_CLUSTER, death=Death(after=timedelta(seconds=25), code="BOOTSTRAP_FAILURE", message="no"))
NAMED = ClusterId("j-0000000000001")
FOREVER = 10_000
"""As often as a call is made."""


def normal(script: Script | None = None) -> Stage:
    return Stage(step("copy"), step("load"), script=script or brisk(), patience=BRISK)


def retried_run() -> Stage:
    script = brisk(steps={"transform": (FAILS, QUICK_STEP)})
    return Stage(step("copy"), retried("transform"), step("load"), script=script, patience=BRISK)


def bootstrap_failure_run() -> Stage:
    spec = cluster(launch=m.Launch(backoff=timedelta(seconds=20)))
    return Stage(step("copy"), step("load"), script=brisk(clusters={1: DIES_BOOTING}), spec=spec, patience=BRISK)


def concurrent_run() -> Stage:
    script = brisk(steps={"b": (FAILS, QUICK_STEP)})
    return Stage(step("a"), retried("b"), step("c"), script=script, spec=cluster(step_concurrency=2), patience=BRISK)


def following(script: Script | None = None) -> Stage:
    """A run whose steps follow the launch in a call of their own."""
    book = playbook(step("copy"), step("load"), overlay={"ExecutionRoleArn": "arn:aws:iam::1:role/r"})
    return Stage(book=book, script=script or brisk(), patience=BRISK)


def named(script: Script | None = None, *steps: m.Step) -> Stage:
    """A run on a cluster that is there, and ready."""
    book = playbook(*(steps or (step("copy"), step("load"))))
    stage = Stage(book=book, kind=JobKind.NAMED, cluster_id=NAMED, script=script or brisk(), patience=BRISK)
    assert stage.make_cluster() == NAMED
    stage.clock.leap(minutes=2)
    return stage


def named_and_retried() -> Stage:
    return named(brisk(steps={"transform": (FAILS, QUICK_STEP)}), step("copy"), retried("transform"), step("load"))


SCENARIOS: list[Callable[[], Stage]] = [
    normal,
    retried_run,
    bootstrap_failure_run,
    concurrent_run,
    following,
    named_and_retried,
]


def outcome(stage: Stage, state: State) -> dict[str, object]:
    """What must not depend on who drove the run, and how often it died."""
    ledger = stage.ledger
    return {
        "phase": state.phase,
        "verdict": state.verdict,
        "exit code": state.final_exit_code,
        "starts": stage.starts(),
        "submissions": [ledger.submissions(step.name) for step in stage.book.steps],
        "tries": [progress.tries for progress in state.steps],
        "clusters made": ledger.clusters_made(),
        "clusters alive": ledger.clusters_alive(),
        "launches": state.launches,
    }


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("make", SCENARIOS)
async def test_a_kill_at_any_journal_write_leaves_the_outcome_as_it_would_be(
    make: Callable[[], Stage], side: str
) -> None:
    undisturbed = make()
    expected = outcome(undisturbed, await undisturbed.begin())
    assert expected["verdict"] is Verdict.SUCCEEDED
    for number in count(1):
        stage = make()
        (stage.journal.kills_before if side == "before" else stage.journal.kills_after).add(number)
        assert outcome(stage, await stage.survive()) == expected, f"killed {side} save {number}"
        if stage.journal.saves < number:
            break
    assert number > undisturbed.journal.saves


@pytest.mark.parametrize("make", SCENARIOS)
async def test_a_run_whose_process_dies_again_and_again_ends_as_it_would(make: Callable[[], Stage]) -> None:
    undisturbed, stage = make(), make()
    stage.journal.kills_after = set(range(3, 400, 13))
    expected = outcome(undisturbed, await undisturbed.begin())
    assert outcome(stage, await stage.survive()) == expected


async def test_a_driver_that_leaves_hands_the_run_back_and_touches_nothing() -> None:
    stage = normal()

    async def leave() -> None:
        assert stage.conductor is not None
        stage.conductor.leave()

    stage.clock.at(40, leave)
    state = await stage.begin()
    assert state.phase is not Phase.ENDED
    assert len(stage.ledger.clusters_alive()) == 1
    assert "terminate" not in stage.ledger.calls
    assert (await stage.resume()).verdict is Verdict.SUCCEEDED
    assert stage.starts() == [1, 1]


# Lost answers. With a kill, the process dies before it can write down what came of the call.

HARMLESS = [trouble for trouble in WireTrouble if trouble is not WireTrouble.REFUSED]
CALLS = [(normal, "launch"), (following, "launch"), (following, "submit"), (named, "submit")]


async def intent_number(make: Callable[..., Stage], call: str, script: Script) -> int:
    """The number of the save that writes down that a call is about to be made."""
    stage = make(script)
    await stage.begin()
    history = await stage.journal.history(stage.job.run_id)
    intents = [number for number, entry in enumerate(history) if entry.kind is EntryKind.INTENT]
    return intents[1] if (make, call) == (following, "submit") else intents[0]


async def prepare(make: Callable[..., Stage], call: str, fault: WireFault, kill: str) -> Stage:
    script = brisk(wire=(fault,))
    stage = make(script)
    if kill == "killed before the answer is written":
        stage.journal.kills_before.add(await intent_number(make, call, script) + 1)
    if kill == "killed after the answer is written":
        stage.journal.kills_after.add(await intent_number(make, call, script) + 1)
    return stage


KILLS = ["not killed", "killed before the answer is written", "killed after the answer is written"]


@pytest.mark.parametrize("kill", KILLS)
@pytest.mark.parametrize("trouble", HARMLESS)
@pytest.mark.parametrize(("make", "call"), CALLS)
async def test_a_create_whose_answer_is_lost_happens_exactly_once(
    make: Callable[..., Stage], call: str, trouble: WireTrouble, kill: str
) -> None:
    fault = WireFault(call=call, trouble=trouble, delay=timedelta(seconds=70))
    stage = await prepare(make, call, fault, kill)
    state = await stage.survive()
    assert (state.phase, state.verdict) == (Phase.ENDED, Verdict.SUCCEEDED)
    assert len(stage.ledger.clusters_made()) == 1
    assert stage.starts() == [1, 1]
    assert [stage.ledger.submissions(name) for name in ("copy", "load")] == [1, 1]
    assert stage.ledger.clusters_alive() == ((NAMED,) if make is named else ())


@pytest.mark.parametrize("kill", KILLS)
@pytest.mark.parametrize(("make", "call"), CALLS)
async def test_a_create_that_is_refused_fails_the_run_with_the_refusal(
    make: Callable[..., Stage], call: str, kill: str
) -> None:
    fault = WireFault(call=call, trouble=WireTrouble.REFUSED, times=FOREVER)
    stage = await prepare(make, call, fault, kill)
    state = await stage.survive()
    assert (state.verdict, state.final_exit_code) == (Verdict.FAILED, 1)
    assert state.failure is not None
    assert state.failure.kind is FailureKind.CALL_REFUSED
    assert f"{call}: refused by the script" in state.failure.message
    assert stage.starts() == [0, 0]
    assert stage.ledger.clusters_alive() == ((NAMED,) if make is named else ())


@pytest.mark.parametrize("trouble", [WireTrouble.LOST_ANSWER, WireTrouble.LOST_REQUEST, WireTrouble.THROTTLED])
async def test_a_resend_of_a_cancelled_or_failed_step_may_lose_its_answer_too(trouble: WireTrouble) -> None:
    script = brisk(steps={"transform": (FAILS, QUICK_STEP)}, wire=(WireFault(call="submit", trouble=trouble),))
    stage = Stage(step("copy"), retried("transform"), step("load"), script=script, patience=BRISK)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.starts() == [1, 2, 1]


# What the fabric doesn't show.


@pytest.mark.parametrize("trouble", [None, WireTrouble.LOST_ANSWER, WireTrouble.THROTTLED_BUT_DONE])
async def test_a_new_cluster_that_does_not_show_for_a_while_is_waited_for(trouble: WireTrouble | None) -> None:
    wire = (WireFault(call="launch", trouble=trouble),) if trouble else ()
    script = brisk(usual_cluster=replace(QUICK_CLUSTER, hidden_for=timedelta(seconds=100)), wire=wire)
    stage = normal(script)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert len(stage.ledger.clusters_made()) == 1
    assert stage.starts() == [1, 1]


@pytest.mark.parametrize("trouble", [WireTrouble.THROTTLED, WireTrouble.LOST_REQUEST])
async def test_looks_that_fail_for_an_hour_stretch_the_wait_and_fail_nothing(trouble: WireTrouble) -> None:
    calls = ("describe", "list_steps")
    wire = tuple(WireFault(call=call, trouble=trouble, first=9, times=65) for call in calls)
    stage = normal(brisk(wire=wire, usual_step=StepScript(duration=timedelta(minutes=2))))
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.clock.since_start() > 3600
    assert stage.starts() == [1, 1]


async def test_a_cluster_that_the_fabric_forgets_is_neither_success_nor_failure() -> None:
    stage = normal()

    async def forget() -> None:
        stage.forget_cluster(NAMED)

    stage.clock.at(45, forget)
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.UNKNOWN, 20)
    assert state.failure is not None
    assert state.failure.kind is FailureKind.LOST_SIGHT
    assert stage.ledger.clusters_alive() == ()


async def test_a_submission_that_cannot_be_told_from_anothers_is_unknown_and_never_sent_again() -> None:
    stage = named(brisk(wire=(WireFault(call="submit", trouble=WireTrouble.LOST_ANSWER),)), step("copy"))

    async def send_the_like(_record: RunRecord) -> None:
        if stage.ledger.submissions("copy") == 0 and (await stage.recorded()).intent:
            stage.fabric.world.submit(NAMED, [step_request(await stage.plan(), 0, 1)])

    stage.journal.when_saved = send_the_like
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.UNKNOWN, 20)
    assert state.failure is not None
    assert state.failure.kind is FailureKind.AMBIGUOUS
    assert stage.ledger.calls["submit"] == 1
    assert stage.ledger.submissions("copy") == 2
    assert await stage.journal.locks.holder(f"cluster:{NAMED}") is None


async def test_steps_of_earlier_runs_are_not_taken_for_the_one_whose_answer_was_lost() -> None:
    stage = named(brisk(wire=(WireFault(call="submit", trouble=WireTrouble.LOST_REQUEST),)), step("copy"))
    stage.fabric.world.submit(NAMED, [step_request(await stage.plan(), 0, 1)])
    stage.clock.leap(minutes=2)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.ledger.submissions("copy") == 2
    assert stage.ledger.calls["submit"] == 2


async def test_a_process_that_was_taken_over_from_can_write_nothing_more() -> None:
    stage = normal()

    async def take_over() -> None:
        assert stage.instance is not None
        stage.journal.kill(stage.instance)
        stage.instance = await stage.journal.register(stage.clock.now())
        await stage.journal.claim(stage.job.run_id, stage.instance, stage.clock.now())

    stage.clock.at(40, take_over)
    with pytest.raises(LeaseLost):
        await stage.begin()
    assert (await stage.resume()).verdict is Verdict.SUCCEEDED
    assert stage.starts() == [1, 1]
