"""How the holder of a lock is written down, and how one that another program wrote is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import msgspec

from dataflow_runner.jobs.ids import RunId
from dataflow_runner.jobs.lock import LockHolder


def encode_holder(holder: LockHolder) -> bytes:
    """A holder as one line of JSON."""
    return msgspec.json.encode(holder)


def decode_holder(text: bytes) -> LockHolder | None:
    """The holder that encode_holder wrote, or None when the text is another program's.

    Fields that a newer version added are ignored.
    """
    try:
        return msgspec.json.decode(text, type=LockHolder)
    except msgspec.DecodeError:
        return None


def describe_foreign(text: bytes, taken_at: datetime | None) -> LockHolder:
    """The holder of a lock that another program wrote.

    The Go runner writes a number alone: the id of the process that started it (its shell, cron, …), not its own.
    """
    word = text.strip()
    if word.isdigit():
        owner = f"process {int(word)}" if len(word) <= 20 else "something unknown: a very long number"
    else:
        owner = "something unknown: it wrote nothing" if not word else "something unknown: it wrote no process id"
    return LockHolder(run_id=RunId(""), owner=owner, taken_at=taken_at)


def is_held_by(held: LockHolder, run_id: RunId) -> bool:
    """Whether the run holds the lock. No run holds one that another program took."""
    return bool(run_id) and held.run_id == run_id


def renew(held: LockHolder, holder: LockHolder) -> LockHolder:
    """What a run's lock becomes when the run takes it again: only its cluster changes, and a known one is kept."""
    return replace(held, cluster_id=holder.cluster_id or held.cluster_id)
