"""Specs of any shape that a schema allows, for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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

ACTIONS = ("{{.x}}", '{{nowWithFormat "2006-01-02"}}', '{{/* " */}}', '{{ index . "y" | printf "%q" }}', "{{- .x -}}")
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{"), max_size=6)
TEXT = st.lists(PLAIN | st.sampled_from(ACTIONS), max_size=3).map("".join)
NUMBERS = {Kind.INT: st.integers(-(1 << 31), (1 << 31) - 1), Kind.LONG: st.integers(-(1 << 63), (1 << 63) - 1)}
RAW: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def data(draw: st.DrawFn, schema: Schema) -> Any:
    """The data of a spec, in the order of the schema, some defaults left out and some spelled out."""
    return _draw(draw, schema, schema.root, 0)


def _draw(draw: st.DrawFn, schema: Schema, type_: Type, depth: int) -> Any:
    match schema.resolve(type_):
        case Primitive() as primitive:
            return draw(_primitive(primitive))
        case Enumeration(symbols=symbols):
            return draw(st.sampled_from(symbols))
        case Array(items):
            return [_draw(draw, schema, items, depth + 1) for _ in range(draw(st.integers(0, 2 if depth < 6 else 0)))]
        case Map(values):
            return {
                key: _draw(draw, schema, values, depth + 1) for key in draw(st.lists(TEXT, max_size=2, unique=True))
            }
        case Union() as union if union.nullable is not None:
            return _draw(draw, schema, union.nullable, depth + 1) if draw(st.booleans()) else None
        case Union() as union:
            key = draw(st.sampled_from(sorted(schema.branches(union))))
            return {key: _draw(draw, schema, schema.branches(union)[key], depth + 1)}
        case Record(fields=fields):
            kept = [field for field in fields if not field.has_default or draw(st.booleans())]
            return {field.name: _draw(draw, schema, field.type, depth + 1) for field in kept}


def _primitive(type_: Primitive) -> st.SearchStrategy[Any]:
    match type_:
        case Primitive(logical=Logical.DURATION):
            return st.sampled_from(["0s", "5m", "1h30m", "{{.x}}m"])
        case Primitive(logical=Logical.JSON):
            return st.dictionaries(TEXT, RAW, max_size=2)
        case Primitive(Kind.BOOLEAN):
            return st.booleans()
        case Primitive(Kind.DOUBLE):
            return st.floats(allow_nan=False, allow_infinity=False)
        case Primitive(Kind.STRING):
            return TEXT
    return NUMBERS[type_.kind]
