"""How one thing is spelled in Avro, in JSON and in Python."""

from __future__ import annotations

import re

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """Python's spelling of an Avro field name: 'sizeInGB' is 'size_in_gb'."""
    return _HUMP.sub("_", name).lower()


def branch_key(record: str) -> str:
    """The key that names a record among the branches of a union, in JSON: 'Emr' is 'emr'."""
    return record[:1].lower() + record[1:]
