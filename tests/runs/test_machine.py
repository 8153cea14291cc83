"""The pure machine under any answers: late, repeated and contradictory ones too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fabrics.clocks import START
from tests.runs.stage import BRISK, cluster, retried, step

from dataflow_runner.fabrics.base import ClusterState, ClusterView, StepRequest, StepState, StepView
from dataflow_runner.jobs.ids import ClusterId, RunId, StepId
from dataflow_runner.jobs.record import JobKind, LockRequest
from dataflow_runner.runs import events as ev
from dataflow_runner.runs.codec import decode_state, encode_state
from dataflow_runner.runs.decide import decide
from dataflow_runner.runs.machine import apply, initial_state
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import Phase, State, Verdict
from dataflow_runner.specs import model as m

LOCK = LockRequest(name="nightly", hard=False, wait=True)
NAMED = ClusterId("j-named")
TURNS = 60
FAILED = ev.CallFailed(message="Rate exceeded")

REPEATABLE = (
    ev.Launched
    | ev.Submitted
    | ev.ClustersFound
    | ev.TerminateSent
    | ev.Tagged
    | ev.CancelSent
    | ev.CancelRequested
    | ev.PreconditionsMet
    | ev.PreconditionUnmet
    | ev.LocksReleased
    | ev.Resumed
)
"""Events that say what is, not what is one more: to hear one twice is to hear it once."""


def a_plan(kind: JobKind, *, concurrency: int, keeps: bool, durable: bool) -> Plan:
    is_named = kind is JobKind.NAMED
    action = m.FailureAction.KEEP if keeps else m.FailureAction.TERMINATE
    return Plan(
        run_id=RunId("run-1"),
        name="nightly",
        kind=kind,
        journal_id="journal",
        owner="test",
        started_at=START,
        cluster=None if is_named else cluster(step_concurrency=concurrency),
        cluster_id=NAMED if is_named else None,
        steps=(step("a"), retried("b"), step("c")),
        preconditions=(m.Precondition(check=m.Check.S3_EMPTY, place="s3://out/"),),
        locks=(LOCK,),
        timeout=timedelta(hours=3),
        on_failure=m.OnFailure(action=action),
        durable_intermediates=durable,
        patience=BRISK,
    )


plans = st.builds(
    a_plan,
    st.sampled_from([JobKind.TRANSIENT, JobKind.NAMED]),
    concurrency=st.integers(1, 2),
    keeps=st.booleans(),
    durable=st.booleans(),
)


class Answers:
    """A fabric that says anything that a fabric may say."""

    def __init__(self, plan: Plan, draw: st.DataObject) -> None:
        self._plan = plan
        self._draw = draw
        self._numbers = count(1)
        self._made: list[ClusterId] = []
        self._sent: list[StepView] = []

    def to(self, effect: ev.Effect) -> ev.Event:
        match effect:
            case ev.Launch() | ev.Submit():
                return self._to_create(effect)
            case ev.Look():
                return self._one(self._seen(effect), FAILED, _refusal(effect))
            case ev.FindClusters():
                found = tuple(self._cluster(cluster_id) for cluster_id in self._made)
                return self._one(ev.ClustersFound(clusters=()), ev.ClustersFound(clusters=found), FAILED)
            case ev.TakeLock(lock=lock):
                return self._one(ev.LockTaken(), ev.LockRefused(lock=lock, holder="run-0"))
            case ev.CheckPreconditions(preconditions=preconditions):
                return self._one(ev.PreconditionsMet(), ev.PreconditionUnmet(precondition=preconditions[0]), FAILED)
            case _:
                return self._one(_success(effect), FAILED, _refusal(effect))

    def _to_create(self, effect: ev.Launch | ev.Submit) -> ev.Event:
        sent = effect.request.steps if isinstance(effect, ev.Launch) else effect.requests
        step_ids = tuple(self._step(request) for request in sent)
        usual: ev.Event = ev.Submitted(step_ids=step_ids)
        if isinstance(effect, ev.Launch):
            self._made.append(ClusterId(f"j-{next(self._numbers)}"))
            usual = ev.Launched(cluster_id=self._made[-1])
        not_sent, unanswered = ev.CreateNotSent(message="no connection"), ev.CreateUnanswered(message="dropped")
        return self._one(usual, not_sent, unanswered, _refusal(effect))

    def _one(self, usual: ev.Event, *others: ev.Event) -> ev.Event:
        """The usual answer four times in five: else no run would come far."""
        return self._draw.draw(st.sampled_from([usual] * 4 * len(others) + [*others]))

    def _step(self, request: StepRequest) -> StepId:
        view = StepView(
            step_id=StepId(f"s-{next(self._numbers)}"),
            name=request.name,
            jar=request.jar,
            arguments=request.arguments,
            state=StepState.PENDING,
        )
        self._sent.append(view)
        return view.step_id

    def _cluster(self, cluster_id: ClusterId) -> ClusterView:
        state = self._draw.draw(st.sampled_from([ClusterState.RUNNING] * 8 + list(ClusterState)))
        code = self._draw.draw(st.sampled_from(["", "BOOTSTRAP_FAILURE", "INTERNAL_ERROR"]))
        return ClusterView(cluster_id=cluster_id, name="nightly", state=state, reason_code=code, log_uri="s3://logs/")

    def _seen(self, look: ev.Look) -> ev.Event:
        states = [StepState.COMPLETED] * 8 + list(StepState)
        views = [
            replace(
                view,
                state=self._draw.draw(st.sampled_from(states)),
                started_at=self._draw.draw(st.sampled_from([None, START])),
            )
            for view in self._sent
        ]
        cluster = self._cluster(look.cluster_id) if look.cluster else None
        return ev.Seen(cluster_id=look.cluster_id, cluster=cluster, steps=tuple(views) if look.steps else None)


def _refusal(effect: ev.Effect) -> ev.Event:
    return ev.CallRefused(effect=effect, message="AccessDenied")


def _success(effect: ev.Effect) -> ev.Event:
    match effect:
        case ev.CancelSteps():
            return ev.CancelSent(refused={})
        case ev.TagCluster(keep_for=keep_for):
            return ev.Tagged(is_kept=keep_for is not None)
        case ev.Terminate(cluster_id=cluster_id):
            return ev.TerminateSent(cluster_id=cluster_id)
        case ev.ReleaseLocks():
            return ev.LocksReleased()
        case _:
            return ev.LogsFetched(are_complete=True)


def next_events(answers: Answers, plan: Plan, state: State, now: datetime) -> tuple[datetime, list[ev.Event]]:
    """What a driver would hear next, and when."""
    match decision := decide(plan, state, now):
        case ev.Finish():
            return now, []
        case ev.Wait(until=until):
            assert until > now, "waits for the past"
            return until, [ev.Tick()]
        case ev.Launch(intent=intent) | ev.Submit(intent=intent):
            return now, [ev.IntentWritten(intent=intent), answers.to(decision)]
        case _:
            return now, [answers.to(decision)]


def check_turn(plan: Plan, before: State, event: ev.Event, after: State, now: datetime) -> None:
    assert decode_state(encode_state(after)) == after
    assert apply(plan, after, ev.Tick(), now) == apply(plan, apply(plan, after, ev.Tick(), now), ev.Tick(), now)
    if isinstance(event, REPEATABLE) and after.intent == before.intent:
        assert apply(plan, after, event, now) == after
    if before.verdict is not None:
        assert (after.verdict, after.failure, after.exit_code) == (before.verdict, before.failure, before.exit_code)
        assert after.phase in {Phase.LOWERING, Phase.COLLECTING, Phase.ENDED}
    if after.verdict is Verdict.SUCCEEDED:
        assert all(progress.has_completed for progress in after.steps)
    for index, progress in enumerate(after.steps):
        assert progress.ids[: len(before.steps[index].ids)] == before.steps[index].ids
        assert progress.tries <= (plan.steps[index].retry or m.Retry(max_attempts=1)).max_attempts


@settings(deadline=None, max_examples=40)
@given(plan=plans, draw=st.data())
def test_whatever_is_answered_and_however_often_the_state_stays_one_that_makes_sense(
    plan: Plan, draw: st.DataObject
) -> None:
    answers, state, now = Answers(plan, draw), initial_state(plan), START
    for _ in range(TURNS):
        now, heard = next_events(answers, plan, state, now)
        if not heard:
            break
        if draw.draw(st.integers(0, 19)) == 0:
            besides: list[ev.Event] = [ev.Resumed(), ev.CancelRequested(by="somebody")]
            heard = [*heard, draw.draw(st.sampled_from(besides))]
        for event in heard:
            after = apply(plan, state, event, now)
            check_turn(plan, state, event, after, now)
            state = after


@settings(deadline=None, max_examples=25)
@given(plan=plans, draw=st.data())
def test_news_of_a_cluster_that_is_not_the_runs_own_any_more_changes_nothing(plan: Plan, draw: st.DataObject) -> None:
    answers, state, now = Answers(plan, draw), initial_state(plan), START
    stranger = ClusterView(cluster_id=ClusterId("j-old"), name="nightly", state=ClusterState.TERMINATED)
    late = ev.Seen(cluster_id=ClusterId("j-old"), cluster=stranger, steps=())
    for _ in range(TURNS // 2):
        now, heard = next_events(answers, plan, state, now)
        for event in heard:
            state = apply(plan, state, event, now)
        if state.phase is not Phase.CHECKED:
            assert apply(plan, state, late, now) == state


def test_a_run_that_has_ended_hears_nothing_more() -> None:
    plan = a_plan(JobKind.TRANSIENT, concurrency=1, keeps=False, durable=False)
    ended = State(phase=Phase.ENDED, verdict=Verdict.SUCCEEDED, exit_code=0, steps=initial_state(plan).steps)
    late: list[ev.Event] = [ev.Resumed(), ev.CancelRequested(by="somebody"), ev.Tick(), ev.Launched(cluster_id=NAMED)]
    for event in late:
        assert apply(plan, ended, event, START) == ended
