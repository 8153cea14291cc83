"""Ships the logs of steps and bootstrap actions to LogUri, gzipped, in EMR's layout, after EMR's delay.

<LogUri>/<cluster>/steps/<step>/{controller,syslog,stdout,stderr}.gz
<LogUri>/<cluster>/node/<instance>/bootstrap-actions/<n>/{controller,stdout,stderr}.gz
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from emr_emulator.compression import gzip
from emr_emulator.locations import Location, LocationError, Scheme, StorageError, parse_location
from emr_emulator.storage import CHUNK, Storage
from emr_emulator.work import BootstrapWork, StepWork

_log = logging.getLogger("emr_emulator.logs")


def step_logs(work: StepWork) -> Location | None:
    """Say where a step's logs go; None when the cluster has no usable LogUri."""
    return _below(work.log_uri, f"{work.cluster_id}/steps/{work.step_id}")


def bootstrap_logs(work: BootstrapWork) -> Location | None:
    """Say where a bootstrap action's logs go; None when the cluster has no usable LogUri."""
    return _below(work.log_uri, f"{work.cluster_id}/node/{work.instance_id}/bootstrap-actions/{work.number}")


def _below(log_uri: str | None, relative: str) -> Location | None:
    if not log_uri:
        return None
    try:
        base = parse_location(log_uri)
    except LocationError as error:
        _log.warning("Logs of %s are not shipped: LogUri %s", relative, error)
        return None
    if base.scheme is not Scheme.S3:
        _log.warning("Logs of %s are not shipped: LogUri %s is not on S3", relative, log_uri)
        return None
    return parse_location(f"s3://{base.authority}/{base.path}").child(relative)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run of a program, as the controller log tells it."""

    what: str
    argv: Sequence[str]
    folder: Path
    pid: int
    started: datetime
    took: timedelta
    exit_code: int


def controller_text(record: RunRecord) -> str:
    """Tell of a run in the manner of EMR's controller log; the last line is the one that people look for."""
    command = " ".join(record.argv)
    ended = record.started + record.took
    seconds = round(record.took.total_seconds())
    verdict = "succeeded" if record.exit_code == 0 else "failed"
    level = "INFO" if record.exit_code == 0 else "WARN"
    lines = [
        (record.started, "INFO", f"startExec '{command}'"),
        (record.started, "INFO", f"Working dir {record.folder}"),
        (record.started, "INFO", f"ProcessRunner started child process {record.pid}"),
        (record.started, "INFO", f"Synchronously wait child process to complete : {command}"),
        (ended, "INFO", f"waitProcessCompletion ended with exit code {record.exit_code} : {command}"),
        (ended, "INFO", f"total process run time: {seconds} seconds"),
        (ended, level, f"{record.what} {verdict} with exitCode {record.exit_code} and took {seconds} seconds"),
    ]
    return "".join(f"{_stamp(when)} {severity} {text}\n" for when, severity, text in lines)


def refusal_text(what: str, message: str) -> str:
    """Tell of work that was never started."""
    return f"{_stamp(datetime.now(UTC))} WARN {what} was not started: {message}\n"


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


class LogShipper:
    """Uploads log folders after a lag, in seconds, and removes them; a failure is logged and hurts nobody."""

    def __init__(self, storage: Storage, *, lag: float) -> None:
        self._storage = storage
        self._lag = lag
        self._closing = asyncio.Event()
        self._pending: set[asyncio.Task[None]] = set()

    async def ship(self, folder: Path, target: Location | None) -> None:
        """Ship a folder's files; with a lag of 0 they are there when this returns."""
        if self._lag <= 0:
            await self._ship(folder, target)
            return
        task = asyncio.create_task(self._ship_later(folder, target), name=f"emr-logs-{folder.name}")
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def close(self) -> None:
        """Ship at once what waits for its time."""
        self._closing.set()
        await asyncio.gather(*self._pending)

    async def _ship_later(self, folder: Path, target: Location | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._lag)
        await self._ship(folder, target)

    async def _ship(self, folder: Path, target: Location | None) -> None:
        if target is not None:
            for file in await asyncio.to_thread(lambda: sorted(folder.iterdir())):
                try:
                    await self._upload(file, target.child(f"{file.name}.gz"))
                except (StorageError, OSError) as error:
                    _log.warning("Log %s was not shipped: %s", file.name, error)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _upload(self, file: Path, target: Location) -> None:
        store = await self._storage.at(target)
        async with store.write(target) as writer:
            async for chunk in gzip(_chunks(file)):
                await writer.write(chunk)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
