"""The commands about runs that have begun."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from dataflow_runner.cli.context import Context, common_options, pass_context
from dataflow_runner.cli.options import patience_options
from dataflow_runner.cli.output import print_result, print_table, print_text

if TYPE_CHECKING:
    from dataflow_runner.cli.foreground import Drive
    from dataflow_runner.jobs.record import RunRecord

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, one object a line.")


@click.group("runs")
def runs() -> None:
    """List, show, watch, cancel and resume runs, and fetch their logs."""


@runs.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@click.option("--live", is_flag=True, help="Only runs that have not ended.")
@json_option
@common_options
@pass_context
def list_runs(context: Context, /, limit: int, *, live: bool, as_json: bool) -> None:
    """List runs, newest first."""
    records = asyncio.run(_list(context, limit=limit, live=live))
    if as_json:
        for record in records:
            print_result(_summary(record))
        return
    rows = [
        (
            record.run_id,
            record.verdict or record.phase,
            _age(record.created_at),
            record.cluster_id or "-",
            record.job.name,
        )
        for record in records
    ]
    print_table(("RUN", "STANDING", "BEGAN", "CLUSTER", "NAME"), rows)


async def _list(context: Context, *, limit: int, live: bool) -> list[RunRecord]:
    async with context.journal() as journal:
        return list(await journal.list_runs(limit=limit, live_only=live))


@runs.command("show")
@click.argument("run_id")
@json_option
@common_options
@pass_context
def show(context: Context, /, run_id: str, *, as_json: bool) -> None:
    """Show a run, its steps and its history."""
    from dataflow_runner.cli import inspection

    shown = asyncio.run(inspection.inspect(context, run_id))
    if as_json:
        print_result(shown.as_dict())
    else:
        print_text(shown.as_text())


@runs.command("watch")
@click.argument("run_id")
@common_options
@pass_context
def watch(context: Context, /, run_id: str) -> int:
    """Follow a run that another process drives, until it ends; exits with the run's own code."""
    from dataflow_runner.cli import inspection

    return asyncio.run(inspection.watch(context, run_id))


@runs.command("logs")
@click.argument("run_id")
@click.option(
    "--step", "steps", type=int, multiple=True, metavar="N", help="The N-th step.  [default: those that failed]"
)
@common_options
@pass_context
def logs(context: Context, /, run_id: str, steps: tuple[int, ...]) -> int:
    """Print the logs of a run's failed steps, or of the steps that are named."""
    from dataflow_runner.cli import inspection

    return asyncio.run(inspection.print_logs(context, run_id, steps))


@runs.command("cancel")
@click.argument("run_id")
@patience_options
@common_options
@pass_context
def cancel(context: Context, /, run_id: str, **options: Any) -> int:
    """End a run and the cluster that it made.

    Whoever drives the run is asked to; when nobody does, this command does it and waits for the end.
    """
    from dataflow_runner.cli import foreground
    from dataflow_runner.jobs.ids import RunId

    return asyncio.run(foreground.cancel(context, RunId(run_id), drive_of(options)))


@runs.command("resume")
@click.argument("run_id")
@click.option("--cluster-spec", "--emr-config", metavar="PATH", help="The cluster spec again, if it holds static keys.")
@click.option("--emr-playbook", "--playbook", metavar="PATH", help="The playbook again, if it holds static keys.")
@click.option(
    "--on-interrupt",
    type=click.Choice(["leave", "terminate"]),
    default="leave",
    show_default=True,
    help="What the first Ctrl-C does.",
)
@patience_options
@common_options
@pass_context
def resume(context: Context, /, run_id: str, **options: Any) -> int:
    """Go on with a run that was left or whose process died: no step twice, no second cluster."""
    from dataflow_runner.cli import foreground
    from dataflow_runner.cli.specs_in import read_specs
    from dataflow_runner.jobs.ids import RunId

    cluster, playbook = read_specs(options["cluster_spec"], options["emr_playbook"])
    return asyncio.run(foreground.resume(context, RunId(run_id), drive_of(options), cluster, playbook))


def drive_of(options: dict[str, Any]) -> Drive:
    """How a run is driven, from the options of patience_options."""
    from dataflow_runner.cli.foreground import Drive, patience_of

    patience = patience_of(
        poll=options["poll_interval"], create_settle=options["create_settle"], log_deadline=options["log_deadline"]
    )
    return Drive(patience=patience, terminates_on_interrupt=options.get("on_interrupt") == "terminate")


def _summary(record: RunRecord) -> dict[str, object]:
    return {
        "run-id": record.run_id,
        "name": record.job.name,
        "phase": record.phase,
        "verdict": record.verdict,
        "exit-code": record.exit_code,
        "cluster-id": record.cluster_id,
        "reason": record.reason or None,
        "created-at": record.created_at.isoformat(),
        "updated-at": record.updated_at.isoformat(),
    }


def _age(instant: datetime) -> str:
    """How long ago, in the largest whole unit: '3m', '2h', '5d'."""
    seconds = int((datetime.now(UTC) - instant).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{max(seconds, 0)}s ago"
