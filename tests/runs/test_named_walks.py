"""Random runs on a cluster that others use too, with random deaths of their driver: what must hold at every end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runs.stage import BRISK, QUICK_CLUSTER, QUICK_STEP, Stage, brisk, playbook, step
from tests.runs.test_walks import (
    FAILS,
    HANGS,
    LASTS,
    MOST_CALLS,
    NAMES,
    STEP_LIMIT,
    durations,
    is_done,
    numbers,
    seconds,
)

from dataflow_runner.fabrics.base import StepRequest, StepState
from dataflow_runner.fabrics.memory import Death, Deed, Script, StepScript, WireFault, WireTrouble
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.jobs.record import JobKind
from dataflow_runner.runs.plan import tries_of
from dataflow_runner.runs.policy import MAX_RESENDS
from dataflow_runner.runs.state import EXIT_CODES, FailureKind, Phase, State, Verdict
from dataflow_runner.specs import model as m

CLUSTER = ClusterId("j-0000000000001")
LOCK = "nightly"
CALLS = ("submit", "describe", "list_steps", "cancel_steps", "has_data", "tag")
NEVER_CALLED = {"launch", "terminate", "find_clusters", "set_auto_termination"}
WENT_WELL = {Verdict.SUCCEEDED, Verdict.NO_OP, Verdict.DETACHED}


STUBBORN = StepScript(duration=timedelta(minutes=3), ignores_cancel=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A step that somebody else sends to the cluster."""

    at: int
    """Seconds since the start; the cluster is ready from 60 on."""
    name: str
    action: m.ActionOnFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A run, the cluster it uses, and what befalls its driver and its neighbours."""

    book: m.PlaybookConfig
    script: Script
    concurrency: int
    share_cluster: bool
    detach: bool
    visits: tuple[Visit, ...]
    kills_before: frozenset[int]
    kills_after: frozenset[int]
    cancel_at: int | None

    @property
    def is_sequential(self) -> bool:
        return self.share_cluster or self.concurrency == 1

    def stage(self) -> Stage:
        stage = Stage(
            book=self.book,
            script=self.script,
            patience=BRISK,
            kind=JobKind.NAMED,
            cluster_id=CLUSTER,
            share_cluster=self.share_cluster,
            detach=self.detach,
        )
        stage.make_cluster(step_concurrency=self.concurrency)
        stage.clock.leap(seconds=60)
        stage.journal.kills_before = set(self.kills_before)
        stage.journal.kills_after = set(self.kills_after)
        for visit in self.visits:
            invite(stage, visit)
        if self.cancel_at is not None:
            stage.clock.at(self.cancel_at, stage.ask_cancel)
        return stage


def invite(stage: Stage, visit: Visit) -> None:
    async def come() -> None:
        if stage.fabric.world.life(CLUSTER).state.is_alive:
            request = StepRequest(name=visit.name, jar="others.jar", action_on_failure=visit.action)
            stage.fabric.world.submit(CLUSTER, [request])

    stage.clock.at(visit.at, come)


faults = st.builds(
    WireFault,
    call=st.sampled_from(CALLS),
    trouble=st.sampled_from(list(WireTrouble)),
    first=st.integers(1, 6),
    times=st.integers(1, 3),
    delay=durations(5, 100),
)
"""Late by less than create_settle."""


@st.composite
def visits(draw: st.DrawFn, concurrency: int) -> Visit:
    """Where steps run one by one, one of theirs that fails may take ours with it."""
    name = draw(st.sampled_from(["theirs", "spoiler"]))
    actions = [m.ActionOnFailure.CONTINUE, *([m.ActionOnFailure.CANCEL_AND_WAIT] if concurrency == 1 else [])]
    return Visit(at=draw(seconds(55, 300)), name=name, action=draw(st.sampled_from(actions)))


retries = st.builds(m.Retry, max_attempts=st.integers(1, 3), delay=durations(0, 90))


@st.composite
def own_steps(draw: st.DrawFn, name: str) -> m.Step:
    """A step that may fail is not tried again."""
    action = draw(st.sampled_from([m.ActionOnFailure.CANCEL_AND_WAIT, m.ActionOnFailure.CONTINUE]))
    retry = draw(st.none() | retries) if action is m.ActionOnFailure.CANCEL_AND_WAIT else None
    timeout = draw(st.sampled_from([None, STEP_LIMIT, timedelta(minutes=1)]))
    return step(name, retry=retry, action_on_failure=action, timeout=timeout)


@st.composite
def playbooks(draw: st.DrawFn) -> m.PlaybookConfig:
    lock = st.builds(m.Lock, name=st.just(LOCK), kind=st.sampled_from(list(m.LockKind)))
    check = st.builds(
        m.Precondition,
        check=st.sampled_from(list(m.Check)),
        place=st.just("s3://in/raw/"),
        unmet=st.sampled_from(list(m.Unmet)),
    )
    return playbook(
        *(draw(own_steps(name)) for name in NAMES[: draw(st.integers(1, 4))]),
        timeout=draw(st.sampled_from([None, timedelta(minutes=6)])),
        pending_timeout=draw(st.sampled_from([timedelta(minutes=2), timedelta(hours=1)])),
        lock=draw(st.none() | lock),
        preconditions=draw(st.just(()) | st.tuples(check)),
        tags=draw(st.sampled_from([(), (m.Tag(key="team", value="data"),)])),
    )


def is_refused_cancel(fault: WireFault) -> bool:
    return fault.call == "cancel_steps" and fault.trouble is WireTrouble.REFUSED


@st.composite
def scripts(draw: st.DrawFn, book: m.PlaybookConfig) -> Script:
    is_limited = bool(book.timeout) or all(each.timeout for each in book.steps)
    tries = st.sampled_from([QUICK_STEP, FAILS, LASTS, STUBBORN, *([HANGS] if is_limited else [])])
    codes = st.sampled_from(["INSTANCE_FAILURE", "INTERNAL_ERROR", "USER_REQUEST"])
    death = draw(st.none() | st.builds(Death, after=durations(55, 400), code=codes, message=st.just("it is gone")))
    ours = {each.name: tuple(draw(st.lists(tries, min_size=1, max_size=3))) for each in book.steps}
    return brisk(
        clusters={1: replace(QUICK_CLUSTER, death=death)},
        steps={**ours, "theirs": (draw(st.sampled_from([QUICK_STEP, LASTS])),), "spoiler": (FAILS,)},
        wire=tuple(draw(st.lists(faults, max_size=4))),
        objects=draw(st.sampled_from([frozenset(), frozenset({"s3://in/raw/a.gz"})])),
    )


def may_detach(book: m.PlaybookConfig) -> bool:
    """Whether nothing in a playbook asks for somebody to stay with the run."""
    waits = any(each.retry or each.timeout for each in book.steps)
    return not (waits or book.timeout or book.lock)


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    book, concurrency, share_cluster = draw(playbooks()), draw(st.integers(1, 3)), draw(st.booleans())
    return Walk(
        book=book,
        script=draw(scripts(book)),
        concurrency=concurrency,
        share_cluster=share_cluster,
        detach=may_detach(book) and not share_cluster and draw(st.booleans()),
        visits=tuple(draw(st.lists(visits(concurrency), max_size=3))),
        kills_before=draw(numbers),
        kills_after=draw(numbers),
        cancel_at=draw(st.none() | seconds(50, 400)),
    )


async def play(walk: Walk) -> tuple[Stage, State]:
    stage = walk.stage()
    return stage, await stage.survive()


def check_end(walk: Walk, stage: Stage, state: State) -> None:
    """The verdict is one that the world bears out, in a bounded number of calls."""
    assert state.phase is Phase.ENDED
    assert state.intent is None
    assert state.verdict is not None
    assert (state.failure is None) is (state.verdict in {Verdict.SUCCEEDED, Verdict.DETACHED})
    if not walk.book.preconditions and state.failure is None:
        assert state.final_exit_code == EXIT_CODES[state.verdict]
    all_done = all(is_done(stage, each.name) for each in walk.book.steps)
    if state.verdict is Verdict.SUCCEEDED:
        assert all_done
    else:
        assert not all_done or state.verdict is Verdict.DETACHED
    assert sum(stage.ledger.calls.values()) < MOST_CALLS


def may_refuse_cancels(script: Script) -> bool:
    return any(is_refused_cancel(fault) for fault in script.wire)


def check_cluster(walk: Walk, stage: Stage, state: State) -> None:
    """The cluster is left as it was: alive, and without steps of the run unless the run says so."""
    assert not NEVER_CALLED & set(stage.ledger.calls)
    life = stage.fabric.world.life(CLUSTER)
    own = {each.name for each in stage.book.steps}
    left = [each for each in life.open_steps if each.request.name in own]
    if not left or not life.state.is_alive or state.verdict is Verdict.DETACHED:
        return
    assert state.failure is not None
    if state.failure.kind is not FailureKind.LOST_SIGHT:
        assert "the cluster has not cancelled" in state.failure.message
        assert all(each.step_id in state.failure.message for each in left)
        assert may_refuse_cancels(walk.script) or all(each.script.ignores_cancel for each in left)


def check_steps(walk: Walk, stage: Stage) -> None:
    """Nothing ran more often than allowed, nor before what comes before it."""
    tries = {each.name: tries_of(each) for each in walk.book.steps}
    most_sent = sum(tries.values()) + MAX_RESENDS * len(tries)
    for name, most in tries.items():
        assert stage.ledger.starts(name) <= most
        assert stage.ledger.submissions(name) <= most_sent
    if walk.is_sequential:
        assert not list(early_starts(walk, stage))


def early_starts(walk: Walk, stage: Stage) -> Iterator[str]:
    """Steps that began before an earlier one had COMPLETED, or had ended and may fail."""
    ended: dict[str, str] = {}
    places = {each.name: place for place, each in enumerate(walk.book.steps)}
    for record in stage.ledger.records:
        if record.name not in places:
            continue
        if record.deed is Deed.STEP_SUBMITTED:
            ended.pop(record.name, None)
        elif record.deed is Deed.STEP_ENDED:
            ended[record.name] = record.detail
        elif record.deed is Deed.STEP_STARTED:
            for earlier in walk.book.steps[: places[record.name]]:
                end = ended.get(earlier.name)
                may_fail = earlier.action_on_failure is m.ActionOnFailure.CONTINUE and end is not None
                if not may_fail and end != StepState.COMPLETED:
                    yield record.name


async def check_locks(stage: Stage, state: State) -> None:
    """Free: but a hard one stays where something happened under it that didn't end well."""
    locks, lock = stage.journal.locks, stage.book.lock
    assert await locks.holder(f"cluster:{CLUSTER}") is None
    was_sent = any(stage.ledger.submissions(each.name) for each in stage.book.steps)
    happened = was_sent or state.verdict is Verdict.UNKNOWN
    is_kept = lock is not None and lock.kind is m.LockKind.HARD and happened and state.verdict not in WENT_WELL
    assert (await locks.holder(LOCK) is not None) is is_kept


async def check(walk: Walk, stage: Stage, state: State) -> None:
    check_end(walk, stage, state)
    check_steps(walk, stage)
    await check_locks(stage, state)
    stage.clock.leap(seconds=10)  # a cancel that was just sent takes effect
    check_cluster(walk, stage, state)


async def play_and_check(walk: Walk) -> None:
    await check(walk, *await play(walk))


@settings(deadline=None, max_examples=25)
@given(walk=walks())
def test_no_walk_harms_a_cluster_that_others_use_nor_claims_what_did_not_happen(walk: Walk) -> None:
    asyncio.run(play_and_check(walk))
