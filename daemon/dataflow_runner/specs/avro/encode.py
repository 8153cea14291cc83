"""Trees in the form that the Avro library writes."""

from __future__ import annotations

from collections.abc import Callable

from dataflow_runner.specs.avro.schema import Array, Logical, Map, Primitive, Record, Schema, Type, Union
from dataflow_runner.specs.jsontext import Json


def encodable(schema: Schema, tree: Json, namespace: str, json_text: Callable[[Json], str]) -> object:
    """A tree that ``shape`` completed, with the branches of its unions named and its raw JSON as text."""
    return _Encoder(schema, namespace, json_text).value(schema.root, tree)


class _Encoder:
    def __init__(self, schema: Schema, namespace: str, json_text: Callable[[Json], str]) -> None:
        self.schema = schema
        self.namespace = namespace
        self.json_text = json_text

    def value(self, type_: Type, tree: Json) -> object:
        match self.schema.resolve(type_), tree:
            case Primitive(logical=Logical.JSON), _:
                return self.json_text(tree)
            case Record() as record, dict():
                return {field.name: self.value(field.type, tree[field.name]) for field in record.fields}
            case Array(items), list():
                return [self.value(items, item) for item in tree]
            case Map(values), dict():
                return {key: self.value(values, item) for key, item in tree.items()}
            case Union() as union, dict() if union.nullable is None:
                [(key, value)] = tree.items()
                record = self.schema.branches(union)[key]
                return f"{self.namespace}.{record.name}", self.value(record, value)
            case Union() as union, _ if union.nullable is not None and tree is not None:
                return self.value(union.nullable, tree)
        return tree
