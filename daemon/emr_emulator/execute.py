"""Really runs steps and bootstrap actions as processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from emr_emulator.commands import UNKNOWN_ERROR, RefusedError, Workplace, bootstrap_argv, step_argv
from emr_emulator.environment import Surroundings, build_environment, install_tools
from emr_emulator.locations import Location
from emr_emulator.logs import LogShipper, RunRecord, bootstrap_logs, controller_text, refusal_text, step_logs
from emr_emulator.processes import Command, ProgramTree
from emr_emulator.storage import Storage
from emr_emulator.work import BootstrapWork, Outcome, Premises, StepWork

_T = TypeVar("_T")
_TAIL = 64 * 1024  # bytes of stderr that are searched for its last line


class _StoppedError(Exception):
    """The work was asked to end before it had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What steps and bootstrap actions have in common; `tell` words a failure from exit code (if any) and detail."""

    what: str
    folder: Path
    log_names: tuple[str, ...]
    log_target: Location | None
    around: Surroundings
    find_argv: Callable[[Workplace], Coroutine[Any, Any, tuple[str, ...]]]
    tell: Callable[[int | None, str], str]

    @property
    def stderr(self) -> Path:
        return self.around.logs / "stderr"

    def failure(self, reason: str, code: int | None, detail: str) -> Outcome:
        log_file = None if self.log_target is None else str(self.log_target.child("stderr.gz"))
        return Outcome(succeeded=False, reason=reason, message=self.tell(code, detail), log_file=log_file)


class LocalExecutor:
    """An Executor whose work are processes of this machine.

    The emulator's endpoint serves logs, scripts and the work's own calls. `grace` is the time in seconds between
    SIGTERM and SIGKILL.
    """

    def __init__(self, premises: Premises, *, region: str = "us-east-1", grace: float = 5.0) -> None:
        self._premises = premises
        self._region = region
        self._grace = grace
        self._storage = Storage(endpoint=premises.endpoint, hdfs=None, region=region, access_key=premises.access_key)
        self._shipper = LogShipper(self._storage, lag=premises.log_lag)
        self._lives: set[asyncio.Task[Outcome]] = set()
        self._stop_all = asyncio.Event()

    async def run_step(self, work: StepWork) -> Outcome:
        """Run a step; cancelling ends all its processes, ships its logs, and then passes the cancellation on."""

        def tell(code: int | None, detail: str) -> str:
            return ": ".join(part for part in ("" if code is None else f"exit status {code}", detail) if part)

        folder = self._folder(work.cluster_id, "steps", work.step_id)
        job = _Job(
            what="Step",
            folder=folder,
            log_names=("controller", "syslog", "stdout", "stderr"),
            log_target=step_logs(work),
            around=self._surroundings(work.cluster_id, folder, step_id=work.step_id, release=work.release_label),
            find_argv=lambda place: step_argv(work, place),
            tell=tell,
        )
        return await self._run(job)

    async def run_bootstrap(self, work: BootstrapWork) -> Outcome:
        """Run a bootstrap action; a failure's message is what EMR shows as the cluster's StateChangeReason."""

        def tell(code: int | None, detail: str) -> str:
            if code is None:
                action = f"attempting to download bootstrap action {work.number} file from S3"
                return f"Master instance ({work.instance_id}) failed {action}: {detail}"
            where = f"On the master instance ({work.instance_id})"
            return f"{where}, bootstrap action {work.number} returned a non-zero return code"

        folder = self._folder(work.cluster_id, "bootstrap-actions", f"{work.instance_id}-{work.number}")
        job = _Job(
            what=f"Bootstrap action {work.number}",
            folder=folder,
            log_names=("controller", "stdout", "stderr"),
            log_target=bootstrap_logs(work),
            around=self._surroundings(work.cluster_id, folder),
            find_argv=lambda place: bootstrap_argv(work, place),
            tell=tell,
        )
        return await self._run(job)

    async def close(self) -> None:
        """End what still runs and ship the logs that wait."""
        self._stop_all.set()
        if self._lives:
            await asyncio.wait(self._lives)
        await self._shipper.close()
        await self._storage.close()

    async def _run(self, job: _Job) -> Outcome:
        """Give the work a task of its own, so that a cancelled caller doesn't cut its clean-up short."""
        stop = asyncio.Event()
        life = asyncio.create_task(self._live(job, stop), name=f"emr-work-{job.folder.name}")
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        try:
            return await asyncio.shield(life)
        except asyncio.CancelledError:
            stop.set()
            while not life.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([life])
            life.exception()  # asyncio complains of a failure that nobody has asked for
            raise
        except _StoppedError as error:
            raise asyncio.CancelledError from error

    async def _live(self, job: _Job, stop: asyncio.Event) -> Outcome:
        await asyncio.to_thread(_make_folders, job)
        try:
            return await self._perform(job, stop)
        except RefusedError as refusal:
            await asyncio.to_thread(_note_refusal, job, str(refusal))
            return job.failure(refusal.reason, None, str(refusal))
        finally:
            await self._shipper.ship(job.around.logs, job.log_target)
            await asyncio.to_thread(shutil.rmtree, job.folder / "work", ignore_errors=True)

    async def _perform(self, job: _Job, stop: asyncio.Event) -> Outcome:
        environment = build_environment(job.around)
        place = Workplace(
            storage=self._storage, hdfs=job.around.hdfs, folder=job.folder / "work", path=environment["PATH"]
        )
        argv = await self._unless_stopped(stop, job.find_argv(place))
        command = Command(
            argv=argv,
            environment=environment,
            folder=job.folder / "work",
            stdout=job.around.logs / "stdout",
            stderr=job.stderr,
        )
        started, clock = datetime.now(UTC), monotonic()
        tree = await ProgramTree.start(command, grace=self._grace)
        try:
            await self._unless_stopped(stop, tree.wait())
        finally:
            code = await tree.stop()
            took = timedelta(seconds=monotonic() - clock)
            record = RunRecord(
                what=job.what,
                argv=argv,
                folder=command.folder,
                pid=tree.pid,
                started=started,
                took=took,
                exit_code=code,
            )
            await asyncio.to_thread((job.around.logs / "controller").write_text, controller_text(record))
        if code == 0:
            return Outcome(succeeded=True, reason="", message="", log_file=None)
        return job.failure(UNKNOWN_ERROR, code, await asyncio.to_thread(_last_line, job.stderr))

    async def _unless_stopped(self, stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for something, or raise _StoppedError at the first of: this work's stop, the executor's."""
        task = asyncio.ensure_future(work)
        stops = [asyncio.ensure_future(event.wait()) for event in (stop, self._stop_all)]
        try:
            await asyncio.wait([task, *stops], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _StoppedError
            return task.result()
        finally:
            for waiting in (task, *stops):
                waiting.cancel()

    def _surroundings(
        self, cluster_id: str, folder: Path, *, step_id: str | None = None, release: str = ""
    ) -> Surroundings:
        cluster = folder.parent.parent
        return Surroundings(
            cluster_id=cluster_id,
            step_id=step_id,
            release_label=release,
            endpoint=self._premises.endpoint,
            access_key=self._premises.access_key,
            region=self._region,
            hdfs=self._premises.hdfs.absolute() / cluster_id,
            home=cluster / "home",
            tools=cluster.parent / "bin",
            logs=folder / "logs",
        )

    def _folder(self, cluster_id: str, kind: str, name: str) -> Path:
        root = self._premises.folder.absolute()
        if not (root / "bin").exists():
            install_tools(root / "bin")
        return root / cluster_id / kind / name


def _make_folders(job: _Job) -> None:
    for folder in (job.folder / "work", job.around.logs, job.around.home, job.around.hdfs):
        folder.mkdir(parents=True, exist_ok=True)
    for name in job.log_names:
        (job.around.logs / name).touch()


def _note_refusal(job: _Job, message: str) -> None:
    (job.around.logs / "controller").write_text(refusal_text(job.what, message))
    job.stderr.write_text(f"{message}\n")


def _last_line(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:1000]
