"""What a user sees of a run while it goes on: a live table on a terminal, log lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dataflow_runner.cli.context import Context
from dataflow_runner.cli.output import say
from dataflow_runner.fabrics.base import LogFile, StepState
from dataflow_runner.jobs.ids import StepId
from dataflow_runner.kit.redaction import Redactor
from dataflow_runner.kit.text import printable, printable_lines
from dataflow_runner.runs.hands import Observer
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import State, StepProgress, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from structlog.typing import FilteringBoundLogger

_COLOURS = {
    StepState.COMPLETED: "green",
    StepState.RUNNING: "cyan",
    StepState.FAILED: "red",
    StepState.INTERRUPTED: "red",
    StepState.CANCELLED: "yellow",
    StepState.CANCEL_PENDING: "yellow",
    StepState.PENDING: "dim",
}


class LineView:
    """Progress as log lines, each with the run's id, its cluster and attempt."""

    def __init__(self, logger: FilteringBoundLogger, *, is_json: bool) -> None:
        self._logger = logger
        self._is_json = is_json

    def changed(self, plan: Plan, state: State, lines: Sequence[str]) -> None:
        """One line for each thing that happened."""
        cluster = state.cluster
        fields = {"cluster_id": cluster.cluster_id, "attempt": cluster.attempt} if cluster else {}
        is_bad = state.verdict not in {None, Verdict.SUCCEEDED, Verdict.NO_OP, Verdict.DETACHED}
        for line in lines:
            level = "error" if is_bad and line.startswith("verdict") else "info"
            getattr(self._logger, level)(line, run_id=plan.run_id, phase=str(state.phase), **fields)

    def troubled(self, message: str) -> None:
        """A call that will be made again."""
        self._logger.warning(message)

    def logs(self, step_id: StepId, file: LogFile) -> None:
        """A log, whole: as one line for machines, as it is for people."""
        if not self._is_json:
            say(f"== {file.name} of {step_id} ({file.place})\n{file.text}")
            return
        self._logger.error("log of a failed step", step_id=step_id, log=file.name, place=file.place, text=file.text)


class TableView:
    """Progress as a table that is drawn anew while it is on the screen; what happened scrolls above it."""

    def __init__(self, console: Console, live: Live, redactor: Redactor) -> None:
        self._console = console
        self._live = live
        self._redactor = redactor

    def changed(self, plan: Plan, state: State, lines: Sequence[str]) -> None:
        """Tell what happened, and draw the table anew."""
        for line in lines:
            self._tell(line)
        self._live.update(_Progress(plan, state))

    def troubled(self, message: str) -> None:
        """A call that will be made again."""
        self._tell(message, style="yellow")

    def logs(self, step_id: StepId, file: LogFile) -> None:
        """A log, under a heading."""
        self._console.rule(f"{file.name} of {step_id} ({file.place})", style="red")
        self._tell(file.text)

    def _tell(self, text: str, style: str = "") -> None:
        moment = f"{datetime.now(UTC):%H:%M:%S}"
        shown = printable_lines(self._redactor.redact(text))
        self._console.print(f"{moment} {shown}", style=style, markup=False, highlight=False)


class _Progress:
    """The table of a run, drawn at the time of drawing, so that elapsed times move."""

    def __init__(self, plan: Plan, state: State) -> None:
        self._plan = plan
        self._state = state

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        state = self._state
        cluster = f" · cluster {state.cluster.cluster_id} {state.cluster.state}" if state.cluster else ""
        standing = state.verdict or state.phase
        title = Text(f"{self._plan.name} · run {self._plan.run_id} · {standing}{cluster}")
        table = Table(title=title, title_justify="left", expand=False)
        for heading in ("#", "step", "state", "try", "elapsed", "id"):
            table.add_column(heading)
        for number, (step, progress) in enumerate(zip(self._plan.steps, state.steps, strict=True), start=1):
            step_state = progress.state
            colour = _COLOURS[step_state] if step_state else "dim"
            shown = Text(str(step_state or "-"), style=colour)
            tries = str(progress.tries or "-")
            table.add_row(
                str(number), Text(printable(step.name)), shown, tries, elapsed(progress), progress.step_id or "-"
            )
        return table


def elapsed(step: StepProgress) -> str:
    """How long a step has run: '0:01:30'; '-' for one that hasn't."""
    if step.started_at is None:
        return "-"
    end = step.ended_at or datetime.now(UTC)
    seconds = max(0, int((end - step.started_at).total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@contextmanager
def _table(context: Context) -> Iterator[Observer]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(console=console, refresh_per_second=2, transient=False) as live:
        yield TableView(console, live, context.redactor)


def open_view(context: Context) -> AbstractContextManager[Observer]:
    """The view that suits where the program runs."""
    if context.has_terminal:
        return _table(context)
    return nullcontext(LineView(context.logger(), is_json=context.line_format == "json"))
