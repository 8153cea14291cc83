"""Random runs in random worlds with random deaths of their driver: what must hold at every end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runs.stage import BRISK, QUICK_CLUSTER, QUICK_STEP, Stage, brisk, cluster, playbook, step

from dataflow_runner.fabrics.base import StepState
from dataflow_runner.fabrics.memory import (
    ClusterScript,
    Death,
    Deed,
    Record,
    Script,
    StepScript,
    WireFault,
    WireTrouble,
)
from dataflow_runner.runs.codec import decode_state, encode_state
from dataflow_runner.runs.plan import tries_of
from dataflow_runner.runs.state import EXIT_CODES, Phase, State, Verdict
from dataflow_runner.specs import model as m

NAMES = ("a", "b", "c", "d")
CALLS = ("launch", "submit", "describe", "list_steps", "find_clusters", "terminate", "tag", "cancel_steps")
STEP_LIMIT = timedelta(minutes=5)
MOST_CALLS = 600
"""More calls in one walk than any should need: its longest waits are minutes, with a look every ten seconds."""

FAILS = StepScript(duration=timedelta(seconds=15), outcome=StepState.FAILED, message="exit code 1")
LASTS = StepScript(duration=timedelta(minutes=4))
HANGS = StepScript(duration=timedelta(hours=9))

seconds = st.integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A run, its world, and what befalls its driver."""

    book: m.PlaybookConfig
    script: Script
    concurrency: int
    kills_before: frozenset[int]
    kills_after: frozenset[int]
    cancel_at: int | None

    def stage(self) -> Stage:
        spec = cluster(step_concurrency=self.concurrency, launch=m.Launch(backoff=timedelta(seconds=20)))
        stage = Stage(book=self.book, script=self.script, spec=spec, patience=BRISK)
        stage.journal.kills_before = set(self.kills_before)
        stage.journal.kills_after = set(self.kills_after)
        if self.cancel_at is not None:
            stage.clock.at(self.cancel_at, stage.ask_cancel)
        return stage


@st.composite
def steps(draw: st.DrawFn, name: str) -> m.Step:
    retry = draw(st.none() | st.builds(m.Retry, max_attempts=st.integers(1, 3), delay=durations(0, 90)))
    actions = list(m.ActionOnFailure) if retry is None else [m.ActionOnFailure.CANCEL_AND_WAIT]
    timeout = draw(st.sampled_from([None, STEP_LIMIT]))
    return step(name, retry=retry, action_on_failure=draw(st.sampled_from(actions)), timeout=timeout)


def durations(shortest: int, longest: int) -> st.SearchStrategy[timedelta]:
    return seconds(shortest, longest).map(lambda length: timedelta(seconds=length))


@st.composite
def cluster_scripts(draw: st.DrawFn) -> ClusterScript:
    codes = st.sampled_from(["BOOTSTRAP_FAILURE", "INSTANCE_FAILURE", "INTERNAL_ERROR", "USER_REQUEST"])
    messages = st.sampled_from(["no machine was to be had", "bootstrap action 1 failed", "spot was taken"])
    death = st.builds(Death, after=durations(1, 200), code=codes, message=messages)
    return replace(QUICK_CLUSTER, death=draw(st.none() | death), hidden_for=draw(durations(0, 60)))


faults = st.builds(
    WireFault,
    call=st.sampled_from(CALLS),
    trouble=st.sampled_from(list(WireTrouble)),
    first=st.integers(1, 6),
    times=st.integers(1, 3),
    delay=durations(5, 40),
)
"""Late by less than create_settle, together with the time for which a cluster may be hidden."""

numbers = st.frozensets(st.integers(1, 40), max_size=3)


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    names = NAMES[: draw(st.integers(1, 4))]
    concurrency = draw(st.integers(1, 3))
    book = playbook(
        *(draw(steps(name)) for name in names),
        durable_intermediates=draw(st.booleans()),
        on_failure=m.OnFailure(action=draw(st.sampled_from(list(m.FailureAction)))),
        timeout=draw(st.sampled_from([None, timedelta(minutes=6)])),
        overlay=draw(st.sampled_from([{}, {"ExecutionRoleArn": "arn:aws:iam::1:role/r"}])),
    )
    is_limited = bool(book.timeout) or all(each.timeout for each in book.steps)
    tries = st.sampled_from([QUICK_STEP, FAILS, LASTS, *([HANGS] if is_limited else [])])
    script = brisk(
        clusters=draw(st.dictionaries(st.integers(1, 2), cluster_scripts())),
        steps={name: tuple(draw(st.lists(tries, min_size=1, max_size=3))) for name in names},
        wire=tuple(draw(st.lists(faults, max_size=4))),
    )
    return Walk(
        book=book,
        script=script,
        concurrency=concurrency,
        kills_before=draw(numbers),
        kills_after=draw(numbers),
        cancel_at=draw(st.none() | seconds(1, 400)),
    )


def is_done(stage: Stage, name: str) -> bool:
    """Whether the world says that the last attempt of a step has completed."""
    about = [record for record in stage.ledger.records if record.name == name]
    submitted = [record.step_id for record in about if record.deed is Deed.STEP_SUBMITTED]
    ended = {record.step_id: record.detail for record in about if record.deed is Deed.STEP_ENDED}
    return bool(submitted) and ended.get(submitted[-1]) == StepState.COMPLETED


def most_alive_at_once(records: list[Record]) -> int:
    alive = most = 0
    for record in sorted(records, key=lambda each: each.at):
        alive += (record.deed is Deed.CLUSTER_MADE) - (record.deed is Deed.CLUSTER_ENDED)
        most = max(most, alive)
    return most


def check(walk: Walk, stage: Stage, state: State) -> None:
    ledger, tries = stage.ledger, {each.name: tries_of(each) for each in walk.book.steps}
    assert state.phase is Phase.ENDED
    assert state.intent is None
    assert state.verdict is not None
    assert state.final_exit_code == EXIT_CODES[state.verdict]
    assert (state.failure is None) is (state.verdict is Verdict.SUCCEEDED)

    assert len(ledger.clusters_alive()) <= state.cluster_kept
    assert most_alive_at_once(ledger.records) <= 1
    if state.cluster_kept:
        assert walk.book.on_failure.action is m.FailureAction.KEEP
        assert state.verdict in {Verdict.FAILED, Verdict.TIMED_OUT, Verdict.UNKNOWN}

    for name, most in tries.items():
        assert ledger.starts(name) <= most
        assert ledger.submissions(name) <= sum(tries.values()) + len(ledger.clusters_made())
    done = [is_done(stage, name) for name in tries]
    if state.verdict is Verdict.SUCCEEDED:
        assert all(done)
    if state.verdict is Verdict.FAILED:
        assert not all(done)
    assert sum(ledger.calls.values()) < MOST_CALLS


async def play(walk: Walk) -> tuple[Stage, State]:
    stage = walk.stage()
    return stage, await stage.survive()


@settings(deadline=None, max_examples=40)
@given(walk=walks())
def test_no_walk_ends_with_a_cluster_left_a_step_run_too_often_or_a_verdict_that_the_steps_contradict(
    walk: Walk,
) -> None:
    stage, state = asyncio.run(play(walk))
    check(walk, stage, state)


@settings(deadline=None, max_examples=15)
@given(walk=walks())
def test_what_the_journal_holds_is_what_the_driver_knew(walk: Walk) -> None:
    stage, state = asyncio.run(play(walk))
    recorded = asyncio.run(stage.recorded())
    assert recorded == state
    assert decode_state(encode_state(state)) == state
