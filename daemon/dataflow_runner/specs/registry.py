"""The static Iglu registry that this program carries: which schemas it knows, and what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dataflow_runner.specs.avro.schema import Schema, parse_schema

VENDOR = "com.snowplowanalytics.dataflowrunner"

_PACKAGE = Path(__file__).resolve().parent.parent
_URI = re.compile(r"iglu:([a-zA-Z0-9_.-]+)/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)/([0-9]{1,6})-([0-9]{1,6})-([0-9]{1,6})")


@dataclass(frozen=True, slots=True, order=True)
class SchemaKey:
    """The name of a schema: 'iglu:vendor/name/format/model-revision-addition'."""

    vendor: str
    name: str
    format: str
    version: tuple[int, int, int]

    @classmethod
    def parse(cls, uri: str) -> SchemaKey:
        """Read an Iglu URI; raises ValueError that says how one looks."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise ValueError("expected an Iglu URI such as 'iglu:com.acme/Thing/avro/1-0-0'")
        vendor, name, form, *version = match.groups()
        model, revision, addition = map(int, version)
        return cls(vendor, name, form, (model, revision, addition))

    def __str__(self) -> str:
        return f"iglu:{self.vendor}/{self.name}/{self.format}/{'-'.join(map(str, self.version))}"

    @property
    def model(self) -> int:
        """The first number of the version: another model is another shape."""
        return self.version[0]


def key(name: str, version: str) -> SchemaKey:
    """The key of one of our own Avro schemas."""
    return SchemaKey.parse(f"iglu:{VENDOR}/{name}/avro/{version}")


@cache
def schema(wanted: SchemaKey) -> Schema:
    """A schema of the registry; raises KeyError for one that it doesn't hold."""
    if wanted not in known():
        raise KeyError(str(wanted))
    return parse_schema((_root() / _path(wanted)).read_text(encoding="utf-8"))


def text(wanted: SchemaKey) -> str:
    """A schema as its file has it; raises KeyError for one that the registry doesn't hold."""
    if wanted not in known():
        raise KeyError(str(wanted))
    return (_root() / _path(wanted)).read_text(encoding="utf-8")


@cache
def known() -> tuple[SchemaKey, ...]:
    """Every schema of the registry, by vendor, name and version."""
    root = _root()
    uris = (f"iglu:{path.relative_to(root).as_posix()}" for path in root.glob("*/*/*/*-*-*"))
    return tuple(sorted(map(SchemaKey.parse, uris)))


def _path(wanted: SchemaKey) -> str:
    return str(wanted).removeprefix("iglu:")


@cache
def _root() -> Path:
    """The registry's folder: inside the package when installed, beside 'daemon' in a checkout."""
    installed = _PACKAGE / "schemas"
    return installed if installed.is_dir() else _PACKAGE.parent.parent / "schemas"
