"""A cluster's life, as a pure function of time.

``advance(now)`` passes every instant that is due, in order and at its own time, so that a cluster which nobody looked
at for an hour has the same history as one that was watched. Nothing here sleeps, runs or sends: what has to happen
outside is left in ``effects``, and what happened outside is reported by ``step_ended`` and its neighbours.
"""

from collections.abc import Callable, Iterable, Iterator

from emr_emulator import reasons
from emr_emulator.records import ClusterRecord, Director
from emr_emulator.states import (
    ALIVE,
    ENDED,
    ENDING,
    READY,
    STEP_UNSUCCESSFUL,
    TERMINATING_ACTIONS,
    ActionOnFailure,
    ClusterState,
    ReasonCode,
    StepState,
)
from emr_emulator.steps import CANCELLED_BY_USER, Step
from emr_emulator.values import (
    Change,
    Death,
    Effect,
    Ending,
    Failure,
    Reason,
    StartAction,
    StartStep,
    StepRequest,
    StopAll,
    StopStep,
)

_LOST = Ending(
    after=0.0,
    state=StepState.FAILED,
    failure=Failure(reason="Unknown Error.", message="emr-emulator was stopped while this ran"),
)


class Cluster:
    """One cluster. Every method that takes ``now`` first passes whatever was due before it."""

    def __init__(self, record: ClusterRecord, director: Director) -> None:
        self.record = record
        self.effects: list[Effect] = []
        self._director = director
        self._by_id = {step.id: step for step in record.steps}
        self._open = {step.id: step for step in record.steps if step.ended is None}

    @classmethod
    def launch(cls, record: ClusterRecord, director: Director) -> "Cluster":
        """Begin a cluster's life at ``record.created``."""
        cluster = cls(record, director)
        request = record.request
        record.protected = request.protected
        record.keep_alive = request.keep_alive
        record.step_concurrency = request.step_concurrency
        record.idle_timeout = request.idle_timeout
        record.tags = dict(request.tags)
        record.durations = director.find_durations(record)
        cluster._enter(record.created, ClusterState.STARTING, reasons.PROVISIONING)
        record.phase_ends = record.created + record.durations.start
        cluster.meet_death(record.created, director.find_death(record, None))
        return cluster

    # What it is

    @property
    def id(self) -> str:
        """The cluster's id, ``j-…``."""
        return self.record.id

    @property
    def state(self) -> ClusterState:
        """The true state, whatever the API shows."""
        return self.record.state

    @property
    def is_alive(self) -> bool:
        """Whether it can still do anything (TERMINATING counts as not alive)."""
        return self.record.state in ALIVE

    @property
    def open_steps(self) -> Iterable[Step]:
        """Steps that have not ended, oldest first."""
        return self._open.values()

    def find_step(self, step_id: str) -> Step | None:
        """Return a step by its id."""
        return self._by_id.get(step_id)

    # Time

    def next_due(self) -> float | None:
        """Return the next instant at which something happens by itself."""
        return min(self._dues(), default=None)

    def advance(self, now: float) -> None:
        """Pass everything that is due until ``now``."""
        while (due := self.next_due()) is not None and due <= now:
            self._pass(due)

    def _dues(self) -> Iterator[float]:
        record = self.record
        if record.state in ENDED:
            return
        for due in (record.dies_at, record.phase_ends, self._idle_deadline()):
            if due is not None:
                yield due
        for step in self._open.values():
            if step.ends_at is not None:
                yield step.ends_at

    def _idle_deadline(self) -> float | None:
        record = self.record
        if record.idle_timeout is None or record.idle_since is None or record.protected:
            return None
        return record.idle_since + record.idle_timeout / record.speed

    def _pass(self, due: float) -> None:
        record = self.record
        if record.dies_at == due and record.death is not None:
            self._die(due, record.death)
        elif record.phase_ends == due:
            self._end_phase(due)
        elif step := next((step for step in self._open.values() if step.ends_at == due), None):
            self._settle_step(due, step)
        else:
            self._terminate(due, ClusterState.TERMINATED, reasons.IDLE)

    def _end_phase(self, now: float) -> None:
        record = self.record
        record.phase_ends = None
        match record.state:
            case ClusterState.STARTING:
                self._enter(now, ClusterState.BOOTSTRAPPING, reasons.BOOTSTRAPPING)
                record.phase_ends = now + record.durations.bootstrap
            case ClusterState.BOOTSTRAPPING if record.action_ending is not None:
                self._settle_action(now, record.action_ending)
            case ClusterState.BOOTSTRAPPING:
                failure = self._director.find_boot_failure(self.record)
                if failure is None:
                    self._next_action(now)
                else:
                    self._terminate(now, ClusterState.TERMINATED_WITH_ERRORS, failure)
            case ClusterState.TERMINATING:
                self._end(now)
            case _:
                raise AssertionError(f"no phase of {record.state} ends by itself")

    # Booting

    def _next_action(self, now: float) -> None:
        record = self.record
        record.action += 1
        if record.action > len(record.request.bootstrap):
            record.ready = now
            self._settle(now, reasons.READY_FOR_STEPS)
            return
        record.action_ending = self._director.plan_action(self.record, record.action)
        if record.action_ending is None:
            self.effects.append(StartAction(cluster_id=self.id, number=record.action))
        else:
            record.phase_ends = now + record.action_ending.after

    def _settle_action(self, now: float, ending: Ending) -> None:
        self.record.action_ending = None
        if ending.state is StepState.COMPLETED:
            self._next_action(now)
            return
        message = ending.failure.message if ending.failure else ""
        reason = reasons.bootstrap_failed(self.record.master_instance, self.record.action, message)
        self._terminate(now, ClusterState.TERMINATED_WITH_ERRORS, reason)

    def action_ended(self, now: float, number: int, ending: Ending) -> None:
        """Take the report of a bootstrap action that was really run; a late or repeated one is harmless."""
        self.advance(now)
        if self.record.state is ClusterState.BOOTSTRAPPING and self.record.action == number:
            self._settle_action(now, ending)

    # Steps

    def add_steps(self, now: float, requests: Iterable[StepRequest], make_id: Callable[[], str]) -> list[Step]:
        """Put steps into the queue; the caller has checked every limit."""
        self.advance(now)
        added: list[Step] = []
        for request in requests:
            step = Step(id=make_id(), number=len(self.record.steps) + 1, request=request, created=now)
            self.record.steps.append(step)
            self._by_id[step.id] = self._open[step.id] = step
            added.append(step)
        if self.record.state in READY:
            self._settle(now, reasons.READY_FOR_STEPS)
        return added

    def cancel_step(self, now: float, step: Step) -> None:
        """Call a pending or running step off. ActionOnFailure does not apply: a cancelled step has not failed."""
        self.advance(now)
        if step.state is StepState.PENDING:
            self._close(now, step, StepState.CANCELLED)
        elif step.state is StepState.RUNNING:
            had_process = step.has_process
            step.state = StepState.CANCEL_PENDING
            if had_process:
                self.effects.append(StopStep(cluster_id=self.id, step_id=step.id))
                return
            ends_sooner = step.ends_at is not None and step.ends_at <= now + self.record.durations.cancel
            if not ends_sooner:
                step.plan(now + self.record.durations.cancel, CANCELLED_BY_USER)
        if self.record.state in READY:
            self._settle(now, reasons.READY_AFTER_CANCEL)

    def step_ended(self, now: float, step_id: str, ending: Ending) -> None:
        """Take the report of a step that was really run; a late or repeated one is harmless."""
        self.advance(now)
        step = self._open.get(step_id)
        if step is not None and step.has_process:
            step.plan(now, ending)
            self._settle_step(now, step)

    def _settle_step(self, now: float, step: Step) -> None:
        ending = step.ending or Ending(after=0.0)
        self._close(now, step, ending.state, ending.failure)
        if ending.state not in STEP_UNSUCCESSFUL:
            cancelled = ending.state is StepState.CANCELLED
            self._settle(now, reasons.READY_AFTER_CANCEL if cancelled else reasons.READY_AFTER_STEP)
            return
        # With places for more than one step EMR lets a failure stop nothing, whatever the step asked for.
        action = ActionOnFailure.CONTINUE if self.record.step_concurrency > 1 else step.request.action
        if action in TERMINATING_ACTIONS and not self.record.protected:
            self._terminate(now, ClusterState.TERMINATED_WITH_ERRORS, reasons.STEP_FAILED)
            return
        if action is not ActionOnFailure.CONTINUE:
            # Termination protection turns "terminate" into "cancel and wait".
            self._cancel_pending(now)
        self._settle(now, reasons.READY_AFTER_FAILURE)

    def _close(self, now: float, step: Step, state: StepState, failure: Failure | None = None) -> None:
        step.end(now, state, failure)
        self._open.pop(step.id, None)

    def _cancel_pending(self, now: float) -> None:
        for step in [step for step in self._open.values() if step.state is StepState.PENDING]:
            self._close(now, step, StepState.CANCELLED)

    def _settle(self, now: float, idle_reason: Reason) -> None:
        """Fill the free places, and be RUNNING, WAITING or at an end accordingly."""
        self._fill_places(now)
        record = self.record
        if record.state in ENDING:
            return
        if self._open:
            record.idle_since = None
            self._enter(now, ClusterState.RUNNING, reasons.RUNNING_STEP)
        elif record.keep_alive:
            if record.state is not ClusterState.WAITING:
                record.idle_since = now
                self._enter(now, ClusterState.WAITING, idle_reason)
        else:
            failed = any(step.state in STEP_UNSUCCESSFUL for step in record.steps)
            reason = reasons.STEPS_COMPLETED_WITH_ERRORS if failed else reasons.STEPS_COMPLETED
            self._terminate(now, ClusterState.TERMINATED, reason)

    def _fill_places(self, now: float) -> None:
        free = self.record.step_concurrency - sum(step.is_active for step in self._open.values())
        for step in list(self._open.values()):
            if free <= 0:
                return
            if step.state is StepState.PENDING:
                step.start(now, self._director.plan_step(self.record, step))
                free -= 1
                if step.has_process:
                    self.effects.append(StartStep(cluster_id=self.id, step_id=step.id))
                self.meet_death(now, self._director.find_death(self.record, step))

    def lose_processes(self, now: float) -> None:
        """Account for work that ran when the emulator was stopped: it failed, and is never run a second time."""
        record = self.record
        if record.state is ClusterState.BOOTSTRAPPING and record.phase_ends is None:
            self.action_ended(now, record.action, _LOST)
        for step in [step for step in self._open.values() if step.has_process]:
            self.step_ended(now, step.id, CANCELLED_BY_USER if step.state is StepState.CANCEL_PENDING else _LOST)

    # Settings

    def change_concurrency(self, now: float, level: int) -> None:
        """Change how many steps may run at once."""
        self.advance(now)
        self.record.step_concurrency = level
        if self.record.state in READY:
            self._settle(now, reasons.READY_FOR_STEPS)

    def change_keep_alive(self, now: float, *, keep_alive: bool) -> None:
        """Change whether it lives on with nothing to do."""
        self.advance(now)
        self.record.keep_alive = keep_alive
        if self.record.state in READY:
            self._settle(now, reasons.READY_AFTER_STEP)

    def change_protection(self, now: float, *, protected: bool) -> None:
        """Set or lift termination protection; it holds off the idle time-out, so that time starts anew."""
        self.advance(now)
        self.record.protected = protected
        if self.record.idle_since is not None:
            self.record.idle_since = now

    def change_idle_timeout(self, now: float, seconds: int | None) -> None:
        """Set or lift the auto-termination policy; idle time starts to count again."""
        self.advance(now)
        self.record.idle_timeout = seconds
        if self.record.idle_since is not None:
            self.record.idle_since = now

    # The end

    def terminate(self, now: float) -> None:
        """End it because a user asked; on a cluster that is ending already this does nothing."""
        self.advance(now)
        self._terminate(now, ClusterState.TERMINATED, reasons.BY_USER)

    def meet_death(self, now: float, death: Death | None) -> None:
        """Put a death into the schedule, unless an earlier one is there."""
        if death is None or not self.is_alive:
            return
        at = now + death.after
        if self.record.dies_at is None or at < self.record.dies_at:
            self.record.dies_at, self.record.death = at, death

    def _die(self, now: float, death: Death) -> None:
        if death.code is ReasonCode.INSTANCE_FAILURE or death.code is None:
            for step in [step for step in self._open.values() if step.is_active]:
                self._close(now, step, StepState.INTERRUPTED)
        self._terminate(now, death.state, Reason(code=death.code, message=death.message))

    def _terminate(self, now: float, final: ClusterState, reason: Reason) -> None:
        record = self.record
        if record.state in ENDING:
            return
        self._enter(now, ClusterState.TERMINATING, reason)
        record.dies_at = record.death = record.idle_since = record.action_ending = None
        record.final = (final, reason)
        record.phase_ends = now + record.durations.terminate
        record.manner = self._director.find_manner(self.record)
        for step in list(self._open.values()):
            self._close(now, step, StepState.CANCELLED)
        self.effects.append(StopAll(cluster_id=self.id))

    def _end(self, now: float) -> None:
        if self.record.final is None:
            raise AssertionError(f"{self.id} ends without having been terminated")
        state, reason = self.record.final
        self.record.ended = now
        self._enter(now, state, reason)

    def _enter(self, now: float, state: ClusterState, reason: Reason) -> None:
        self.record.state = state
        self.record.reason = reason
        if not self.record.history or self.record.history[-1].state is not state:
            self.record.history.append(Change(at=now, state=state, reason=reason))
