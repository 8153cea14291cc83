"""Places in S3, as specs and log addresses name them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dataflow_runner.errors import InputError

_PLACE = re.compile(r"(s3[na]?)://([^/]+)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An S3 address, read."""

    scheme: str
    """'s3', or one of Hadoop's older names for it: 's3n', 's3a'."""
    bucket: str
    key: str

    @property
    def folder(self) -> str:
        """The key as a prefix that holds what is in the folder and nothing beside it."""
        return self.key if not self.key or self.key.endswith("/") else f"{self.key}/"

    def uri_of(self, key: str) -> str:
        """The address of an object in the same bucket, in the same scheme."""
        return f"{self.scheme}://{self.bucket}/{key}"


def read_place(text: str) -> Place:
    """Read an S3 address; raises InputError that says what was expected."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise InputError(f"{text!r} is not a place in S3; expected 's3://bucket/folder/'")
    return Place(scheme=found[1], bucket=found[2], key=found[3] or "")


def is_folder_marker(key: str, size: int) -> bool:
    """Whether an object only stands for a folder: Hadoop's '…_$folder$', or the console's empty 'folder/'."""
    return key.endswith("_$folder$") or (size == 0 and key.endswith("/"))


class ObjectFilter:
    """Which objects of a folder count as data: those whose whole URI matches, or all but folder markers."""

    def __init__(self, place: Place, pattern: str | None) -> None:
        self._place = place
        try:
            self._wanted = None if pattern is None else re.compile(pattern)
        except re.error as error:
            raise InputError(f"the pattern {pattern!r} is not a regular expression: {error}") from error

    def accepts(self, key: str, size: int) -> bool:
        """Whether an object of the folder counts."""
        if self._wanted is None:
            return not is_folder_marker(key, size)
        return self._wanted.fullmatch(self._place.uri_of(key)) is not None
