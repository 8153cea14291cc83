"""Clusters on disk (``--data DIR``), one JSON file each, so that they survive a restart.

A file is replaced as a whole: a kill at any instant leaves the old one or the new one.
"""

import dataclasses
import fcntl
import json
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from emr_emulator.records import ClusterRecord

_FORM = 1


class StateError(Exception):
    """The data folder can't be used: in use by another emulator, not writable, or not of this version."""


class Store:
    """The clusters of one data folder, which one emulator at a time may use."""

    def __init__(self, folder: Path) -> None:
        self._clusters = folder / "clusters"
        try:
            self._clusters.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("w")
        except OSError as error:
            raise StateError(f"{folder}: cannot be written: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StateError(f"{folder}: another emr-emulator uses it; stop that one or name another folder") from error

    def __enter__(self) -> Self:
        """Hold the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the folder back."""
        self._lock.close()

    def load(self) -> list[ClusterRecord]:
        """Return the kept clusters, oldest first."""
        records = [_read(path) for path in sorted(self._clusters.glob("j-*.json"))]
        return sorted(records, key=lambda record: record.number)

    def save(self, record: ClusterRecord) -> None:
        """Keep a cluster as it is now."""
        path = self._clusters / f"{record.id}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"form": _FORM, "cluster": dataclasses.asdict(record)}), encoding="utf-8")
        fresh.replace(path)

    def clear(self) -> None:
        """Forget every cluster."""
        for path in self._clusters.glob("j-*"):
            path.unlink(missing_ok=True)


def _read(path: Path) -> ClusterRecord:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["form"] != _FORM:
            raise StateError(f"{path}: was kept by another version of emr-emulator; move the folder away")
        record: ClusterRecord = _decode(ClusterRecord, document["cluster"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path}: cannot be read: {error!r}; move the file away") from error
    return record


def _decode(kind: Any, value: Any) -> Any:
    """Rebuild a value from its JSON form, by its type."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _decode(hints[name], member) for name, member in value.items()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        [inner] = [argument for argument in arguments if argument is not types.NoneType]
        return None if value is None else _decode(inner, value)
    if origin is list:
        return [_decode(arguments[0], member) for member in value]
    if origin is tuple and arguments[-1] is Ellipsis:
        return tuple(_decode(arguments[0], member) for member in value)
    if origin is tuple:
        return tuple(_decode(inner, member) for inner, member in zip(arguments, value, strict=True))
    return value
