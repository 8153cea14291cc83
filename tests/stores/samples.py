"""Runs, entries and lock holders for the tests of the stores, and the child processes that some of them need."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dataflow_runner.jobs.ids import ClusterId, RunId
from dataflow_runner.jobs.lock import LockHolder
from dataflow_runner.jobs.record import (
    Entry,
    EntryKind,
    ExternalLock,
    Job,
    JobKind,
    LockRequest,
    Request,
    RequestKind,
    RunRecord,
    SpecText,
)

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
RUN = RunId("20260102-120000-1f9c2a")
CHILD = Path(__file__).with_name("child.py")
DAEMON = Path(__file__).parents[2] / "daemon"


def a_job(run_id: RunId = RUN, text: str = '{"schema": "iglu:a/b/avro/2-0-0"}') -> Job:
    return Job(
        run_id=run_id,
        name="nightly, ночью",
        kind=JobKind.NAMED,
        instant=NOON,
        variables={"bucket": "s3://a/", "ünï": "✓"},
        playbook=SpecText(name="playbook.json", text=text, digest="d1"),
        cluster=SpecText(name="cluster.avro", text=text + " ", digest="d2"),
        cluster_id=ClusterId("j-1"),
        lock=LockRequest(name="/tmp/l", hard=True, wait=True, external=ExternalLock.CONSUL, consul="127.0.0.1:8500"),
        detach=True,
        salt="s",
    )


def a_run(run_id: str = RUN, *, age_s: float = 0, text: str = "{}") -> RunRecord:
    at = NOON - timedelta(seconds=age_s)
    return RunRecord(
        job=a_job(RunId(run_id), text), state=b"\x00state\xff", phase="ACCEPTED", created_at=at, updated_at=at
    )


def ended(record: RunRecord) -> RunRecord:
    return replace(record, phase="ENDED", verdict="FAILED", exit_code=1, reason="a step failed: «нет»")


def an_entry(text: str = "begun", kind: EntryKind = EntryKind.NOTE) -> Entry:
    return Entry(at=NOON, kind=kind, text=text)


def a_request(by: str = "jo@host") -> Request:
    return Request(kind=RequestKind.CANCEL, at=NOON, by=by)


def a_holder(run_id: str = RUN, *, hard: bool = False, cluster: str | None = None) -> LockHolder:
    cluster_id = ClusterId(cluster) if cluster else None
    return LockHolder(run_id=RunId(run_id), owner="jo@höst, process 7", taken_at=NOON, hard=hard, cluster_id=cluster_id)


async def start_child(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> Process:
    """Another process at work on a journal; child.py tells what it can do."""
    environment = {**os.environ, "PYTHONPATH": str(DAEMON.parent) + os.pathsep + str(DAEMON)}
    command = (*prefix, sys.executable, str(CHILD), *map(str, arguments))
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment)


async def finish_child(process: Process) -> list[str]:
    """Let a child go on to its end; the lines that it wrote."""
    output, _ = await process.communicate(b"\n")
    assert process.returncode == 0
    return output.decode().splitlines()
