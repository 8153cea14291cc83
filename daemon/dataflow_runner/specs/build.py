"""Between the tree of a spec, as JSON has it, and the frozen values that everything else works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum

from dataflow_runner.kit.durations import format_duration, parse_duration
from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs import model, registry
from dataflow_runner.specs.avro.schema import (
    Array,
    Enumeration,
    Logical,
    Map,
    Primitive,
    Record,
    Schema,
    Type,
    Union,
)
from dataflow_runner.specs.jsontext import Json
from dataflow_runner.specs.names import branch_key, snake
from dataflow_runner.specs.shape import slim

CLUSTER = registry.key("ClusterConfig", "2-0-0")
PLAYBOOK = registry.key("PlaybookConfig", "2-0-0")

Spec = model.ClusterConfig | model.PlaybookConfig


def build(key: registry.SchemaKey, tree: Json) -> Spec:
    """The value of a tree that ``shape`` completed, of one of the current schemas."""
    schema = registry.schema(key)
    value = _build(schema, schema.root, tree)
    if not isinstance(value, model.ClusterConfig | model.PlaybookConfig):
        raise TypeError(f"{key} has no model")
    return value


def unbuild(spec: Spec, *, secrets: Callable[[Secret], str], full: bool = False) -> Json:
    """The tree of a value, for writing; without its defaults unless ``full``.

    ``secrets`` says what is written in place of a secret: the caller decides whether that is the secret itself.
    """
    schema = registry.schema(CLUSTER if isinstance(spec, model.ClusterConfig) else PLAYBOOK)
    tree = _unbuild(schema, schema.root, spec, secrets)
    return tree if full else slim(schema, tree, ())


def _build(schema: Schema, type_: Type, tree: Json) -> object:
    match schema.resolve(type_), tree:
        case Record() as record, dict():
            members = {snake(field.name): _build(schema, field.type, tree[field.name]) for field in record.fields}
            return getattr(model, record.name)(**members)
        case Enumeration(name), str():
            return getattr(model, name)(tree)
        case Array(items), list():
            return tuple(_build(schema, items, item) for item in tree)
        case Map(values), dict():
            return {key: _build(schema, values, item) for key, item in tree.items()}
        case Primitive(logical=Logical.DURATION | Logical.SECRET as logical), str():
            return parse_duration(tree) if logical is Logical.DURATION else Secret(tree)
        case Union() as union, dict() if union.nullable is None:
            [(key, value)] = tree.items()
            return _build(schema, schema.branches(union)[key], value)
        case Union() as union, _ if union.nullable is not None and tree is not None:
            return _build(schema, union.nullable, tree)
    return tree


def _unbuild(schema: Schema, type_: Type, value: object, secrets: Callable[[Secret], str]) -> Json:
    def below(part: Type, inner: object) -> Json:
        return _unbuild(schema, part, inner, secrets)

    match schema.resolve(type_), value:
        case Record() as record, _:
            return {field.name: below(field.type, getattr(value, snake(field.name))) for field in record.fields}
        case Array(items), tuple():
            return [below(items, item) for item in value]
        case Map(values), Mapping():
            return {key: below(values, item) for key, item in value.items()}
        case Union() as union, _ if union.nullable is None:
            name = type(value).__name__
            return {branch_key(name): below(schema.branches(union)[branch_key(name)], value)}
        case Union() as union, _ if union.nullable is not None:
            return None if value is None else below(union.nullable, value)
    return _plain(value, secrets)


def _plain(value: object, secrets: Callable[[Secret], str]) -> Json:
    match value:
        case timedelta():
            return format_duration(value)
        case Secret():
            return secrets(value)
        case StrEnum():
            return value.value
        case None | bool() | int() | float() | str() | dict():
            return value
    raise TypeError(f"no spec holds a {type(value).__name__}")
