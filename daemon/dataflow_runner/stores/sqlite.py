"""The journal of one host: an SQLite file that any number of processes use at once.

Every write of a run is one UPDATE that names the owner and the fence which the writer believes in, in one
transaction with its line of history; when it matches no row, another process has the run. Who lives is not told by
the database but by the files in '<journal>.instances' beside it (see stores.instances): so the journal belongs to
one host and a local disk, and must not be moved while runs are driven.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import aiosqlite

from dataflow_runner.errors import JournalBroken, LeaseLost, RunHeld, StoreUnavailable, UnknownRun
from dataflow_runner.jobs.ids import ClusterId, InstanceId, RunId
from dataflow_runner.jobs.record import Entry, EntryKind, Request, RequestKind, RunRecord
from dataflow_runner.stores.codec import (
    PackedJob,
    clean_text,
    decode_instant,
    encode_instant,
    pack_job,
    unpack_job,
)
from dataflow_runner.stores.instances import InstanceFolder
from dataflow_runner.stores.sqlite_file import SqliteFile, change
from dataflow_runner.stores.sqlite_locks import SqliteLocks

T = TypeVar("T")

_SELECT_RUNS = """
    SELECT job, p.body, c.body, state, phase, verdict, exit_code, cluster_id, reason, created_at, updated_at,
           owner, fence
    FROM runs LEFT JOIN specs p ON p.address = playbook LEFT JOIN specs c ON c.address = cluster
"""
_INSERT_RUN = """
    INSERT INTO runs (run_id, name, job, playbook, cluster, state, phase, verdict, exit_code, cluster_id, reason,
                      created_at, updated_at, owner, fence)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO NOTHING
"""
_UPDATE_RUN = """
    UPDATE runs SET state = ?, phase = ?, verdict = ?, exit_code = ?, cluster_id = ?, reason = ?, updated_at = ?,
                    owner = ?
    WHERE run_id = ? AND owner IS ? AND fence = ?
"""
_CLAIM_RUN = """
    UPDATE runs SET owner = ?, fence = fence + 1, updated_at = ? WHERE run_id = ? AND owner IS ? AND fence = ?
"""
_INSERT_SPEC = "INSERT INTO specs (address, body) VALUES (?, ?) ON CONFLICT (address) DO NOTHING"
_INSERT_ENTRY = "INSERT INTO history (run_id, at, kind, text) VALUES (?, ?, ?, ?)"
_INSERT_REQUEST = """
    INSERT INTO requests (run_id, at, kind, by) SELECT run_id, ?, ?, ? FROM runs WHERE run_id = ?
"""


class SqliteJournal:
    """Keeps runs in a file. The file is opened, and made when it isn't there, by the first call that needs it.

    Close it: the connection has a thread of its own, which keeps the process from ending.
    """

    def __init__(self, file: SqliteFile, instances: InstanceFolder) -> None:
        self._file = file
        self._instances = instances
        self._locks = SqliteLocks(file)

    @classmethod
    def open(cls, path: Path) -> SqliteJournal:
        """The journal at a path; '~' and symbolic links are followed, so that one file has one folder of instances."""
        path = path.expanduser().resolve()
        return cls(SqliteFile(path), InstanceFolder(path.with_name(f"{path.name}.instances")))

    @property
    def place(self) -> str:
        """'sqlite:' and the absolute path."""
        return f"sqlite:{self._file.path}"

    @property
    def locks(self) -> SqliteLocks:
        """The named locks that live in this journal."""
        return self._locks

    async def journal_id(self) -> str:
        """An id made once per journal."""
        rows = await self._file.read("SELECT id FROM journal")
        if len(rows) != 1:
            raise JournalBroken(f"the journal {self._file.path} has lost its id; restore the file from a backup")
        return str(rows[0][0])

    async def register(self, now: datetime) -> InstanceId:
        """Begin to drive runs as a new instance, which lives until it is released or the process ends."""
        await self.journal_id()  # what is wrong with the journal itself is said first
        try:
            return self._instances.begin(now)
        except OSError as error:
            raise StoreUnavailable(
                f"the folder {self._file.path}.instances can't be used: {error.strerror}; it must be a folder that "
                f"this user may write, on a local disk with space left"
            ) from error

    async def release_instance(self, instance: InstanceId) -> None:
        """Stop being that instance and hand back its runs. One that isn't living here is left as it is."""
        if not self._instances.is_own(instance):
            return

        async def hand_back(connection: aiosqlite.Connection) -> int:
            return await change(connection, "UPDATE runs SET owner = NULL WHERE owner = ?", instance)

        try:
            await self._file.write(hand_back)
        finally:
            # Even when that can't be written: a run whose owner is dead may be claimed as well.
            self._instances.end(instance)

    async def create(self, record: RunRecord, entry: Entry) -> bool:
        """Add a run; see Journal."""
        job = await asyncio.to_thread(pack_job, record.job)

        async def insert(connection: aiosqlite.Connection) -> bool:
            if not await change(connection, _INSERT_RUN, *_run_values(record, job)):
                return False
            for spec in (job.playbook, job.cluster):
                if spec is not None:
                    await change(connection, _INSERT_SPEC, spec.address, spec.body)
            await _write_entry(connection, record.run_id, entry)
            return True

        return await self._file.write(insert)

    async def load(self, run_id: RunId) -> RunRecord:
        """The run as it stands."""
        rows = await self._file.read(f"{_SELECT_RUNS} WHERE run_id = ?", run_id)
        return self._only(run_id, rows)

    async def save(self, record: RunRecord, entry: Entry) -> None:
        """Write state and a line of history, unless another owns the run."""
        await self._write_run(record, record.owner, entry)

    async def hand_back(self, record: RunRecord, entry: Entry) -> None:
        """Stop driving a run without ending it."""
        await self._write_run(record, None, entry)

    async def is_living(self, instance: InstanceId) -> bool:
        """Whether the process of an instance lives on this host."""
        return self._instances.is_living(instance)

    async def claim(self, run_id: RunId, instance: InstanceId, now: datetime) -> RunRecord:
        """Take over a run that nobody living on this host drives."""

        async def take(connection: aiosqlite.Connection) -> RunRecord:
            rows = list(await connection.execute_fetchall(f"{_SELECT_RUNS} WHERE run_id = ?", (run_id,)))
            record = self._only(run_id, rows)
            if record.owner is not None and self._instances.is_living(record.owner):
                raise RunHeld(run_id, record.owner)
            values = (instance, encode_instant(now), run_id, record.owner, record.fence)
            if not await change(connection, _CLAIM_RUN, *values):
                raise LeaseLost(run_id)
            return replace(record, owner=instance, fence=record.fence + 1, updated_at=now)

        return await self._file.write(take)

    async def list_runs(self, *, limit: int = 50, live_only: bool = False) -> Sequence[RunRecord]:
        """Runs, newest first; of one instant, the last added first."""
        # The same rule as RunRecord.has_ended.
        where = "WHERE phase <> 'ENDED' OR verdict IS NULL" if live_only else ""
        query = f"{_SELECT_RUNS} {where} ORDER BY created_at DESC, place DESC LIMIT ?"
        return self._decode_all(_decode_run, await self._file.read(query, max(limit, 0)))

    async def history(self, run_id: RunId) -> Sequence[Entry]:
        """The run's lines of history, in the order in which they were written."""
        rows = await self._file.read("SELECT at, kind, text FROM history WHERE run_id = ? ORDER BY place", run_id)
        if not rows:  # every run has the line that it was created with
            raise UnknownRun(run_id, self.place)
        return self._decode_all(_decode_entry, rows)

    async def request(self, run_id: RunId, request: Request) -> None:
        """Put a request in the run's box."""

        async def insert(connection: aiosqlite.Connection) -> int:
            values = (encode_instant(request.at), request.kind, clean_text(request.by), run_id)
            return await change(connection, _INSERT_REQUEST, *values)

        if not await self._file.write(insert):
            raise UnknownRun(run_id, self.place)

    async def requests(self, run_id: RunId) -> Sequence[Request]:
        """What was asked of the run, in the order in which it was; nothing for a run that there isn't."""
        rows = await self._file.read("SELECT at, kind, by FROM requests WHERE run_id = ? ORDER BY place", run_id)
        return self._decode_all(_decode_request, rows)

    async def close(self) -> None:
        """Close the file and end the lives of the instances begun here. Safe to call twice."""
        try:
            await self._file.close()
        finally:
            self._instances.end_all()

    async def _write_run(self, record: RunRecord, new_owner: InstanceId | None, entry: Entry) -> None:
        async def write(connection: aiosqlite.Connection) -> None:
            values = (*_state_values(record), encode_instant(record.updated_at), new_owner)
            if not await change(connection, _UPDATE_RUN, *values, record.run_id, record.owner, record.fence):
                raise LeaseLost(record.run_id)
            await _write_entry(connection, record.run_id, entry)

        await self._file.write(write)

    def _only(self, run_id: RunId, rows: Sequence[sqlite3.Row]) -> RunRecord:
        if not rows:
            raise UnknownRun(run_id, self.place)
        return self._decode_all(_decode_run, rows)[0]

    def _decode_all(self, decode: Callable[[sqlite3.Row], T], rows: Sequence[sqlite3.Row]) -> tuple[T, ...]:
        try:
            return tuple(decode(row) for row in rows)
        except (ValueError, TypeError) as error:
            raise JournalBroken(
                f"a row of the journal {self._file.path} can't be read: {error}; a newer dataflow-runner wrote it, or "
                f"the file is damaged"
            ) from error


async def _write_entry(connection: aiosqlite.Connection, run_id: RunId, entry: Entry) -> None:
    await change(connection, _INSERT_ENTRY, run_id, encode_instant(entry.at), entry.kind, clean_text(entry.text))


def _state_values(record: RunRecord) -> tuple[bytes | str | int | None, ...]:
    reason = clean_text(record.reason)
    return (record.state, record.phase, record.verdict, record.exit_code, record.cluster_id, reason)


def _run_values(record: RunRecord, job: PackedJob) -> tuple[bytes | str | int | None, ...]:
    return (
        record.run_id,
        record.job.name,
        job.body,
        job.playbook.address if job.playbook else None,
        job.cluster.address if job.cluster else None,
        *_state_values(record),
        encode_instant(record.created_at),
        encode_instant(record.updated_at),
        record.owner,
        record.fence,
    )


def _decode_run(row: sqlite3.Row) -> RunRecord:
    job, playbook, cluster, state, phase, verdict, exit_code, cluster_id, reason, created, updated, owner, fence = row
    return RunRecord(
        job=unpack_job(job, playbook, cluster),
        state=state,
        phase=phase,
        verdict=verdict,
        exit_code=exit_code,
        cluster_id=cluster_id and ClusterId(cluster_id),
        reason=reason,
        created_at=decode_instant(created),
        updated_at=decode_instant(updated),
        owner=owner and InstanceId(owner),
        fence=fence,
    )


def _decode_entry(row: sqlite3.Row) -> Entry:
    at, kind, text = row
    return Entry(at=decode_instant(at), kind=EntryKind(kind), text=text)


def _decode_request(row: sqlite3.Row) -> Request:
    at, kind, by = row
    return Request(at=decode_instant(at), kind=RequestKind(kind), by=by)
