"""The commands that begin a run: up, run, run-transient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dataflow_runner.cli.context import Context, common_options, pass_context
from dataflow_runner.cli.options import lock_options, patience_options, variable_options
from dataflow_runner.cli.target import Target
from dataflow_runner.errors import InputError
from dataflow_runner.specs.variables import variables_of

if TYPE_CHECKING:
    from dataflow_runner.jobs.record import LockRequest

F = TypeVar("F", bound=Callable[..., Any])

_RUNS_COMMANDS = frozenset({"list", "show", "watch", "logs", "cancel", "resume"})
"""What people type after 'run' when they mean 'runs'."""


def _run_options(command: F) -> F:
    """What every command that begins a run takes."""
    for option in (
        click.option("--run-id", metavar="ID", help="Name of the run.  [default: made from the time]"),
        click.option("--dry-run", is_flag=True, help="Print the calls that would be made, as JSON, and make none."),
        click.option(
            "--on-interrupt",
            type=click.Choice(["leave", "terminate"]),
            default="leave",
            show_default=True,
            help="What the first Ctrl-C does: leave the run to be resumed, or end it and its cluster.",
        ),
        click.option("--sentry", metavar="DSN", help="Report failed runs to Sentry (needs the extra 'sentry')."),
        patience_options,
        variable_options,
        common_options,
    ):
        command = option(command)
    return command


@click.command("up")
@click.argument("spec", required=False, metavar="[CLUSTER_SPEC]")
@click.option("--emr-config", metavar="PATH", help="The cluster spec (the same as the argument).")
@click.option("--async", "detach", is_flag=True, help="Don't wait until the cluster is ready.")
@_run_options
@pass_context
def up(context: Context, /, spec: str | None, emr_config: str | None, **options: Any) -> int:
    """Make a cluster, wait until it is ready, and leave it running.

    Prints {"cluster-id": "…"}.
    """
    cluster = one_of("a cluster spec", spec, emr_config)
    return _begin(context, cluster=cluster, playbook=None, options=options)


@click.command("run")
@click.argument("playbook", required=False, metavar="[PLAYBOOK]")
@click.option("--emr-playbook", metavar="PATH", help="The playbook (the same as the argument).")
@click.option("--cluster-id", "--emr-cluster", metavar="ID", help="Run on this cluster.")
@click.option("--cluster-name", metavar="NAME", help="Run on the one living cluster of this name.")
@click.option("--cluster-tag", metavar="K=V", multiple=True, help="Run on the one living cluster with these tags.")
@click.option("--cluster-spec", "--emr-config", metavar="PATH", help="Make a cluster for the run, and end it after.")
@click.option("--share-cluster", is_flag=True, help="Let others use the cluster at the same time: no lock on it.")
@click.option("--async", "detach", is_flag=True, help="Submit the steps and leave.")
@click.option("--log-failed-steps", is_flag=True, help="Show the logs of steps that failed.")
@lock_options
@_run_options
@pass_context
def run(context: Context, /, playbook: str | None, emr_playbook: str | None, **options: Any) -> int:
    """Run a playbook on a cluster that is there, or on one made for it."""
    if playbook in _RUNS_COMMANDS and not Path(playbook).exists():
        raise click.UsageError(f"There is no playbook {playbook!r}. Did you mean 'runs {playbook}'?")
    path = one_of("a playbook", playbook, emr_playbook)
    return _begin(context, cluster=options.pop("cluster_spec"), playbook=path, options=options)


@click.command("run-transient")
@click.option("--cluster-spec", "--emr-config", metavar="PATH", required=True, help="The cluster spec.")
@click.option("--emr-playbook", "--playbook", metavar="PATH", required=True, help="The playbook.")
@click.option("--async", "detach", is_flag=True, help="Launch the cluster with its steps and leave.")
@click.option("--log-failed-steps", is_flag=True, help="Show the logs of steps that failed.")
@lock_options
@_run_options
@pass_context
def run_transient(context: Context, /, cluster_spec: str, emr_playbook: str, **options: Any) -> int:
    """Make a cluster, run a playbook on it, end the cluster."""
    return _begin(context, cluster=cluster_spec, playbook=emr_playbook, options=options)


def one_of(what: str, argument: str | None, option: str | None) -> str:
    """The path that was given as an argument or as an option, but not both."""
    if argument and option:
        raise click.UsageError(f"Give {what} once: as the argument or as the option.")
    path = argument or option
    if not path:
        raise click.UsageError(f"Give {what}.")
    return path


def _begin(context: Context, *, cluster: str | None, playbook: str | None, options: dict[str, Any]) -> int:
    """Check what the options ask for together, then begin the run."""
    from dataflow_runner.cli import begin

    request = begin.Request(
        cluster=cluster,
        playbook=playbook,
        target=_target(options),
        variables=variables_of(options["pairs"], options["lists"]),
        run_id=options["run_id"],
        lock=_lock(options),
        detach=options["detach"],
        share_cluster=options.get("share_cluster", False),
        log_failed_steps=options.get("log_failed_steps", False),
        terminates_on_interrupt=options["on_interrupt"] == "terminate",
        poll=options["poll_interval"],
        create_settle=options["create_settle"],
        log_deadline=options["log_deadline"],
        sentry=options["sentry"],
    )
    if options["dry_run"]:
        return asyncio.run(begin.preview(context, request))
    return asyncio.run(begin.begin(context, request))


def _lock(options: dict[str, Any]) -> LockRequest | None:
    from dataflow_runner.cli.locks import lock_request

    return lock_request(options.get("hard_lock"), options.get("soft_lock"), options.get("consul"))


def _target(options: dict[str, Any]) -> Target | None:
    """The cluster that --cluster-id, --cluster-name or --cluster-tag name; at most one of them does."""
    tags = variables_of(options.get("cluster_tag", ()), ())
    cluster_id, name = options.get("cluster_id"), options.get("cluster_name")
    if sum(map(bool, (cluster_id, name, tags))) > 1:
        raise InputError("a cluster is named once: by --cluster-id, by --cluster-name or by --cluster-tag")
    if not (cluster_id or name or tags):
        return None
    return Target(cluster_id=cluster_id, name=name, tags=tags)
