"""The rows that the reference tables of docs/specs.md owe to the schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.docs.pages import ROOT

REGISTRY = ROOT / "schemas" / "com.snowplowanalytics.dataflowrunner"
LOGICAL = {"duration": "duration", "secret": "secret", "json": "JSON object"}


def read_schema(name: str, version: str) -> dict[str, Any]:
    """A schema of the registry."""
    found: dict[str, Any] = json.loads((REGISTRY / name / "avro" / version).read_text(encoding="utf-8"))
    return found


def records(schema: Any) -> Iterator[dict[str, Any]]:
    """The records of a schema, each before those that its fields hold."""
    match schema:
        case list():
            for branch in schema:
                yield from records(branch)
        case {"type": "record", "fields": fields}:
            yield schema
            for field in fields:
                yield from records(field["type"])
        case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
            yield from records(inner)


def row_of(field: dict[str, Any]) -> tuple[str, str, str, str]:
    """A field's row: name, type, default, and its doc word for word."""
    return f"`{field['name']}`", _type(field["type"]), _default(field), field["doc"]


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "required"
    default = field["default"]
    if default is None:
        return "absent"
    return f"`{default}`" if isinstance(default, str) and default else f"`{json.dumps(default)}`"


def _type(schema: Any) -> str:
    match schema:
        case str():
            return schema
        case ["null", inner]:
            return _type(inner)
        case list():
            return " or ".join(f"`{branch['name'].lower()}`: {branch['name']}" for branch in schema)
        case {"logicalType": logical}:
            return LOGICAL[logical]
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_type(values)}"
        case {"type": "enum", "symbols": symbols}:
            return ", ".join(f"`{symbol}`" for symbol in symbols)
    return str(schema["name"])
