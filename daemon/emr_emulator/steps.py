"""A step's life: PENDING, RUNNING, and one of four ends."""

from dataclasses import dataclass

from emr_emulator.states import STEP_ACTIVE, StepState
from emr_emulator.values import Ending, Failure, StepRequest

CANCELLED_BY_USER = Ending(after=0.0, state=StepState.CANCELLED)


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of one cluster; its cluster alone changes it.

    ``number`` counts the cluster's steps from 1. ``ends_at`` and ``ending`` are known beforehand where nothing really
    runs; a step whose process runs has neither, and ends when that process is reported.
    """

    id: str
    number: int
    request: StepRequest
    created: float
    state: StepState = StepState.PENDING
    started: float | None = None
    ended: float | None = None
    starts: int = 0
    failure: Failure | None = None
    ends_at: float | None = None
    ending: Ending | None = None

    @property
    def is_active(self) -> bool:
        """Whether it holds one of the cluster's places."""
        return self.state in STEP_ACTIVE

    @property
    def has_process(self) -> bool:
        """Whether its end depends on a process outside of the schedule."""
        return self.is_active and self.ends_at is None

    def start(self, now: float, ending: Ending | None) -> None:
        """Take a place; with an ``ending`` the end is known from here on."""
        self.state = StepState.RUNNING
        self.started = now
        self.starts += 1
        self.plan(now, ending)

    def plan(self, now: float, ending: Ending | None) -> None:
        """Put the end into the schedule, or leave it to the process."""
        self.ending = ending
        self.ends_at = None if ending is None else now + ending.after

    def end(self, now: float, state: StepState, failure: Failure | None = None) -> None:
        """Settle in a final state."""
        self.state = state
        self.ended = now
        self.failure = failure
        self.ends_at = None
        self.ending = None
