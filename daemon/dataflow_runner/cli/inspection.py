"""Looks at a run from outside: what it is, what happened to it, and what its steps left in their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow_runner.cli.context import Context
from dataflow_runner.cli.foreground import expand_again, identity_of
from dataflow_runner.cli.output import ExitCode, print_text, say
from dataflow_runner.cli.view import elapsed
from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.catalog import open_fabric
from dataflow_runner.jobs.ids import RunId, StepId
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.jobs.record import Entry, RunRecord
from dataflow_runner.kit.clock import SystemClock
from dataflow_runner.runs.codec import decode_state
from dataflow_runner.runs.state import State

_WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A run as its user is shown it."""

    record: RunRecord
    state: State
    history: Sequence[Entry]
    is_driven: bool
    """Whether a living process drives it."""
    resume_command: str

    def as_dict(self) -> dict[str, object]:
        """The run for machines."""
        record = self.record
        return {
            "run-id": record.run_id,
            "name": record.job.name,
            "kind": record.job.kind,
            "phase": record.phase,
            "verdict": record.verdict,
            "exit-code": record.exit_code,
            "reason": record.reason or None,
            "cluster-id": record.cluster_id,
            "driven": self.is_driven,
            "steps": [
                {
                    "name": step.name,
                    "state": step.state,
                    "step-id": step.step_id,
                    "tries": step.tries,
                    "started-at": step.started_at and step.started_at.isoformat(),
                    "ended-at": step.ended_at and step.ended_at.isoformat(),
                    "reason": " ".join(part for part in (step.reason, step.message) if part) or None,
                }
                for step in self.state.steps
            ],
            "past-clusters": [cluster.cluster_id for cluster in self.state.past_clusters],
            "history": [{"at": entry.at.isoformat(), "kind": entry.kind, "text": entry.text} for entry in self.history],
        }

    def as_text(self) -> str:
        """The run for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        record, cluster = self.record, self.state.cluster
        yield f"run      {record.run_id}  ({record.job.name})"
        yield f"standing {record.verdict or record.phase}" + (f": {record.reason}" if record.reason else "")
        if cluster:
            yield f"cluster  {cluster.cluster_id}  {cluster.state}"
        for number, step in enumerate(self.state.steps, start=1):
            standing = str(step.state or "-")
            yield f"step {number:<3} {standing:<11} {elapsed(step):>8}  {step.name}  {step.step_id or ''}".rstrip()
        for entry in self.history:
            yield f"{entry.at:%Y-%m-%d %H:%M:%S} {entry.kind:<7} {entry.text}"
        if not record.has_ended and not self.is_driven:
            yield f"nobody drives it; go on with: {self.resume_command}"


async def inspect(context: Context, run_id: str) -> Inspection:
    """Read a run from the journal."""
    async with context.journal() as journal:
        return await _inspect(context, journal, RunId(run_id))


async def _inspect(context: Context, journal: Journal, run_id: RunId) -> Inspection:
    record = await journal.load(run_id)
    return Inspection(
        record=record,
        state=decode_state(record.state),
        history=await journal.history(run_id),
        is_driven=record.owner is not None and await journal.is_living(record.owner),
        resume_command=context.resume_command(run_id),
    )


async def watch(context: Context, run_id: str) -> int:
    """Print what is added to a run's history until the run ends; its exit code."""
    shown = 0
    async with context.journal() as journal:
        while True:
            seen = await _inspect(context, journal, RunId(run_id))
            for entry in seen.history[shown:]:
                say(f"{entry.at:%H:%M:%S} {entry.text}")
            shown = len(seen.history)
            if seen.record.has_ended:
                return seen.record.exit_code or 0
            if not seen.is_driven:
                say(f"nobody drives it; go on with: {seen.resume_command}")
                return ExitCode.UNKNOWN
            await asyncio.sleep(_WATCH_SECONDS)


async def print_logs(context: Context, run_id: str, numbers: Sequence[int]) -> int:
    """Print logs to stdout, each under its place; exit code 1 when none has been shipped."""
    async with context.journal() as journal:
        record = await journal.load(RunId(run_id))
    state = decode_state(record.state)
    step_ids = _chosen(state, numbers)
    cluster = state.cluster
    if cluster is None or cluster.log_uri is None:
        raise InputError(f"run {run_id} has no logs: its cluster has no logUri")
    expanded = await expand_again(record.job)
    context.redactor.learn(expanded.secrets)
    fabric = await open_fabric(identity_of(expanded), clock=SystemClock())
    found = False
    try:
        for step_id in step_ids:
            for file in await fabric.fetch_logs(cluster.log_uri, cluster.cluster_id, step_id):
                found = True
                print_text(f"== {file.place}\n{context.redactor.redact(file.text)}")
    finally:
        await fabric.close()
    if not found:
        say("no logs have been shipped yet; EMR does so every five minutes, and when the cluster ends")
    return ExitCode.SUCCESS if found else ExitCode.FAILED


def _chosen(state: State, numbers: Sequence[int]) -> tuple[StepId, ...]:
    if not numbers:
        failed = tuple(step.ids[-1] for step in state.steps if step.has_failed)
        if not failed:
            raise InputError("no step of the run has failed; name one with --step N")
        return failed
    for number in numbers:
        if not 1 <= number <= len(state.steps) or not state.steps[number - 1].ids:
            raise InputError(f"the run has no step {number} that was submitted; it has {len(state.steps)} steps")
    return tuple(state.steps[number - 1].ids[-1] for number in numbers)
