"""Named locks in the journal's SQLite file."""

from __future__ import annotations

import aiosqlite

from dataflow_runner.errors import JournalBroken
from dataflow_runner.jobs.ids import RunId
from dataflow_runner.jobs.lock import LockHolder
from dataflow_runner.stores.holders import decode_holder, encode_holder, is_held_by, renew
from dataflow_runner.stores.sqlite_file import SqliteFile, change


class SqliteLocks:
    """Locks between the processes of one host that use the same journal.

    A soft lock whose run has ended in the journal may be taken over: only a crash between a run's end and its
    release leaves one. A hard lock never is.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def acquire(self, name: str, holder: LockHolder) -> LockHolder:
        """Take a lock; see Locks."""

        async def take(connection: aiosqlite.Connection) -> LockHolder:
            insert = "INSERT INTO locks (name, run_id, holder) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
            if await change(connection, insert, name, holder.run_id, encode_holder(holder)):
                return holder
            held = await self._read(connection, name)
            if held is None:
                raise JournalBroken(f"the lock {name!r} was neither free nor held in the journal {self._file.path}")
            if is_held_by(held, holder.run_id):
                taken = renew(held, holder)
            elif not held.hard and await _has_ended(connection, held.run_id):
                taken = holder
            else:
                return held
            update = "UPDATE locks SET run_id = ?, holder = ? WHERE name = ?"
            await change(connection, update, taken.run_id, encode_holder(taken), name)
            return taken

        return await self._file.write(take)

    async def release(self, name: str, run_id: RunId) -> bool:
        """Let go of a run's lock; see Locks."""

        async def let_go(connection: aiosqlite.Connection) -> int:
            return await change(connection, "DELETE FROM locks WHERE name = ? AND run_id = ?", name, run_id)

        return bool(run_id) and await self._file.write(let_go) > 0

    async def holder(self, name: str) -> LockHolder | None:
        """Who holds a lock now."""
        rows = await self._file.read("SELECT holder FROM locks WHERE name = ?", name)
        return self._decode(name, rows[0][0]) if rows else None

    async def break_lock(self, name: str) -> LockHolder | None:
        """Free a lock whoever holds it, and tell who did."""

        async def free(connection: aiosqlite.Connection) -> LockHolder | None:
            held = await self._read(connection, name)
            await change(connection, "DELETE FROM locks WHERE name = ?", name)
            return held

        return await self._file.write(free)

    async def _read(self, connection: aiosqlite.Connection, name: str) -> LockHolder | None:
        rows = list(await connection.execute_fetchall("SELECT holder FROM locks WHERE name = ?", (name,)))
        return self._decode(name, rows[0][0]) if rows else None

    def _decode(self, name: str, holder: bytes) -> LockHolder:
        held = decode_holder(holder)
        if held is None:
            raise JournalBroken(
                f"the lock {name!r} in the journal {self._file.path} can't be read; its file is damaged"
            )
        return held


async def _has_ended(connection: aiosqlite.Connection, run_id: RunId) -> bool:
    # The same rule as RunRecord.has_ended.
    query = "SELECT 1 FROM runs WHERE run_id = ? AND phase = 'ENDED' AND verdict IS NOT NULL"
    return bool(list(await connection.execute_fetchall(query, (run_id,))))
