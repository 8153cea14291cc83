"""Drives one run in the foreground: begins it, or goes on with it, and leaves it in order when it is interrupted."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from dataflow_runner.cli.context import Context, whoami
from dataflow_runner.cli.locks import lock_place
from dataflow_runner.cli.output import ExitCode, print_result, say
from dataflow_runner.cli.specs_in import Expanded, expand_specs, salted_digest, spec_text
from dataflow_runner.cli.view import open_view
from dataflow_runner.errors import InputError, RunHeld, StoreUnavailable
from dataflow_runner.fabrics.base import Fabric
from dataflow_runner.fabrics.catalog import open_fabric
from dataflow_runner.fabrics.emr.session import AwsIdentity
from dataflow_runner.jobs.ids import InstanceId, RunId
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.jobs.record import Entry, EntryKind, Job, JobKind, Request, RequestKind, RunRecord, SpecText
from dataflow_runner.kit.clock import Clock, SystemClock
from dataflow_runner.runs.codec import encode_state
from dataflow_runner.runs.conductor import Conductor
from dataflow_runner.runs.hands import Surroundings
from dataflow_runner.runs.machine import initial_state
from dataflow_runner.runs.plan import Patience, Plan, make_plan
from dataflow_runner.runs.state import Verdict
from dataflow_runner.specs.load import Source

_SIGNALS = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """How a run is driven: what isn't the job's to say."""

    patience: Patience
    terminates_on_interrupt: bool = False
    """Whether Ctrl-C ends the run and its cluster, instead of leaving both."""


def patience_of(*, poll: timedelta, create_settle: timedelta, log_deadline: timedelta) -> Patience:
    """How patient a run is, from what a user may choose."""
    usual = Patience()
    return Patience(
        poll=poll,
        create_settle=create_settle,
        log_deadline=log_deadline,
        second_look=min(usual.second_look, create_settle),
        rechecks=tuple(min(wait, poll) for wait in usual.rechecks),
    )


def identity_of(expanded: Expanded) -> AwsIdentity:
    """Whose account and region the run works in: the cluster spec's, else the playbook's."""
    if expanded.cluster_config:
        return AwsIdentity.of_cluster(expanded.cluster_config)
    if expanded.playbook_config:
        return AwsIdentity.of_playbook(expanded.playbook_config)
    raise InputError("neither a cluster spec nor a playbook was given")


def warn(context: Context, expanded: Expanded) -> None:
    """Show the warnings of the specs, and keep their secrets out of all that follows."""
    context.redactor.learn(expanded.secrets)
    for finding in expanded.findings:
        say(context.redactor.redact(str(finding)))


def keep_specs(job: Job, expanded: Expanded, cluster: Source | None, playbook: Source | None) -> Job:
    """The job with its specs as the journal keeps them."""
    salt = secrets.token_hex(8)
    return replace(
        job,
        salt=salt,
        cluster=spec_text(cluster, expanded.cluster, salt) if cluster and expanded.cluster else None,
        playbook=spec_text(playbook, expanded.playbook, salt) if playbook and expanded.playbook else None,
    )


async def begin_run(context: Context, job: Job, expanded: Expanded, fabric: Fabric, drive: Drive) -> int:
    """Accept a job into the journal and drive it; the exit code."""
    clock = SystemClock()
    async with context.journal() as journal, _instance(journal, clock) as instance:
        plan = make_plan(
            job,
            journal_id=await journal.journal_id(),
            owner=whoami(),
            cluster=expanded.cluster_config,
            playbook=expanded.playbook_config,
            patience=drive.patience,
        )
        now = clock.now()
        state = initial_state(plan)
        record = RunRecord(
            job=job,
            state=encode_state(state),
            phase=str(state.phase),
            cluster_id=job.cluster_id,
            created_at=now,
            updated_at=now,
            owner=instance,
        )
        accepted = Entry(at=now, kind=EntryKind.NOTE, text=f"accepted from {whoami()}")
        if not await journal.create(record, accepted):
            raise InputError(
                f"there is a run {job.run_id!r} already; take another --run-id, or go on with that one: "
                f"{context.resume_command(job.run_id)}"
            )
        return await _drive(context, plan, record, journal, fabric, drive, is_resumed=False)


async def resume(
    context: Context, run_id: RunId, drive: Drive, cluster: Source | None = None, playbook: Source | None = None
) -> int:
    """Go on with a run that nobody drives; the exit code.

    The specs come from the journal, unless files are given in their place (static credentials are never kept there).
    """
    clock = SystemClock()
    async with context.journal() as journal, _instance(journal, clock) as instance:
        record = await journal.load(run_id)
        if record.has_ended:
            return tell_result(record)
        job = record.job
        expanded = await expand_again(job, cluster, playbook)
        warn(context, expanded)
        record = await journal.claim(run_id, instance, clock.now())
        plan = make_plan(
            job,
            journal_id=await journal.journal_id(),
            owner=whoami(),
            cluster=expanded.cluster_config,
            playbook=expanded.playbook_config,
            patience=drive.patience,
        )
        fabric = await open_fabric(identity_of(expanded), clock=clock)
        try:
            return await _drive(context, plan, record, journal, fabric, drive, is_resumed=True)
        finally:
            await fabric.close()


async def cancel(context: Context, run_id: RunId, drive: Drive) -> int:
    """Ask for a run's end: of whoever drives it, or by going on with it only to end it."""
    async with context.journal() as journal:
        record = await journal.load(run_id)
        if record.has_ended:
            raise InputError(f"run {run_id} has ended already: {record.verdict}")
        request = Request(kind=RequestKind.CANCEL, at=SystemClock().now(), by=whoami())
        await journal.request(run_id, request)
    try:
        return await resume(context, run_id, drive)
    except RunHeld as held:
        say(f"run {run_id} is driven by {held.owner}, which was asked to cancel it")
        print_result({"run-id": run_id, "cancel": "requested"})
        return ExitCode.SUCCESS


def _kept(spec: SpecText | None) -> Source | None:
    return Source(spec.name, spec.text.encode()) if spec else None


async def expand_again(job: Job, cluster: Source | None = None, playbook: Source | None = None) -> Expanded:
    """Expand a run's specs as they were at its start, from the journal or from files given in their place.

    Raises InputError when they would now say something else.
    """
    cluster, playbook = cluster or _kept(job.cluster), playbook or _kept(job.playbook)
    expanded = await expand_specs(cluster, playbook, job.variables, job.instant)
    for loaded, kept in ((expanded.cluster, job.cluster), (expanded.playbook, job.playbook)):
        if loaded and kept and salted_digest(loaded, job.salt) != kept.digest:
            raise InputError(
                f"{kept.name} reads differently now than when run {job.run_id} began: its templates take something "
                "from the environment, a file or a secret that has changed. Put that back and resume again; "
                "or end its cluster with 'dataflow-runner halt'"
            )
    return expanded


@asynccontextmanager
async def _instance(journal: Journal, clock: Clock) -> AsyncIterator[InstanceId]:
    """Be an instance of the journal for a while; its runs are handed back at the end."""
    instance = await journal.register(clock.now())
    try:
        yield instance
    finally:
        await journal.release_instance(instance)


async def _drive(
    context: Context,
    plan: Plan,
    record: RunRecord,
    journal: Journal,
    fabric: Fabric,
    drive: Drive,
    *,
    is_resumed: bool,
) -> int:
    say(f"run {plan.run_id} in {journal.place}")
    with open_view(context) as view:
        surroundings = Surroundings(
            fabric=fabric,
            lock_place=lock_place(journal),
            clock=SystemClock(),
            observer=view,
            redact=context.redactor.redact,
        )
        conductor = Conductor(plan, record, journal, surroundings)
        interruption = _Interruption(context, conductor, journal, plan, drive)
        with interruption.handled():
            try:
                await conductor.drive(is_resumed=is_resumed)
            except StoreUnavailable as error:
                say(f"left run {plan.run_id} without a last note in the journal: {error}")
                say(f"go on with: {context.resume_command(plan.run_id)}")
                return interruption.exit_code
    ended = await journal.load(plan.run_id)
    if ended.has_ended:
        return tell_result(ended)
    return _tell_left(context, ended, interruption.exit_code)


class _Interruption:
    """What Ctrl-C and SIGTERM do to a run: the first leaves it in order (or ends it), the second leaves at once."""

    def __init__(self, context: Context, conductor: Conductor, journal: Journal, plan: Plan, drive: Drive) -> None:
        self._context = context
        self._conductor = conductor
        self._journal = journal
        self._plan = plan
        self._drive = drive
        self._asking: asyncio.Task[None] | None = None
        self.exit_code: int = ExitCode.INTERRUPTED
        self._count = 0

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals within."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._on, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _on(self, number: signal.Signals) -> None:
        self.exit_code = _SIGNALS[number]
        self._count += 1
        if self._count > 1:
            say(f"left at once; go on with: {self._context.resume_command(self._plan.run_id)}")
            os._exit(self.exit_code)
        if self._drive.terminates_on_interrupt and self._plan.owns_cluster:
            say("ending the run and its cluster; once more to leave at once")
            self._asking = asyncio.ensure_future(self._ask_for_end(number))
        else:
            say("leaving after the call in the air; once more to leave at once")
            self._conductor.leave()

    async def _ask_for_end(self, number: signal.Signals) -> None:
        request = Request(kind=RequestKind.CANCEL, at=SystemClock().now(), by=f"{whoami()} ({number.name})")
        await self._journal.request(self._plan.run_id, request)


def _tell_left(context: Context, record: RunRecord, exit_code: int) -> int:
    cluster = f"; cluster {record.cluster_id} runs on" if record.cluster_id else ""
    say(
        f"left run {record.run_id} in phase {record.phase}{cluster}. "
        f"Go on with: {context.resume_command(record.run_id)}"
    )
    return exit_code


def tell_result(record: RunRecord) -> int:
    """Write an ended run's result to stdout, and why it failed to stderr; its exit code."""
    exit_code = record.exit_code if record.exit_code is not None else ExitCode.FAILED
    if record.reason:
        say(f"{record.verdict}: {record.reason}")
    if record.job.kind is JobKind.UP and record.verdict == Verdict.DETACHED:
        print_result({"cluster-id": record.cluster_id})
    else:
        result = {"run-id": record.run_id, "verdict": record.verdict, "exit-code": exit_code}
        print_result(result | {"cluster-id": record.cluster_id, "reason": record.reason or None})
    return exit_code
