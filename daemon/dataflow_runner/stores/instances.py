"""The lives of processes on one host, as locked files.

A process that drives runs holds an flock on a file named after it for as long as it lives. The kernel lets go of it
the moment that the process ends, however it ends, so a dead owner is known at once and a living one, however slow
or suspended, is never taken for dead.

That holds on one host with a local disk. Over a network file system an flock may be local to each host or missing
altogether, and SQLite's WAL doesn't work there either: a journal that several hosts share must not be a file.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
from datetime import datetime
from pathlib import Path

from dataflow_runner.jobs.ids import InstanceId


class InstanceFolder:
    """The instances of one journal. Its methods raise OSError when the folder can't be used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[InstanceId, int] = {}

    def begin(self, now: datetime) -> InstanceId:
        """Begin a new life in this process, and clear away the files of lives that have ended."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for path in self._folder.iterdir():
            self._probe(InstanceId(path.name), remove=True)
        while True:
            instance = _new_instance_id()
            if (descriptor := self._hold(self._folder / instance)) is not None:
                break
        os.write(descriptor, f"process {os.getpid()}, since {now:%Y-%m-%d %H:%M:%S} UTC\n".encode())
        self._held[instance] = descriptor
        return instance

    def is_own(self, instance: InstanceId) -> bool:
        """Whether the instance was begun here and hasn't ended."""
        return instance in self._held

    def is_living(self, instance: InstanceId) -> bool:
        """Whether the process of that instance lives."""
        return self._probe(instance, remove=False)

    def end(self, instance: InstanceId) -> None:
        """End a life of this process; nothing happens when it has ended already."""
        descriptor = self._held.pop(instance, None)
        if descriptor is not None:
            (self._folder / instance).unlink(missing_ok=True)
            os.close(descriptor)

    def end_all(self) -> None:
        """End every life of this process."""
        for instance in tuple(self._held):
            self.end(instance)

    @staticmethod
    def _hold(path: Path) -> int | None:
        """Create a file and lock it; None when a process that was clearing away got in between."""
        # Python opens files close-on-exec, so that a program started by this process doesn't inherit the lock.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
        return None

    def _probe(self, instance: InstanceId, *, remove: bool) -> bool:
        """Whether an instance lives; what a dead one left behind is removed if asked for."""
        path = self._folder / instance
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                # Shared, so that two that look at once don't take each other for the living owner.
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                if remove:
                    # While the lock is held nobody can come to life here, and a name is never used again.
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # locked, or not to be read, another user's say: what isn't known to be dead is left alone
        return False


def _new_instance_id() -> InstanceId:
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40]
    return InstanceId(f"{host}-{os.getpid()}-{secrets.token_hex(6)}")
