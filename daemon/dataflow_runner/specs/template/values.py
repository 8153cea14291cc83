"""What a template computes with, under Go's names and rules: kinds, truth, comparison, indexing.

Strings count in bytes, as in Go. All functions raise Misuse, whose message names kinds and never values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from dataflow_runner.specs.template.errors import Misuse
from dataflow_runner.specs.template.literals import as_bytes

Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value] | None"


class Byte(int):
    """One byte of a string, as `index` gives it: Go's uint8."""

    __slots__ = ()


class Sort(StrEnum):
    """Kinds as far as rules differ; the values are Go's type names."""

    NIL = "<nil>"
    BOOL = "bool"
    INT = "int"
    BYTE = "uint8"
    FLOAT = "float64"
    STRING = "string"
    LIST = "[]interface {}"
    MAP = "map[string]interface {}"


def sort_of(value: Value) -> Sort:
    """The kind of a value; Misuse for a Python type that templates don't know."""
    sort = _SORTS.get(type(value))
    if sort is None:
        sort = next((_SORTS[kind] for kind in type(value).__mro__ if kind in _SORTS), None)
    if sort is None and isinstance(value, Mapping):
        sort = Sort.MAP
    if sort is None:
        raise Misuse(f"data of type {type(value).__name__} can't be used in a template")
    return sort


_SORTS: Final[dict[type, Sort]] = {
    type(None): Sort.NIL,
    bool: Sort.BOOL,
    Byte: Sort.BYTE,
    int: Sort.INT,
    float: Sort.FLOAT,
    str: Sort.STRING,
    list: Sort.LIST,
    tuple: Sort.LIST,
    dict: Sort.MAP,
}


def is_true(value: Value) -> bool:
    """Go's truth: not false, 0, nil or empty."""
    sort_of(value)
    return bool(value)


def is_equal(left: Value, others: Sequence[Value]) -> bool:
    """`eq`: whether any of `others` equals `left`. Integers compare whatever their size; other kinds don't mix."""
    if not others:
        raise Misuse("missing argument for comparison")
    return any(_equals(left, other) for other in others)


def _equals(left: Value, right: Value) -> bool:
    a, b = _comparison_sort(left), _comparison_sort(right)
    if Sort.NIL in (a, b):
        return a is b
    if a is not b:
        raise Misuse(f"incompatible types for comparison: {sort_of(left)} and {sort_of(right)}")
    if a in (Sort.LIST, Sort.MAP):
        raise Misuse(f"non-comparable type {a}")
    return left == right


def is_less(left: Value, right: Value) -> bool:
    """`lt`, for integers, floats and strings (by their UTF-8)."""
    a, b = _comparison_sort(left), _comparison_sort(right)
    if not {a, b} <= {Sort.BOOL, Sort.INT, Sort.FLOAT, Sort.STRING}:
        raise Misuse("invalid type for comparison")
    if a is not b:
        raise Misuse(f"incompatible types for comparison: {sort_of(left)} and {sort_of(right)}")
    match left, right:
        case bool(), _:
            raise Misuse("invalid type for comparison: bool")
        case str(), str():
            return left < right
        case ((int() | float()), (int() | float())):
            return left < right
        case _:
            raise Misuse("invalid type for comparison")


def _comparison_sort(value: Value) -> Sort:
    sort = sort_of(value)
    return Sort.INT if sort is Sort.BYTE else sort


def length(value: Value) -> int:
    """`len` of a string (bytes), list or map."""
    match value:
        case str():
            return len(value) if value.isascii() else len(as_bytes(value))
        case list() | tuple() | Mapping():
            return len(value)
        case None:
            raise Misuse("len of nil")
        case _:
            raise Misuse(f"len of type {sort_of(value)}")


def index(value: Value, *keys: Value) -> Value:
    """`index`: `value[key]` for each key in turn. A key that a map doesn't have gives nil, as in Go."""
    if value is None:
        raise Misuse("index of untyped nil")
    for key in keys:
        value = _item(value, key)
    return value


def _item(value: Value, key: Value) -> Value:
    match value:
        case None:
            raise Misuse("index of nil")
        case str():
            text = as_bytes(value)
            return Byte(text[_position(key, len(text) - 1)])
        case list() | tuple():
            item: Value = value[_position(key, len(value) - 1)]
            return item
        case Mapping():
            if not isinstance(key, str):
                raise Misuse(f"value has type {sort_of(key)}; should be string")
            return value.get(key)
        case _:
            raise Misuse(f"can't index item of type {sort_of(value)}")


def _position(key: Value, most: int) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise Misuse(f"cannot index slice/array with type {sort_of(key)}")
    if not 0 <= key <= most:
        raise Misuse(f"index out of range: {key}")
    return key


def cut(value: Value, *bounds: Value) -> Value:
    """`slice`: `value[from:to]`, of a string in bytes or a list; a third bound (a capacity) for lists only.

    A cut through a character of a string is a Misuse: Go would go on with half of it, which no JSON file can hold.
    """
    if len(bounds) > 3:
        raise Misuse(f"too many slice indexes: {len(bounds)}")
    match value:
        case str():
            if len(bounds) == 3:
                raise Misuse("cannot 3-index slice a string")
            text = as_bytes(value)
            start, end = _bounds(bounds, len(text))
            try:
                return text[start:end].decode("utf-8", "surrogatepass")
            except UnicodeDecodeError:
                raise Misuse("the slice ends inside a character; bounds count bytes") from None
        case list() | tuple():
            start, end = _bounds(bounds, len(value))
            return value[start:end]
        case None:
            raise Misuse("slice of untyped nil")
        case _:
            raise Misuse(f"can't slice item of type {sort_of(value)}")


def _bounds(bounds: Sequence[Value], size: int) -> tuple[int, int]:
    places = [_position(bound, size) for bound in bounds]
    start, end, *most = [*places, *[0, size][len(places) :]]
    for low, high in zip([start, end], [end, *most], strict=False):
        if low > high:
            raise Misuse(f"invalid slice index: {low} > {high}")
    return start, end
