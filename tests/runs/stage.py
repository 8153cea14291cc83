"""A stage for whole runs: the real conductor over the memory fabric and journal, on a clock that leaps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fabrics.clocks import START, LeapingClock

from dataflow_runner.fabrics.base import LaunchRequest, LogFile
from dataflow_runner.fabrics.memory import ClusterScript, Ledger, MemoryFabric, Script, StepScript
from dataflow_runner.jobs.ids import ClusterId, InstanceId, RunId, StepId
from dataflow_runner.jobs.record import Entry, EntryKind, Job, JobKind, Request, RequestKind, RunRecord
from dataflow_runner.runs.codec import decode_state, encode_state
from dataflow_runner.runs.conductor import Conductor
from dataflow_runner.runs.hands import Surroundings
from dataflow_runner.runs.machine import initial_state
from dataflow_runner.runs.plan import Patience, Plan, make_plan
from dataflow_runner.runs.state import State
from dataflow_runner.specs import model as m
from dataflow_runner.stores.memory import MemoryJournal

RUN = RunId("run-1")

PATIENCE = Patience(
    poll=timedelta(seconds=15),
    backoff_cap=timedelta(minutes=2),
    create_settle=timedelta(minutes=15),
)

BRISK = Patience(
    poll=timedelta(seconds=10),
    backoff_cap=timedelta(seconds=60),
    second_look=timedelta(seconds=20),
    create_settle=timedelta(minutes=2),
    unseen=timedelta(minutes=2),
    cancel_grace=timedelta(minutes=1),
    natural_end=timedelta(minutes=1),
    log_deadline=timedelta(minutes=2),
)
"""For tests that drive many runs: every second of a run costs a turn of its driver."""

QUICK_CLUSTER = ClusterScript(
    starting=timedelta(seconds=20), bootstrapping=timedelta(seconds=10), terminating=timedelta(seconds=10)
)
QUICK_STEP = StepScript(duration=timedelta(seconds=20))

MOST_DECISIONS_AT_ONCE = 40
"""More at one instant, and the driver is in a loop that waits for nothing."""
MOST_DECISIONS = 60_000
"""More, and the run never ends."""


def brisk(**changes: Any) -> Script:
    """A script of a quick world."""
    fields: dict[str, Any] = {"usual_cluster": QUICK_CLUSTER, "usual_step": QUICK_STEP}
    return Script(**(fields | changes))


class Killed(BaseException):
    """The process dies here, without a last word."""


def step(name: str, **changes: Any) -> m.Step:
    fields: dict[str, Any] = {"name": name, "jar": "command-runner.jar", "arguments": ("true", name)}
    return m.Step(**(fields | changes))


def retried(name: str, tries: int = 3, delay: timedelta = timedelta(0), **changes: Any) -> m.Step:
    return step(name, retry=m.Retry(max_attempts=tries, delay=delay), **changes)


def playbook(*steps: m.Step, **changes: Any) -> m.PlaybookConfig:
    return m.PlaybookConfig(**({"steps": steps} | changes))


def cluster(*, launch: m.Launch | None = None, **emr: Any) -> m.ClusterConfig:
    fields: dict[str, Any] = {
        "region": "eu-central-1",
        "release_label": "emr-7.1.0",
        "log_uri": "s3://logs/emr/",
        "roles": m.Roles(jobflow="jobflow", service="service"),
        "instances": m.Groups(master=m.Group(type="m5.xlarge")),
    }
    return m.ClusterConfig(name="nightly", launch=launch or m.Launch(), fabric=m.Emr(**(fields | emr)))


class Audience:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.troubles: list[str] = []
        self.shown: list[tuple[StepId, LogFile]] = []

    def changed(self, plan: Plan, state: State, lines: Sequence[str]) -> None:
        self.lines += lines

    def troubled(self, message: str) -> None:
        self.troubles.append(message)

    def logs(self, step_id: StepId, file: LogFile) -> None:
        self.shown.append((step_id, file))


class BusyClock(LeapingClock):
    """Makes things happen at set instants, for whoever waits past them."""

    def __init__(self) -> None:
        super().__init__()
        self._agenda: list[tuple[datetime, Callable[[], Awaitable[object]]]] = []

    def at(self, seconds: float, action: Callable[[], Awaitable[object]]) -> None:
        self._agenda.append((START + timedelta(seconds=seconds), action))

    async def sleep_until(self, instant: datetime) -> None:
        await super().sleep_until(instant)
        due = [action for when, action in self._agenda if when <= self.now()]
        self._agenda = [(when, action) for when, action in self._agenda if when > self.now()]
        for action in due:
            await action()


class DeadlyJournal(MemoryJournal):
    """Kills its process before or after the n-th save; fails a driver that decides for ever."""

    def __init__(self, clock: LeapingClock) -> None:
        super().__init__()
        self.saves = 0
        self.kills_before: set[int] = set()
        self.kills_after: set[int] = set()
        self.when_saved: Callable[[RunRecord], Awaitable[object]] | None = None
        self.decisions = 0
        self._clock = clock
        self._instant = clock.now()
        self._decisions_now = 0

    async def save(self, record: RunRecord, entry: Entry) -> None:
        self.saves += 1
        number = self.saves
        if number in self.kills_before:
            raise Killed
        await super().save(record, entry)
        if self.when_saved:
            await self.when_saved(record)
        if number in self.kills_after:
            raise Killed

    async def requests(self, run_id: RunId) -> Sequence[Request]:
        """Read once for each decision of a driver."""
        now = self._clock.now()
        self.decisions += 1
        self._decisions_now = self._decisions_now + 1 if now == self._instant else 1
        self._instant = now
        assert self._decisions_now < MOST_DECISIONS_AT_ONCE, f"decides on and on at {now}"
        assert self.decisions < MOST_DECISIONS, "the run never ends"
        return await super().requests(run_id)


class Stage:
    """One run, its world, and whoever drives it."""

    def __init__(
        self,
        *steps: m.Step,
        script: Script | None = None,
        spec: m.ClusterConfig | None = None,
        book: m.PlaybookConfig | None = None,
        kind: JobKind = JobKind.TRANSIENT,
        patience: Patience = PATIENCE,
        run_id: RunId = RUN,
        beside: Stage | None = None,
        **job: Any,
    ) -> None:
        self.clock: BusyClock = beside.clock if beside else BusyClock()
        self.fabric: MemoryFabric = beside.fabric if beside else MemoryFabric(self.clock, script)
        self.journal: DeadlyJournal = beside.journal if beside else DeadlyJournal(self.clock)
        self.audience = Audience()
        self.spec = None if kind is JobKind.NAMED else (spec or cluster())
        self.book = book or playbook(*steps)
        self.kind = kind
        self.patience = patience
        self.job = Job(run_id=run_id, name="nightly", kind=kind, instant=START, **job)
        self.conductor: Conductor | None = None
        self.instance: InstanceId | None = None

    @property
    def ledger(self) -> Ledger:
        return self.fabric.world.ledger

    def make_cluster(self, **emr: Any) -> ClusterId:
        """A cluster that somebody else made, to run steps on."""
        return self.fabric.world.launch(LaunchRequest(config=cluster(**emr), keep_alive=True))

    def forget_cluster(self, cluster_id: ClusterId) -> None:
        """The API doesn't know a cluster any more."""
        life = self.fabric.world.life(cluster_id)
        life.script = replace(life.script, hidden_for=timedelta(days=9999))

    def starts(self) -> list[int]:
        """How often each step of the playbook began to run."""
        return [self.ledger.starts(step.name) for step in self.book.steps]

    async def plan(self) -> Plan:
        return make_plan(
            self.job,
            journal_id=await self.journal.journal_id(),
            owner="test",
            cluster=self.spec,
            playbook=self.book,
            patience=self.patience,
        )

    async def accept(self) -> RunRecord:
        plan = await self.plan()
        self.instance = await self.journal.register(self.clock.now())
        state = initial_state(plan)
        record = RunRecord(
            job=self.job,
            state=encode_state(state),
            phase=str(state.phase),
            created_at=START,
            updated_at=START,
            owner=self.instance,
        )
        assert await self.journal.create(record, Entry(at=START, kind=EntryKind.NOTE, text="accepted"))
        return record

    async def begin(self) -> State:
        """Accept the run and drive it until it ends, or until its process is killed."""
        return await self._drive(await self.accept(), is_resumed=False)

    async def resume(self) -> State:
        """Another process takes the run over and drives it."""
        assert self.instance is not None
        self.journal.kill(self.instance)
        self.instance = await self.journal.register(self.clock.now())
        record = await self.journal.claim(self.job.run_id, self.instance, self.clock.now())
        return await self._drive(record, is_resumed=True)

    async def survive(self, first: Callable[[], Awaitable[State]] | None = None) -> State:
        """Drive the run to its end, however often its process is killed."""
        drive = first or self.begin
        while True:
            try:
                return await drive()
            except Killed:
                drive = self.resume

    async def ask_cancel(self) -> None:
        request = Request(kind=RequestKind.CANCEL, at=self.clock.now(), by="somebody")
        await self.journal.request(self.job.run_id, request)

    async def recorded(self) -> State:
        return decode_state((await self.journal.load(self.job.run_id)).state)

    async def _drive(self, record: RunRecord, *, is_resumed: bool) -> State:
        surroundings = Surroundings(
            fabric=self.fabric,
            lock_place=lambda _lock: self.journal.locks,
            clock=self.clock,
            observer=self.audience,
            redact=str,
        )
        self.conductor = Conductor(await self.plan(), record, self.journal, surroundings)
        return await self.conductor.drive(is_resumed=is_resumed)
