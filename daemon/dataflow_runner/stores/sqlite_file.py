"""One SQLite file: how it is made, opened and upgraded, and what its errors mean to a user."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import aiosqlite

from dataflow_runner.errors import JournalBroken, RunnerError, StoreUnavailable

T = TypeVar("T")
SqlValue: TypeAlias = str | bytes | int | None

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process's."""

APPLICATION_ID = 0x64667231  # 'dfr1', in the file's header: tells our file from any other SQLite database

# One query, for while these are read one by one another process may be making the journal.
_IDENTITY = """
    SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
    FROM pragma_application_id, pragma_user_version
"""

# One tuple of statements for each version of the file; a file of version n has had the first n carried out.
# Add a tuple to change the tables. Never edit one that was released.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE journal (id TEXT NOT NULL)",
        "CREATE TABLE specs (address TEXT PRIMARY KEY, body BLOB NOT NULL)",
        """CREATE TABLE runs (
            place INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, job BLOB NOT NULL,
            playbook TEXT, cluster TEXT,
            state BLOB NOT NULL, phase TEXT NOT NULL, verdict TEXT, exit_code INTEGER, cluster_id TEXT,
            reason TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
            owner TEXT, fence INTEGER NOT NULL)""",
        "CREATE INDEX runs_by_age ON runs (created_at, place)",
        "CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL",
        """CREATE TABLE history (
            place INTEGER PRIMARY KEY, run_id TEXT NOT NULL,
            at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL)""",
        "CREATE INDEX history_by_run ON history (run_id, place)",
        """CREATE TABLE requests (
            place INTEGER PRIMARY KEY, run_id TEXT NOT NULL,
            at TEXT NOT NULL, kind TEXT NOT NULL, by TEXT NOT NULL)""",
        "CREATE INDEX requests_by_run ON requests (run_id, place)",
        "CREATE TABLE locks (name TEXT PRIMARY KEY, run_id TEXT NOT NULL, holder BLOB NOT NULL)",
    ),
)


class SqliteFile:
    """A connection to one file, opened when first needed, whose users take turns.

    Reads and transactions go one after another, for there is one connection. Each is carried to its end even when
    the task that asked for it is cancelled, so that none is left half done.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = asyncio.Lock()
        self._connection: aiosqlite.Connection | None = None
        self._is_closed = False

    async def read(self, query: str, *values: SqlValue) -> list[sqlite3.Row]:
        """The rows that a query gives."""

        async def fetch(connection: aiosqlite.Connection) -> list[sqlite3.Row]:
            return list(await connection.execute_fetchall(query, values))

        return await self._take_turn(fetch)

    async def write(self, work: Callable[[aiosqlite.Connection], Awaitable[T]]) -> T:
        """Carry out work as one transaction; an error in it leaves nothing behind."""

        async def transact(connection: aiosqlite.Connection) -> T:
            try:
                # IMMEDIATE: a transaction that begins by reading could be refused when it comes to write.
                await connection.execute("BEGIN IMMEDIATE")
                result = await work(connection)
                await connection.commit()
            except BaseException:
                await connection.rollback()  # nothing to SQLite when no transaction is open
                raise
            return result

        return await self._take_turn(transact)

    async def close(self) -> None:
        """Close the file, once what is under way is done. Nothing happens the second time."""
        async with self._turn:
            self._is_closed = True
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.close()

    async def _take_turn(self, work: Callable[[aiosqlite.Connection], Coroutine[Any, Any, T]]) -> T:
        async def turn() -> T:
            async with self._turn:
                with _errors_explained(self.path):
                    if self._is_closed:
                        raise RuntimeError(f"the journal {self.path} was closed")
                    if self._connection is None:
                        self._connection = await _open(self.path)
                    return await work(self._connection)

        return await asyncio.shield(asyncio.create_task(turn(), name="journal"))


async def change(connection: aiosqlite.Connection, statement: str, *values: SqlValue) -> int:
    """Execute a statement; the number of rows that it changed."""
    async with connection.execute(statement, values) as cursor:
        return cursor.rowcount


async def _open(path: Path) -> aiosqlite.Connection:
    with _file_errors_explained(path):
        _make_file(path)
    # isolation_level None: transactions begin and end where this module says, not where Python's driver guesses.
    connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        await _prepare(connection, path)
    except BaseException:
        await connection.close()
        raise
    return connection


def _make_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # Only ever opened to be created: closing a second descriptor of a database that is open in this process
        # would drop the locks that SQLite holds on it (POSIX locks belong to the process, not the descriptor).
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise JournalBroken(f"the journal {path} is not a file; name another with --journal sqlite:PATH") from None
        if not os.access(path, os.R_OK, effective_ids=True):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


async def _prepare(connection: aiosqlite.Connection, path: Path) -> None:
    await connection.execute("PRAGMA synchronous=FULL")
    version = await _read_version(connection, path)
    await _use_wal(connection, path)
    if version < len(MIGRATIONS):
        await _upgrade(connection, path)


async def _use_wal(connection: aiosqlite.Connection, path: Path) -> None:
    """Let a reader and a writer work at once. The file remembers it: only its makers ever switch."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_TIMEOUT_S
    while True:
        try:
            ((mode,),) = await connection.execute_fetchall("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # Of those that switch at once SQLite refuses some on the spot, whatever the busy timeout says.
            if _primary_code(error) != sqlite3.SQLITE_BUSY or loop.time() > deadline:
                raise
            await asyncio.sleep(0.02)
        else:
            if mode != "wal":
                # Where a file can't be shared memory, on some network file systems, SQLite keeps the mode it had.
                raise JournalBroken(f"the journal {path} can't be kept on its file system; name one on a local disk")
            return


async def _read_version(connection: aiosqlite.Connection, path: Path) -> int:
    ((application, version, tables),) = await connection.execute_fetchall(_IDENTITY)
    is_new = application == version == tables == 0
    if application != APPLICATION_ID and not is_new:
        raise JournalBroken(
            f"{path} is the database of another program, not a journal; name another file with --journal sqlite:PATH"
        )
    if version > len(MIGRATIONS):
        raise JournalBroken(
            f"the journal {path} was written by a newer dataflow-runner (its version is {version}, this program knows "
            f"{len(MIGRATIONS)}); use that one, or another journal with --journal sqlite:PATH"
        )
    return int(version)


async def _upgrade(connection: aiosqlite.Connection, path: Path) -> None:
    try:
        await connection.execute("BEGIN IMMEDIATE")
        # Read again: another process may have been quicker.
        version = await _read_version(connection, path)
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                await connection.execute(statement)
        if version == 0:
            await connection.execute("INSERT INTO journal (id) VALUES (?)", (secrets.token_hex(8),))
        await connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        await connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        await connection.commit()
    except BaseException:
        await connection.rollback()
        raise


_CAN_PASS = {
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for over {BUSY_TIMEOUT_S:.0f} s; wait for that process",
    sqlite3.SQLITE_LOCKED: "another process keeps it locked; wait for that process",
    sqlite3.SQLITE_PROTOCOL: "too many processes opened it at once; try again",
    sqlite3.SQLITE_NOMEM: "there is not enough memory; free some",
    sqlite3.SQLITE_FULL: "its disk is full; free space there",
    sqlite3.SQLITE_IOERR: "its disk refused to read or write; see whether it is full, over quota or failing",
    sqlite3.SQLITE_READONLY: "the file or its folder can't be written; make both writable for this user",
}
_CANNOT_PASS = {
    sqlite3.SQLITE_CANTOPEN: "it can't be opened; see that the file and its folder may be read and written",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database; name another file with --journal sqlite:PATH",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it away, or restore it from a backup",
}


@contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, path) from error


def _explain(error: sqlite3.Error, path: Path) -> RunnerError:
    code = _primary_code(error)
    if code in _CAN_PASS:
        return StoreUnavailable(f"the journal {path} is not usable now: {_CAN_PASS[code]} (SQLite: {error})")
    remedy = _CANNOT_PASS.get(code, "it is not laid out as a journal; name another file with --journal sqlite:PATH")
    return JournalBroken(f"the journal {path} is not usable: {remedy} (SQLite: {error})")


def _primary_code(error: sqlite3.Error) -> int:
    # SQLite's extended codes keep the primary one in their low byte; an error of Python's driver itself has none.
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


@contextmanager
def _file_errors_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise JournalBroken(
            f"the journal {path} can't be made or read: {error.strerror}; make its folder writable and the file "
            f"readable for this user, or name another with --journal sqlite:PATH"
        ) from error
    except OSError as error:
        raise StoreUnavailable(f"the journal {path} can't be made now: {error.strerror}; see to its disk") from error
