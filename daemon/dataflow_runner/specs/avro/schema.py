"""Avro schemas as frozen values, which a walk can match on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from dataflow_runner.specs.jsontext import Json, parse
from dataflow_runner.specs.names import branch_key


class Kind(StrEnum):
    """The primitive types that specs use."""

    NULL = "null"
    BOOLEAN = "boolean"
    INT = "int"
    LONG = "long"
    DOUBLE = "double"
    STRING = "string"


class Logical(StrEnum):
    """What a string means; none of these is Avro's own, so other readers see plain strings."""

    DURATION = "duration"  # a length of time: '90s', '1h30m'
    SECRET = "secret"  # noqa: S105 - text that is never shown or stored
    JSON = "json"  # the text of a JSON object; in a JSON file the object itself


@dataclass(frozen=True, slots=True)
class Primitive:
    """A value without parts."""

    kind: Kind
    logical: Logical | None = None


@dataclass(frozen=True, slots=True)
class Enumeration:
    """One of some words."""

    name: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type, in order."""

    items: Type


@dataclass(frozen=True, slots=True)
class Map:
    """Values of one type by free names."""

    values: Type


@dataclass(frozen=True, slots=True)
class Union:
    """A value of one of some types."""

    branches: tuple[Type, ...]

    @property
    def nullable(self) -> Type | None:
        """The other type of a union of null and one type; None for any other union."""
        others = [branch for branch in self.branches if branch != NULL]
        return others[0] if len(others) == 1 and len(self.branches) == 2 else None


@dataclass(frozen=True, slots=True)
class Reference:
    """A record or enumeration that was defined before."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    name: str
    type: Type
    has_default: bool
    default: Json


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields."""

    name: str
    fields: tuple[Field, ...]


Type: TypeAlias = Primitive | Enumeration | Array | Map | Union | Reference | Record

NULL = Primitive(Kind.NULL)
_KINDS = frozenset(Kind)
_LOGICALS = frozenset(Logical)


@dataclass(frozen=True, slots=True)
class Schema:
    """A type with the definitions that it refers to."""

    root: Type
    names: Mapping[str, Record | Enumeration] = field(repr=False)

    def resolve(self, type_: Type) -> Primitive | Enumeration | Array | Map | Union | Record:
        """The type itself, where a reference stands for it."""
        return self.names[type_.name] if isinstance(type_, Reference) else type_

    def branches(self, union: Union) -> dict[str, Record]:
        """The records of a union by the key that names each in JSON."""
        found = (self.resolve(branch) for branch in union.branches)
        return {branch_key(record.name): record for record in found if isinstance(record, Record)}


class Unsupported(ValueError):
    """The schema is none, or uses what specs never use."""


def parse_schema(text: str) -> Schema:
    """Read a schema; raises Unsupported or jsontext.Unparseable."""
    builder = _Builder()
    return Schema(builder.build(parse(text).value), builder.names)


class _Builder:
    """Collects named types while reading."""

    def __init__(self) -> None:
        self.names: dict[str, Record | Enumeration] = {}
        self.open: set[str] = set()

    def build(self, node: Json) -> Type:
        match node:
            case str():
                return self.named(node)
            case [_, *_] if not any(isinstance(branch, list) for branch in node):
                return Union(tuple(self.build(branch) for branch in node))
            case {"type": "array", "items": items}:
                return Array(self.build(items))
            case {"type": "map", "values": values}:
                return Map(self.build(values))
            case {"type": "enum", "name": str(name), "symbols": [*symbols]}:
                return self.define(Enumeration(self.claim(name), tuple(map(str, symbols))))
            case {"type": "record", "name": str(name), "fields": [*fields]}:
                name = self.claim(name)
                return self.define(Record(name, tuple(map(self.field, fields))))
            case {"type": "string", "logicalType": str(logical)} if logical in _LOGICALS:
                return Primitive(Kind.STRING, Logical(logical))
            case {"type": str(kind)} if kind in _KINDS:
                return Primitive(Kind(kind))
        raise Unsupported("it uses a type that no spec has")

    def named(self, name: str) -> Type:
        if name in _KINDS:
            return Primitive(Kind(name))
        if (local := name.rpartition(".")[2]) in self.open:
            return Reference(local)
        raise Unsupported(f"nothing is called {name!r}")

    def field(self, node: Json) -> Field:
        match node:
            case {"name": str(name), "type": type_, "default": default}:
                return Field(name, self.build(type_), has_default=True, default=default)
            case {"name": str(name), "type": type_}:
                return Field(name, self.build(type_), has_default=False, default=None)
        raise Unsupported("a field has no name or no type")

    def claim(self, name: str) -> str:
        """Open a definition, so that it may refer to itself; names are used without their namespace."""
        name = name.rpartition(".")[2]
        if name in self.open:
            raise Unsupported(f"it defines {name!r} twice")
        self.open.add(name)
        return name

    def define(self, type_: Record | Enumeration) -> Record | Enumeration:
        self.names[type_.name] = type_
        return type_
