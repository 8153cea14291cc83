"""Random walks of two users over the journal in memory and the one in SQLite, which must not tell them apart."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.stores.samples import NOON, a_holder, a_request, a_run, an_entry, ended

from dataflow_runner.errors import RunnerError
from dataflow_runner.jobs.ids import ClusterId, InstanceId, RunId
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.jobs.record import RunRecord
from dataflow_runner.stores.memory import MemoryJournal
from dataflow_runner.stores.sqlite import SqliteJournal

RUNS = st.sampled_from(["a", "b", "c"])
USERS = st.sampled_from([0, 1])
LOCKS = st.sampled_from(["soft", "hard"])


@dataclass(frozen=True)
class Instance:
    ids: tuple[InstanceId, InstanceId]
    """In memory and in SQLite."""
    user: int


class TwinsWalk(RuleBasedStateMachine):
    """Does the same to both journals, and compares every answer; instances are compared by who began them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = MemoryJournal()
        self.files = [SqliteJournal.open(Path(self.folder.name) / "journal.db") for _ in range(2)]
        self.instances: list[Instance] = []
        self.known: dict[str, tuple[RunRecord, RunRecord]] = {}

    def teardown(self) -> None:
        for journal in self.files:
            self.runner.run(journal.close())
        self.runner.close()
        self.folder.cleanup()

    def both(self, user: int, call: Callable[[Journal, int], Awaitable[object]]) -> tuple[object, object]:
        """Call both; fails unless they answer the same."""
        answers = (self.answer(self.memory, call, 0), self.answer(self.files[user], call, 1))
        assert self.named(answers[0]) == self.named(answers[1])
        return answers

    def answer(self, journal: Journal, call: Callable[[Journal, int], Awaitable[object]], twin: int) -> object:
        async def ask() -> object:
            try:
                return await call(journal, twin)
            except RunnerError as error:
                return type(error)

        return self.runner.run(ask())

    def named(self, answer: object) -> object:
        """An answer with its instances replaced by their number."""
        if isinstance(answer, RunRecord) and answer.owner is not None:
            number = next(number for number, known in enumerate(self.instances) if answer.owner in known.ids)
            return replace(answer, owner=InstanceId(str(number)))
        return tuple(self.named(part) for part in answer) if isinstance(answer, tuple) else answer

    @rule(user=USERS)
    def register(self, user: int) -> None:
        of_memory = self.runner.run(self.memory.register(NOON))
        of_file = self.runner.run(self.files[user].register(NOON))
        self.instances.append(Instance((of_memory, of_file), user))

    @precondition(lambda self: self.instances)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        instance = data.draw(st.sampled_from(self.instances))
        self.both(instance.user, lambda journal, twin: journal.release_instance(instance.ids[twin]))

    @rule(user=USERS, run=RUNS, age_s=st.sampled_from([0, 5]))
    def create(self, user: int, run: str, age_s: int) -> None:
        self.both(user, lambda journal, _: journal.create(a_run(run, age_s=age_s), an_entry()))

    @rule(user=USERS, run=RUNS)
    def load(self, user: int, run: str) -> None:
        first, second = self.both(user, lambda journal, _: journal.load(RunId(run)))
        if isinstance(first, RunRecord) and isinstance(second, RunRecord):
            self.known[run] = (first, second)

    @precondition(lambda self: self.instances)
    @rule(run=RUNS, data=st.data())
    def claim(self, run: str, data: st.DataObject) -> None:
        instance = data.draw(st.sampled_from(self.instances))
        at = NOON + timedelta(seconds=1)
        first, second = self.both(
            instance.user, lambda journal, twin: journal.claim(RunId(run), instance.ids[twin], at)
        )
        if isinstance(first, RunRecord) and isinstance(second, RunRecord):
            self.known[run] = (first, second)

    @precondition(lambda self: self.known)
    @rule(user=USERS, data=st.data(), how=st.sampled_from(["save", "hand_back", "end"]))
    def write(self, user: int, data: st.DataObject, how: str) -> None:
        """What is known of a run may be out of date."""
        known = self.known[data.draw(st.sampled_from(sorted(self.known)))]
        name = "save" if how == "end" else how

        def call(journal: Journal, twin: int) -> Awaitable[object]:
            record = replace(known[twin], phase=how, cluster_id=ClusterId("j-1"))
            write: Awaitable[object] = getattr(journal, name)(ended(record) if how == "end" else record, an_entry(how))
            return write

        self.both(user, call)

    @rule(user=USERS, run=RUNS)
    def ask(self, user: int, run: str) -> None:
        self.both(user, lambda journal, _: journal.request(RunId(run), a_request()))
        self.both(user, lambda journal, _: journal.requests(RunId(run)))

    @rule(user=USERS, run=RUNS, limit=st.integers(-1, 4), live_only=st.booleans())
    def look(self, user: int, run: str, limit: int, live_only: bool) -> None:
        self.both(user, lambda journal, _: journal.list_runs(limit=limit, live_only=live_only))
        self.both(user, lambda journal, _: journal.history(RunId(run)))

    @rule(user=USERS, run=RUNS, name=LOCKS, cluster=st.sampled_from([None, "j-1", "j-2"]))
    def take(self, user: int, run: str, name: str, cluster: str | None) -> None:
        holder = a_holder(run, hard=name == "hard", cluster=cluster)
        self.both(user, lambda journal, _: journal.locks.acquire(name, holder))

    @rule(user=USERS, run=RUNS, name=LOCKS)
    def let_go(self, user: int, run: str, name: str) -> None:
        self.both(user, lambda journal, _: journal.locks.release(name, RunId(run)))
        self.both(user, lambda journal, _: journal.locks.holder(name))


TwinsWalk.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTwins = TwinsWalk.TestCase
