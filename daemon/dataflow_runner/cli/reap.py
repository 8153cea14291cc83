"""The command that finds clusters which a run left behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import click

from dataflow_runner.cli.context import Context, common_options, pass_context, whoami
from dataflow_runner.cli.options import region_option, variable_options
from dataflow_runner.cli.output import ExitCode, print_result, print_table, say
from dataflow_runner.specs.variables import variables_of

if TYPE_CHECKING:
    from datetime import datetime

    from dataflow_runner.fabrics.base import ClusterView, Fabric
    from dataflow_runner.jobs.journal import Journal

_GRACE = timedelta(hours=1)
"""A cluster is left to its run's own lowering for so long after the run's end."""


class Standing(StrEnum):
    """Whether a living cluster may be ended."""

    LEFT_BEHIND = "left behind"
    """Transient, of this journal, and its run ended long ago: ended with --yes."""
    IN_USE = "in use"
    """Its run lives, or ended a moment ago."""
    KEPT = "kept"
    """Kept after a failure, on purpose."""
    UP = "up"
    """Made to stay."""
    FOREIGN = "another journal's"
    """Of a run that this journal doesn't know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A living cluster and what may be done with it."""

    view: ClusterView
    run_id: str
    standing: Standing


@click.command("reap")
@click.argument("cluster_ids", nargs=-1, metavar="[CLUSTER_ID]…")
@click.option("--emr-config", "--cluster-spec", metavar="PATH", help="Cluster spec: whose account and region.")
@click.option("--yes", is_flag=True, help="End what was left behind, and the clusters that are named.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one object a line.")
@region_option
@variable_options
@common_options
@pass_context
def reap(context: Context, /, cluster_ids: tuple[str, ...], **options: Any) -> int:
    """List living clusters that runs made; with --yes end those that were left behind.

    Ended are only transient clusters of this journal whose run ended over an hour ago and that are not kept on
    purpose. Others are shown, and ended only when they are named by id.
    """
    return asyncio.run(_reap(context, cluster_ids, options))


async def _reap(context: Context, cluster_ids: tuple[str, ...], options: dict[str, Any]) -> int:
    from dataflow_runner.cli.account import open_account

    variables = variables_of(options["pairs"], options["lists"])
    async with (
        context.journal() as journal,
        open_account(context, options["emr_config"], options["region"], variables) as fabric,
    ):
        found = await _find(fabric, journal)
        _show(found, as_json=options["as_json"])
        unknown = set(cluster_ids) - {each.view.cluster_id for each in found}
        if unknown:
            raise click.UsageError(f"Not among the living clusters of any run: {', '.join(sorted(unknown))}.")
        doomed = [
            each
            for each in found
            if (each.view.cluster_id in cluster_ids if cluster_ids else each.standing is Standing.LEFT_BEHIND)
        ]
        if doomed and not options["yes"]:
            say(f"{len(doomed)} to end; do so with --yes")
        elif doomed:
            await _end(fabric, doomed, await journal.journal_id())
    return ExitCode.SUCCESS


async def _find(fabric: Fabric, journal: Journal) -> list[Found]:
    from dataflow_runner.fabrics.base import LIVE_STATES, ClusterQuery
    from dataflow_runner.kit.clock import SystemClock
    from dataflow_runner.runs import tags

    journal_id, now = await journal.journal_id(), SystemClock().now()
    views = await fabric.find_clusters(ClusterQuery(tags={tags.RUN: ""}, states=LIVE_STATES))
    found = []
    for view in views:
        run_id = view.tags.get(tags.RUN, "")
        is_ours = view.tags.get(tags.JOURNAL) == journal_id
        ended_at = await _ended_at(journal, run_id) if is_ours else None
        standing = _standing(view, now, is_ours=is_ours, ended_at=ended_at)
        found.append(Found(view=view, run_id=run_id, standing=standing))
    return found


async def _ended_at(journal: Journal, run_id: str) -> datetime | None:
    from dataflow_runner.errors import UnknownRun
    from dataflow_runner.jobs.ids import RunId

    try:
        record = await journal.load(RunId(run_id))
    except UnknownRun:
        return None
    return record.updated_at if record.has_ended else None


def _standing(view: ClusterView, now: datetime, *, is_ours: bool, ended_at: datetime | None) -> Standing:
    from dataflow_runner.runs import tags

    purpose = view.tags.get(tags.PURPOSE)
    if not is_ours:
        return Standing.FOREIGN
    if purpose == tags.KEPT:
        return Standing.KEPT
    if purpose == tags.UP:
        return Standing.UP
    return Standing.LEFT_BEHIND if ended_at and now > ended_at + _GRACE else Standing.IN_USE


def _show(found: list[Found], *, as_json: bool) -> None:
    if as_json:
        for each in found:
            view = each.view
            print_result(
                {
                    "cluster-id": view.cluster_id,
                    "name": view.name,
                    "state": view.state,
                    "run-id": each.run_id,
                    "standing": each.standing,
                    "created-at": view.created_at and view.created_at.isoformat(),
                }
            )
        return
    rows = [(each.view.cluster_id, each.view.state, each.standing, each.run_id, each.view.name) for each in found]
    print_table(("CLUSTER", "STATE", "STANDING", "RUN", "NAME"), rows)


async def _end(fabric: Fabric, doomed: list[Found], journal_id: str) -> None:
    from dataflow_runner.runs import tags

    for each in doomed:
        view = each.view
        await fabric.tag(view.cluster_id, tags.ending_tags(by=whoami(), because="reaped"))
        await fabric.terminate(view.cluster_id, lift_protection=view.tags.get(tags.JOURNAL) == journal_id)
        say(f"ended {view.cluster_id}")
