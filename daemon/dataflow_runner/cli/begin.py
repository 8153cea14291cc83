"""Begins a run: from what the command line asked for to a job, and from there to its end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from dataflow_runner.cli.context import Context, whoami
from dataflow_runner.cli.foreground import Drive, begin_run, identity_of, keep_specs, patience_of, warn
from dataflow_runner.cli.output import print_result
from dataflow_runner.cli.sentry import reporting
from dataflow_runner.cli.specs_in import Expanded, expand_specs, read_specs
from dataflow_runner.cli.target import Target, find_target
from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import Call, Fabric
from dataflow_runner.fabrics.catalog import open_fabric
from dataflow_runner.jobs.ids import ClusterId, RunId, new_run_id
from dataflow_runner.jobs.record import Job, JobKind, LockRequest
from dataflow_runner.kit.clock import SystemClock
from dataflow_runner.runs.plan import Plan, launch_request, make_plan, step_request
from dataflow_runner.specs.load import Source

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for."""

    cluster: str | None
    """Path of the cluster spec."""
    playbook: str | None
    """Path of the playbook."""
    target: Target | None
    """The cluster that is there already."""
    variables: Mapping[str, str]
    run_id: str | None
    lock: LockRequest | None
    detach: bool
    share_cluster: bool
    log_failed_steps: bool
    terminates_on_interrupt: bool
    poll: timedelta
    create_settle: timedelta
    log_deadline: timedelta
    sentry: str | None

    @property
    def kind(self) -> JobKind:
        """What the run is for; InputError when it has no cluster, or two."""
        if self.playbook is None:
            return JobKind.UP
        if (self.cluster is None) is (self.target is None):
            raise InputError(
                "a run needs one cluster: one that is there, by --cluster-id, --cluster-name or --cluster-tag, "
                "or one made for it, by --cluster-spec"
            )
        return JobKind.TRANSIENT if self.cluster else JobKind.NAMED

    @property
    def drive(self) -> Drive:
        """How the run is driven."""
        patience = patience_of(poll=self.poll, create_settle=self.create_settle, log_deadline=self.log_deadline)
        return Drive(patience=patience, terminates_on_interrupt=self.terminates_on_interrupt)


async def begin(context: Context, request: Request) -> int:
    """Begin the run and drive it to its end; the exit code."""
    job, expanded, (cluster, playbook) = await _prepare(context, request)
    await _previewed(job, expanded, request)
    fabric = await open_fabric(identity_of(expanded), clock=SystemClock())
    try:
        if request.target:
            job = replace(job, cluster_id=await find_target(fabric, request.target))
        job = keep_specs(job, expanded, cluster, playbook)
        with reporting(request.sentry, job.run_id) as report:
            return report(await begin_run(context, job, expanded, fabric, request.drive))
    finally:
        await fabric.close()


async def preview(context: Context, request: Request) -> int:
    """Print the calls that the run would begin with; nothing is asked of anybody."""
    job, expanded, _ = await _prepare(context, request)
    for call in await _previewed(job, expanded, request):
        print_result(asdict(call))
    return 0


async def _previewed(job: Job, expanded: Expanded, request: Request) -> tuple[Call, ...]:
    """The calls that the run would begin with, without a connection; InputError for what the API has no place for."""
    if request.target:
        job = replace(job, cluster_id=ClusterId(str(request.target)))
    plan = _plan(job, expanded, request)
    fabric = await open_fabric(identity_of(expanded), clock=SystemClock(), connect=False)
    try:
        return _calls(plan, fabric)
    finally:
        await fabric.close()


def _plan(job: Job, expanded: Expanded, request: Request) -> Plan:
    return make_plan(
        job,
        journal_id="(the journal's id)",
        owner=whoami(),
        cluster=expanded.cluster_config,
        playbook=expanded.playbook_config,
        patience=request.drive.patience,
    )


def _calls(plan: Plan, fabric: Fabric) -> tuple[Call, ...]:
    """The calls of a run that goes well, up to the point where it only looks."""
    indexes = tuple(range(len(plan.steps)))
    if not plan.owns_cluster:
        requests = [step_request(plan, index, 1) for index in indexes]
        return fabric.preview_submit(plan.cluster_id or ClusterId(""), requests, plan.overlay)
    launch = launch_request(plan, 1, indexes)
    calls = fabric.preview_launch(launch)
    if plan.steps and not plan.steps_go_with_launch:
        requests = [step_request(plan, index, launch.config.fabric.step_concurrency) for index in indexes]
        calls += fabric.preview_submit(ClusterId("(the new cluster's id)"), requests, plan.overlay)
    return calls


async def _prepare(context: Context, request: Request) -> tuple[Job, Expanded, tuple[Source | None, Source | None]]:
    """Read and check everything that can be checked before anything is called."""
    kind, now = request.kind, SystemClock().now()
    run_id = _run_id(request.run_id, now)
    sources = read_specs(request.cluster, request.playbook)
    expanded = await expand_specs(*sources, request.variables, now)
    warn(context, expanded)
    job = Job(
        run_id=run_id,
        name=_name(expanded),
        kind=kind,
        instant=now,
        variables=request.variables,
        lock=request.lock,
        detach=request.detach,
        share_cluster=request.share_cluster,
        log_failed_steps=request.log_failed_steps,
    )
    return job, expanded, sources


def _run_id(given: str | None, now: datetime) -> RunId:
    if given is None:
        return new_run_id(now)
    if not _RUN_ID.fullmatch(given):
        raise InputError(f"{given!r} can't name a run: letters, digits and '._:-', 128 at most, are allowed")
    return RunId(given)


def _name(expanded: Expanded) -> str:
    if expanded.playbook_config and expanded.playbook_config.name != "playbook":
        return expanded.playbook_config.name
    return expanded.cluster_config.name if expanded.cluster_config else "playbook"
