"""One spec in its two encodings, and in its generations.

JSON and Avro hold the same: template actions in strings, the order of maps, numbers, and which keys were written though
they only say a default, so that JSON → Avro → JSON gives the same data. What differs is how templates are used: the
text of a JSON file is expanded as a whole, so a value with a quote or backslash in it must be escaped by whoever gives
it, while in Avro every string is expanded by itself and takes any value as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from dataflow_runner.errors import SpecError
from dataflow_runner.specs import legacy, registry
from dataflow_runner.specs.actions import has_action, in_string, quote_around
from dataflow_runner.specs.avro.container import EXPLICIT_KEY, URI_KEY, write_container
from dataflow_runner.specs.avro.encode import encodable
from dataflow_runner.specs.avro.schema import Array, Enumeration, Map, Record, Schema, Type, Union
from dataflow_runner.specs.envelope import APART, Document
from dataflow_runner.specs.findings import Problem, Severity, errors, in_order, join
from dataflow_runner.specs.jsontext import Json, dump
from dataflow_runner.specs.reading import read_raw
from dataflow_runner.specs.registry import SchemaKey
from dataflow_runner.specs.shape import Shaped, shape, slim
from dataflow_runner.specs.source import Source
from dataflow_runner.specs.template import problems as template_problems
from dataflow_runner.specs.upgrade import upgrade as upgrade_tree
from dataflow_runner.specs.upgrade import upgraded


class Encoding(StrEnum):
    """How a spec is written."""

    JSON = "json"  # self-describing JSON, pretty-printed
    AVRO = "avro"  # an object container file with the Iglu URI in its metadata


@dataclass(frozen=True, slots=True)
class _Form:
    """A spec as it is written: its schema and complete tree, and the defaults that it spells out."""

    key: SchemaKey
    tree: Json
    explicit: frozenset[str]


def convert(source: Source, target: Encoding, *, upgrade: bool = False) -> bytes:
    """Write a spec in another encoding, with its templates left in; ``upgrade`` also makes it a 2-0-0 one.

    Raises SpecError for what would be lost or changed on the way: unknown keys of a 1-x file, and actions that
    can't be expanded where they would stand.
    """
    document = read_raw(source)
    form = _checked(document, upgrade=upgrade)
    if target is Encoding.JSON:
        return _json(form)
    found = tuple(_unfit(registry.schema(form.key), registry.schema(form.key).root, form.tree, "/data"))
    _refuse(document, found)
    return _avro(form)


def _checked(document: Document, *, upgrade: bool) -> _Form:
    key = document.key
    if key.model > 1:
        shaped = shape(registry.schema(key), document.data, templated=True)
        _refuse(document, shaped.problems)
        return _form(document, shaped)
    wanted = legacy.latest(key) if upgrade else key
    read, ignored = legacy.as_go_reads(registry.schema(wanted), document.data)
    shaped = shape(registry.schema(wanted), read, templated=True)
    _refuse(document, (*map(_lost, ignored), *shaped.problems))
    return _upgraded(document, shaped) if upgrade else _form(document, shaped)


def _form(document: Document, shaped: Shaped) -> _Form:
    """An Avro file has every key; its metadata says which of those a JSON file would have."""
    explicit = document.explicit if document.is_avro else shaped.explicit
    apart = {"/expand"} if document.apart and not document.is_avro else set()
    return _Form(document.key, shaped.tree, explicit | apart)


def _upgraded(document: Document, old: Shaped) -> _Form:
    _refuse(document, errors(legacy.problems(document.key, old.tree)))
    key = upgraded(document.key)
    shaped = shape(registry.schema(key), upgrade_tree(document.key, old.tree), templated=True)
    _refuse(document, shaped.problems)
    return _Form(key, shaped.tree, frozenset())


def _lost(problem: Problem) -> Problem:
    """What reading merely warns of is an error where writing would make it final."""
    message = f"{problem.message} (a conversion would lose it: remove it first)"
    return replace(problem, severity=Severity.ERROR, message=message)


def _refuse(document: Document, problems: tuple[Problem, ...] | list[Problem]) -> None:
    found = in_order(document.findings + document.locate(problems))
    if problems or any(finding.severity is Severity.ERROR for finding in document.findings):
        raise SpecError(found)


def _json(form: _Form) -> bytes:
    data = slim(registry.schema(form.key), form.tree, form.explicit)
    expand: dict[str, Json] = {"expand": APART} if "/expand" in form.explicit else {}
    envelope: dict[str, Json] = {"schema": str(form.key), **expand, "data": data}
    return (dump(envelope, string=quote_around) + "\n").encode("utf-8")


def _avro(form: _Form) -> bytes:
    schema = registry.schema(form.key)
    record = encodable(schema, form.tree, form.key.vendor, lambda value: dump(value, string=quote_around))
    metadata = {URI_KEY: str(form.key)}
    if form.explicit:
        metadata[EXPLICIT_KEY] = json.dumps(sorted(form.explicit))
    return write_container(registry.text(form.key), record, metadata)


def _unfit(schema: Schema, type_: Type, tree: Json, pointer: str) -> Iterator[Problem]:
    """Actions that stand where Avro holds no text, or that aren't whole within their string."""
    match schema.resolve(type_), tree:
        case Record(fields=fields), dict():
            for field in fields:
                yield from _unfit(schema, field.type, tree[field.name], join(pointer, field.name))
        case Array(items), list():
            for at, item in enumerate(tree):
                yield from _unfit(schema, items, item, f"{pointer}/{at}")
        case Map(values), dict():
            for key, item in tree.items():
                yield from _broken_string(key, join(pointer, key))
                yield from _unfit(schema, values, item, join(pointer, key))
        case Union() as union, dict() if union.nullable is None:
            [(key, value)] = tree.items()
            yield from _unfit(schema, schema.branches(union)[key], value, join(pointer, key))
        case Union() as union, _ if union.nullable is not None and tree is not None:
            yield from _unfit(schema, union.nullable, tree, pointer)
        case Enumeration(symbols=symbols), str() if tree not in symbols:
            message = "Avro can't hold an action in place of a fixed word; write the word, or use 'render'"
            yield Problem(pointer=pointer, rule="template", message=message)
        case _, dict() | list() | str():
            yield from _broken_strings(tree, pointer)


def _broken_strings(value: Json, pointer: str) -> Iterator[Problem]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _broken_string(key, join(pointer, key))
                yield from _broken_strings(item, join(pointer, key))
        case list():
            for at, item in enumerate(value):
                yield from _broken_strings(item, f"{pointer}/{at}")
        case str():
            yield from _broken_string(value, pointer)


def _broken_string(text: str, pointer: str) -> Iterator[Problem]:
    """In Avro a string is a template of its own: what begins in it must end in it."""
    for fault in template_problems(text) if has_action(text) else ():
        message = f"{in_string(fault)}. In Avro every string is a template by itself; use 'render' for this one"
        yield Problem(pointer=pointer, rule="template", message=message)
