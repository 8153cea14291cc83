"""Avro's binary encoding, read within bounds.

The library recurses in C without a limit (a megabyte of nested arrays kills the process) and allocates what a length
prefix asks for. A spec may be somebody else's input, so it is read here; the library writes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import TypeVar

from dataflow_runner.specs.avro.schema import (
    Array,
    Enumeration,
    Kind,
    Logical,
    Map,
    Primitive,
    Record,
    Schema,
    Type,
    Union,
)
from dataflow_runner.specs.bounds import MAX_DEPTH, MAX_VALUES
from dataflow_runner.specs.findings import join
from dataflow_runner.specs.jsontext import Json
from dataflow_runner.specs.names import branch_key

T = TypeVar("T")


class Undecodable(ValueError):
    """The bytes are not what the schema says; ``pointer`` is how far they could be read."""

    def __init__(self, message: str, pointer: str = "") -> None:
        self.pointer = pointer
        super().__init__(message)


class Cursor:
    """Reads Avro's primitives off a run of bytes."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        """So many bytes; raises Undecodable at the end of the data."""
        if size < 0 or size > len(self.data) - self.at:
            raise Undecodable("the data ends in the middle of a value: the file is truncated or damaged")
        self.at += size
        return self.data[self.at - size : self.at]

    def long(self) -> int:
        """A zig-zag number of at most ten bytes."""
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                raise Undecodable("a number is longer than ten bytes")
        return (number >> 1) ^ -(number & 1)

    def string(self) -> str:
        """A UTF-8 string with its length before it."""
        try:
            return self.take(self.long()).decode("utf-8")
        except UnicodeDecodeError:
            raise Undecodable("a string is not UTF-8") from None


class Decoder:
    """Reads values of a schema into the tree that the same spec has as JSON.

    ``json_object`` reads the text of a field whose logical type is 'json'.
    """

    def __init__(self, schema: Schema, cursor: Cursor, json_object: Callable[[str], Json]) -> None:
        self.schema = schema
        self.cursor = cursor
        self.json_object = json_object
        self.values = 0
        self.depth = 0

    def read(self, type_: Type, pointer: str) -> Json:
        """The next value; raises Undecodable."""
        self.values += 1
        self.depth += 1
        if self.values > MAX_VALUES or self.depth > MAX_DEPTH:
            raise Undecodable("more values, or deeper nested ones, than any spec has", pointer)
        try:
            value = self._read(type_, pointer)
        except Undecodable as error:
            raise error if error.pointer else Undecodable(str(error), pointer) from None
        self.depth -= 1
        return value

    def _read(self, type_: Type, pointer: str) -> Json:
        match self.schema.resolve(type_):
            case Primitive() as primitive:
                return self.primitive(primitive)
            case Record() as record:
                return {field.name: self.read(field.type, join(pointer, field.name)) for field in record.fields}
            case Enumeration() as enumeration:
                return self.choice(enumeration.symbols)
            case Union() as union:
                return self.union(union, pointer)
            case Array() as array:
                items: list[Json] = []
                self.blocks(lambda: items.append(self.read(array.items, f"{pointer}/{len(items)}")))
                return items
            case Map() as map_:
                return self.map(map_, pointer)

    def primitive(self, type_: Primitive) -> Json:
        """A value without parts."""
        cursor = self.cursor
        match type_.kind:
            case Kind.NULL:
                return None
            case Kind.BOOLEAN:
                return cursor.take(1) != b"\0"
            case Kind.INT | Kind.LONG:
                return cursor.long()
            case Kind.DOUBLE:
                number: float = struct.unpack("<d", cursor.take(8))[0]
                if not math.isfinite(number):
                    raise Undecodable("a number is not finite")
                return number
            case Kind.STRING:
                text = cursor.string()
                return self.json_object(text) if type_.logical is Logical.JSON else text

    def choice(self, options: tuple[T, ...]) -> T:
        """One of some options, by its number."""
        index = self.cursor.long()
        if not 0 <= index < len(options):
            raise Undecodable(f"a choice of {len(options)} has the number {index}")
        return options[index]

    def union(self, union: Union, pointer: str) -> Json:
        """A value of one branch, under the branch's key where JSON needs one."""
        branch = self.choice(union.branches)
        value = self.read(branch, pointer)
        resolved = self.schema.resolve(branch)
        if isinstance(resolved, Record) and union.nullable is None:
            return {branch_key(resolved.name): value}
        return value

    def map(self, map_: Map, pointer: str) -> dict[str, Json]:
        """Values by their keys."""
        members: dict[str, Json] = {}

        def member() -> None:
            key = self.cursor.string()
            if key in members:
                raise Undecodable(f"the key {key!r} stands twice in a map", pointer)
            members[key] = self.read(map_.values, join(pointer, key))

        self.blocks(member)
        return members

    def blocks(self, read_one: Callable[[], None]) -> None:
        """Avro writes arrays and maps as counted blocks, the last one empty; a negative count has a size behind it."""
        while count := self.cursor.long():
            if count < 0:
                self.cursor.long()
            for _ in range(abs(count)):
                read_one()
