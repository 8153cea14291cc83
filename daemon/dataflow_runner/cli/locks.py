"""Which place keeps a lock: the journal, a file or Consul."""

from __future__ import annotations

import os
from pathlib import Path

from dataflow_runner.errors import InputError
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.jobs.lock import Locks
from dataflow_runner.jobs.record import ExternalLock, LockRequest
from dataflow_runner.kit.secret import Secret
from dataflow_runner.runs.hands import LockPlace


def lock_place(journal: Journal) -> LockPlace:
    """The place of each lock that a run with this journal takes."""

    def place(lock: LockRequest) -> Locks:
        match lock.external:
            case None:
                return journal.locks
            case ExternalLock.FILE:
                return file_locks()
            case ExternalLock.CONSUL:
                return consul_locks(lock.consul or "")

    return place


def file_locks() -> Locks:
    """Locks that are files on this host."""
    from dataflow_runner.stores.files import FileLocks

    return FileLocks()


def consul_locks(address: str) -> Locks:
    """Locks that are keys in Consul; a token comes from CONSUL_HTTP_TOKEN."""
    from dataflow_runner.stores.consul import ConsulLocks

    token = os.environ.get("CONSUL_HTTP_TOKEN")
    return ConsulLocks(address, Secret(token) if token else None)


def lock_request(hard: str | None, soft: str | None, consul: str | None) -> LockRequest | None:
    """The lock that --lock, --softLock and --consul ask for; InputError where they contradict each other."""
    if hard and soft:
        raise InputError("--lock and --softLock exclude each other: a lock is kept after a failure or it isn't")
    name = hard or soft
    if name is None:
        if consul:
            raise InputError("--consul says where a lock is kept, so it needs --lock or --softLock")
        return None
    if consul:
        return LockRequest(name=name, hard=bool(hard), external=ExternalLock.CONSUL, consul=consul)
    path = Path(name).absolute()
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} for the lock file {path.name}; make it first")
    return LockRequest(name=str(path), hard=bool(hard), external=ExternalLock.FILE)
