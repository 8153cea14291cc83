"""A cluster's life as a function of time, by EMR's rules.

advance(now) passes every instant that is due at its own time, so a cluster that nobody looked at for an hour has the
same history as one that was watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dataflow_runner.fabrics.base import ClusterState, ClusterView, LaunchRequest, StepRequest, StepState, StepView
from dataflow_runner.fabrics.memory.ledger import Deed
from dataflow_runner.fabrics.memory.script import ClusterScript, StepScript
from dataflow_runner.jobs.ids import ClusterId, StepId
from dataflow_runner.specs.model import ActionOnFailure

_HOLDS_A_PLACE = frozenset({StepState.RUNNING, StepState.CANCEL_PENDING})

PlanStep = Callable[[str], StepScript]
"""How the next start of a step of that name goes."""
Note = Callable[[datetime, Deed, "Life", "LivingStep | None", str], None]
"""Where deeds are noted."""


@dataclass(slots=True, kw_only=True)
class LivingStep:
    """A step on a cluster."""

    step_id: StepId
    request: StepRequest
    created_at: datetime
    state: StepState = StepState.PENDING
    script: StepScript = field(default_factory=StepScript)
    started_at: datetime | None = None
    ends_at: datetime | None = None
    """When it will end by itself, or by being cancelled."""
    ended_at: datetime | None = None

    def view(self) -> StepView:
        """As the fabric shows it."""
        has_failed = self.state is StepState.FAILED
        return StepView(
            step_id=self.step_id,
            name=self.request.name,
            state=self.state,
            jar=self.request.jar,
            arguments=self.request.arguments,
            reason=self.script.reason if has_failed else "",
            message=self.script.message if has_failed else "",
            created_at=self.created_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


class Life:
    """One cluster. Callers advance() it to the present before anything else."""

    def __init__(
        self,
        *,
        cluster_id: ClusterId,
        request: LaunchRequest,
        script: ClusterScript,
        now: datetime,
        plan_step: PlanStep,
        note: Note,
    ) -> None:
        self.cluster_id = cluster_id
        self.request = request
        self.script = script
        self.created_at = now
        self.state = ClusterState.STARTING
        self.steps: list[LivingStep] = []
        self.tags = {**{tag.key: tag.value for tag in request.config.tags}, **request.tags}
        self.is_protected = request.config.fabric.termination_protected
        self.idle_time = request.auto_termination
        self.concurrency = request.config.fabric.step_concurrency
        self._plan_step = plan_step
        self._note = note
        self._reason = ("", "")
        self._final = ClusterState.TERMINATED
        self._phase_ends: datetime | None = now + script.starting
        self._idle_since: datetime | None = None
        self._ready_at: datetime | None = None
        self._ended_at: datetime | None = None
        note(now, Deed.CLUSTER_MADE, self, None, "")

    # What it is

    @property
    def open_steps(self) -> list[LivingStep]:
        """Steps that have not ended, oldest first."""
        return [step for step in self.steps if not step.state.has_ended]

    def is_shown(self, now: datetime) -> bool:
        """Whether the fabric shows it yet."""
        return now >= self.created_at + self.script.hidden_for

    def view(self) -> ClusterView:
        """As the fabric shows it."""
        code, message = self._reason
        return ClusterView(
            cluster_id=self.cluster_id,
            name=self.request.config.name,
            state=self.state,
            reason_code=code,
            reason=message,
            created_at=self.created_at,
            ready_at=self._ready_at,
            ended_at=self._ended_at,
            tags=dict(self.tags),
            step_concurrency=self.concurrency,
            release=self.request.config.fabric.release_label,
            log_uri=self.request.config.fabric.log_uri,
            is_protected=self.is_protected,
        )

    # Time

    def advance(self, now: datetime) -> None:
        """Pass everything that is due until now."""
        while (due := min(self._dues(), default=None)) is not None and due <= now:
            self._pass(due)

    def _dues(self) -> Iterator[datetime]:
        moments = [self._phase_ends, self._dies_at(), self._idle_deadline()]
        moments += [step.ends_at for step in self.open_steps]
        yield from (moment for moment in moments if moment is not None)

    def _dies_at(self) -> datetime | None:
        lives = self.state.is_alive and self.script.death is not None
        return self.created_at + self.script.death.after if lives and self.script.death else None

    def _idle_deadline(self) -> datetime | None:
        if self.idle_time is None or self._idle_since is None or self.is_protected:
            return None
        return self._idle_since + self.idle_time

    def _pass(self, due: datetime) -> None:
        if self.script.death is not None and self._dies_at() == due:
            death = self.script.death
            self._interrupt_running(due)
            self._end(due, death.state, death.code, death.message)
        elif self._phase_ends == due:
            self._end_phase(due)
        elif step := next((step for step in self.open_steps if step.ends_at == due), None):
            self._end_step(due, step)
        else:
            self._end(due, ClusterState.TERMINATED, "USER_REQUEST", "Auto-terminated after the cluster was idle")

    def _end_phase(self, now: datetime) -> None:
        self._phase_ends = None
        match self.state:
            case ClusterState.STARTING:
                self.state = ClusterState.BOOTSTRAPPING
                self._phase_ends = now + self.script.bootstrapping
            case ClusterState.BOOTSTRAPPING:
                self._ready_at = now
                self._settle(now)
            case _:
                self.state, self._ended_at = self._final, now

    # Steps

    def add(self, now: datetime, step_ids: list[StepId], requests: tuple[StepRequest, ...]) -> None:
        """Put steps behind those that are there."""
        for step_id, request in zip(step_ids, requests, strict=True):
            step = LivingStep(step_id=step_id, request=request, created_at=now)
            self.steps.append(step)
            self._note(now, Deed.STEP_SUBMITTED, self, step, "")
        if self.state.is_ready:
            self._settle(now)

    def cancel(self, now: datetime, step: LivingStep) -> str:
        """Call a step off; says why not when it can't be. ActionOnFailure doesn't apply: it hasn't failed."""
        if step.state.has_ended:
            return f"Cannot cancel step in state {step.state}"
        if step.state is StepState.PENDING:
            self._close(now, step, StepState.CANCELLED)
        elif step.state is StepState.RUNNING and not step.script.ignores_cancel:
            stopped_at = now + self.script.cancelling
            if step.ends_at is None or stopped_at < step.ends_at:
                step.state, step.ends_at = StepState.CANCEL_PENDING, stopped_at
        if self.state.is_ready:
            self._settle(now)
        return ""

    def _end_step(self, now: datetime, step: LivingStep) -> None:
        was_cancelled = step.state is StepState.CANCEL_PENDING
        self._close(now, step, StepState.CANCELLED if was_cancelled else step.script.outcome)
        if step.state is StepState.FAILED:
            self._take_failure_action(now, step.request.action_on_failure)
        if self.state.is_ready:
            self._settle(now)

    def _take_failure_action(self, now: datetime, action: ActionOnFailure) -> None:
        if self.concurrency > 1 or action is ActionOnFailure.CONTINUE:
            return  # steps side by side never stop each other
        if action is ActionOnFailure.TERMINATE_CLUSTER and not self.is_protected:
            self._end(now, ClusterState.TERMINATED_WITH_ERRORS, "STEP_FAILURE", "Shut down as step failed")
            return
        for step in self.open_steps:
            if step.state is StepState.PENDING:
                self._close(now, step, StepState.CANCELLED)

    def _settle(self, now: datetime) -> None:
        """Fill the free places, and be RUNNING, WAITING or at an end accordingly."""
        free = self.concurrency - sum(step.state in _HOLDS_A_PLACE for step in self.steps)
        waiting = [step for step in self.steps if step.state is StepState.PENDING]
        for step in waiting[: max(0, free)]:
            self._start(now, step)
        if self.open_steps:
            self.state, self._idle_since = ClusterState.RUNNING, None
        elif self.request.keep_alive:
            if self.state is not ClusterState.WAITING:
                self.state, self._idle_since = ClusterState.WAITING, now
        else:
            failed = any(step.state is StepState.FAILED for step in self.steps)
            code, message = ("STEP_FAILURE", " with errors") if failed else ("ALL_STEPS_COMPLETED", "")
            self._end(now, ClusterState.TERMINATED, code, f"Steps completed{message}")

    def _start(self, now: datetime, step: LivingStep) -> None:
        step.script = self._plan_step(step.request.name)
        step.state, step.started_at = StepState.RUNNING, now
        step.ends_at = now + step.script.duration
        self._note(now, Deed.STEP_STARTED, self, step, "")

    def _close(self, now: datetime, step: LivingStep, state: StepState) -> None:
        step.state, step.ended_at, step.ends_at = state, now, None
        self._note(now, Deed.STEP_ENDED, self, step, state.value)

    def _interrupt_running(self, now: datetime) -> None:
        for step in self.open_steps:
            if step.state in _HOLDS_A_PLACE:
                self._close(now, step, StepState.INTERRUPTED)

    # Settings and the end

    def protect(self, now: datetime, *, protected: bool) -> None:
        """Set or lift termination protection. It holds off the idle time-out, which then starts anew."""
        self.is_protected = protected
        self._restart_idling(now)

    def set_idle_time(self, now: datetime, idle: timedelta) -> None:
        """Have it end after so much idle time, counted from now."""
        self.idle_time = idle
        self._restart_idling(now)

    def terminate(self, now: datetime) -> None:
        """End it because a user asked; one that is ending already stays as it is."""
        if self.state.is_alive:
            self._end(now, ClusterState.TERMINATED, "USER_REQUEST", "Terminated by user request")

    def _restart_idling(self, now: datetime) -> None:
        if self._idle_since is not None:
            self._idle_since = now

    def _end(self, now: datetime, final: ClusterState, code: str, message: str) -> None:
        self.state, self._final, self._reason = ClusterState.TERMINATING, final, (code, message)
        self._idle_since = None
        self._phase_ends = now + self.script.terminating
        self._note(now, Deed.CLUSTER_ENDED, self, None, code)
        for step in self.open_steps:
            self._close(now, step, StepState.CANCELLED)
