"""Locks as files on one host, where the Go runner keeps its own.

A lock is there when its file is. The first line is a process id, as in the Go runner's files; the second is the
holder as JSON. The Go runner looks at nothing but the file's existence: each runner sees the other's
locks, and a hard lock that outlives its process holds for both. A program that takes such a file for a pid file,
and removes it once that process is dead, would break a hard lock: keep such programs away from lock files.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dataflow_runner.errors import InputError
from dataflow_runner.jobs.ids import RunId
from dataflow_runner.jobs.lock import LockHolder
from dataflow_runner.stores.holders import (
    decode_holder,
    describe_foreign,
    encode_holder,
    is_held_by,
    renew,
)

_LARGEST_LOCK = 64 * 1024
"""Bytes read of a file: more than a lock has ever had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What is at a lock's path."""

    holder: LockHolder
    is_lock: bool
    """Whether a runner may have written it: a process id, or nothing at all by one that was interrupted."""


class FileLocks:
    """Locks named by path; a relative one is taken from the working folder.

    A file appears with its whole content or not at all. Whatever else is found at the path (an empty file, a symbolic
    link, somebody's text) counts as held and is never overwritten. InputError when a path can't be used.
    """

    def __init__(self, *, patience_s: float = 2.0) -> None:
        self._patience_s = patience_s  # for others who are just changing a lock: they do so for the length of a write

    async def acquire(self, name: str, holder: LockHolder) -> LockHolder:
        """Take a lock; see Locks."""
        return await asyncio.to_thread(_acquire, _absolute(name), holder, self._patience_s)

    async def release(self, name: str, run_id: RunId) -> bool:
        """Let go of a run's lock; see Locks."""
        return await asyncio.to_thread(_release, _absolute(name), run_id, self._patience_s)

    async def holder(self, name: str) -> LockHolder | None:
        """Who holds a lock now."""
        return await asyncio.to_thread(_holder, _absolute(name))

    async def break_lock(self, name: str) -> LockHolder | None:
        """Free a lock whoever holds it, and tell who did; InputError for a file that is no lock."""
        return await asyncio.to_thread(_break, _absolute(name), self._patience_s)


def _absolute(name: str) -> Path:
    if not name or "\0" in name:
        raise InputError(f"{name!r} is not the path of a lock file; give the path of a file that may be made")
    # Symbolic links among the folders are the system's to follow; '..' is taken out as the Go runner does.
    return Path(os.path.abspath(name))  # noqa: PTH100 - Path.absolute() leaves '..' in, resolve() follows links


def _acquire(path: Path, holder: LockHolder, patience_s: float) -> LockHolder:
    with _errors_explained(path):
        while True:
            with _changing(path, patience_s) as found:
                if found is not None and is_held_by(found.holder, holder.run_id):
                    renewed = renew(found.holder, holder)
                    _write_beside(path, renewed).replace(path)
                    return renewed
            if found is not None:
                return found.holder
            if _create(path, holder):
                return holder


def _release(path: Path, run_id: RunId, patience_s: float) -> bool:
    with _errors_explained(path), _changing(path, patience_s) as found:
        if found is None or not is_held_by(found.holder, run_id):
            return False
        path.unlink()
        _sync_folder(path.parent)
        return True


def _holder(path: Path) -> LockHolder | None:
    with _errors_explained(path), _looking_at(path) as found:
        return found.holder if found else None


def _break(path: Path, patience_s: float) -> LockHolder | None:
    with _errors_explained(path), _changing(path, patience_s) as found:
        if found is None:
            return None
        if not found.is_lock:
            raise InputError(
                f"{path} is not a lock file ({found.holder.owner}); remove it yourself if it is not needed"
            )
        path.unlink()
        _sync_folder(path.parent)
        return found.holder


def _changing(path: Path, patience_s: float) -> AbstractContextManager[_Found | None]:
    """What is at a path, which no other runner of ours changes or removes while the block lasts."""
    return _looking_at(path, lambda descriptor: _guard(descriptor, path, patience_s))


@contextmanager
def _looking_at(path: Path, guard: Callable[[int], None] | None = None) -> Iterator[_Found | None]:
    """What is at a path. A file's content never changes, so those who only look need no guard."""
    while True:
        try:
            # Neither a link is followed nor the other end of a pipe waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            yield _unreadable(error)
            return
        try:
            if guard:
                guard(descriptor)
            if _is_still_at(path, descriptor):
                yield _read(descriptor)
                return
        finally:
            os.close(descriptor)


def _guard(descriptor: int, path: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise InputError(f"the file {path} is kept locked by another program; name another file") from error
            time.sleep(0.01)
        except OSError:
            return  # NFS has no exclusive lock on what is open for reading: there only taking is atomic
        else:
            return


def _is_still_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> _Found:
    status = os.fstat(descriptor)
    taken_at = datetime.fromtimestamp(status.st_mtime, UTC)
    if not stat.S_ISREG(status.st_mode):
        return _Found(holder=_unknown("not a regular file", taken_at), is_lock=False)
    first, _, second = os.read(descriptor, _LARGEST_LOCK).partition(b"\n")
    is_lock = first.strip().isdigit() or not (first + second).strip()
    holder = decode_holder(second) or describe_foreign(first, taken_at)
    return _Found(holder=holder, is_lock=is_lock)


def _unreadable(error: OSError) -> _Found:
    # O_NOFOLLOW answers ELOOP for a symbolic link.
    what = "a symbolic link" if error.errno == errno.ELOOP else f"a file that can't be read, {error.strerror}"
    return _Found(holder=_unknown(what, None), is_lock=False)


def _unknown(what: str, taken_at: datetime | None) -> LockHolder:
    return LockHolder(run_id=RunId(""), owner=f"something unknown: {what}", taken_at=taken_at)


def _create(path: Path, holder: LockHolder) -> bool:
    whole = _write_beside(path, holder)
    try:
        # A link appears with its content, and is refused when anything is there: a dangling symbolic link, too.
        os.link(whole, path)
    except FileExistsError:
        return False
    finally:
        whole.unlink()
    _sync_folder(path.parent)
    return True


def _write_beside(path: Path, holder: LockHolder) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".lock-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)  # others are to see who holds it
            file.write(b"%d\n%b\n" % (os.getpid(), encode_holder(holder)))
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    """Make a change of the folder's list outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.parent.exists():
            raise InputError(f"the folder {path.parent} of the lock file {path.name} doesn't exist; make it") from error
        raise InputError(
            f"the lock file {path} can't be used: {error.strerror}; name one in a folder on a local disk that this "
            f"user may write"
        ) from error
