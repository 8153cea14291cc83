"""The command that ends a cluster: halt, which the Go runner calls down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from dataflow_runner.cli.context import Context, common_options, pass_context
from dataflow_runner.cli.options import region_option, variable_options
from dataflow_runner.specs.variables import variables_of

if TYPE_CHECKING:
    from dataflow_runner.fabrics.base import Fabric
    from dataflow_runner.jobs.journal import Journal


@click.command("halt")
@click.argument("cluster_id", required=False)
@click.option("--emr-cluster", metavar="ID", help="The cluster (the same as the argument).")
@click.option("--emr-config", "--cluster-spec", metavar="PATH", help="Cluster spec: whose account and region.")
@click.option("--force", is_flag=True, help="End it even while a run of this journal uses it.")
@region_option
@variable_options
@common_options
@pass_context
def halt(context: Context, /, cluster_id: str | None, emr_cluster: str | None, **options: Any) -> int:
    """End a cluster.

    Termination protection is lifted only on a cluster that this journal's runs made.
    """
    from dataflow_runner.cli.run import one_of

    chosen = one_of("a cluster's id", cluster_id, emr_cluster)
    return asyncio.run(_halt(context, chosen, options))


down = halt


async def _halt(context: Context, cluster_id: str, options: dict[str, Any]) -> int:
    from dataflow_runner.cli.account import open_account

    variables = variables_of(options["pairs"], options["lists"])
    async with context.journal() as journal:
        if not options["force"]:
            await _refuse_while_used(journal, cluster_id)
        async with open_account(context, options["emr_config"], options["region"], variables) as fabric:
            return await _end(fabric, cluster_id, await journal.journal_id())


async def _refuse_while_used(journal: Journal, cluster_id: str) -> None:
    from dataflow_runner.errors import Held

    for record in await journal.list_runs(limit=1000, live_only=True):
        if record.cluster_id == cluster_id:
            raise Held(
                f"cluster {cluster_id} is used by run {record.run_id}; end both with "
                f"'dataflow-runner runs cancel {record.run_id}', or the cluster alone with --force"
            )


async def _end(fabric: Fabric, cluster_id: str, journal_id: str) -> int:
    from dataflow_runner.cli.context import whoami
    from dataflow_runner.cli.output import ExitCode, print_result, say
    from dataflow_runner.errors import ClusterNotUsable
    from dataflow_runner.jobs.ids import ClusterId
    from dataflow_runner.runs import tags

    view = await fabric.describe(ClusterId(cluster_id))
    if view is None:
        raise ClusterNotUsable(f"there is no cluster {cluster_id} in {fabric.name}")
    if view.state.is_alive:
        await fabric.tag(view.cluster_id, tags.ending_tags(by=whoami(), because="halt"))
        await fabric.terminate(view.cluster_id, lift_protection=view.tags.get(tags.JOURNAL) == journal_id)
        view = await fabric.describe(view.cluster_id) or view
    else:
        say(f"cluster {cluster_id} was {view.state} already")
    print_result({"cluster-id": cluster_id, "state": view.state})
    return ExitCode.SUCCESS
