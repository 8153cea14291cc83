"""Holding a value against its Avro schema: every problem at once, and the value with all defaults filled in.

The library's own validation gives no path and lets unknown keys pass, so the walk is ours. In plain JSON a union of
records is an object whose one key names the branch, ``"instances": {"groups": {…}}``; a nullable value is plain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from dataflow_runner.kit import durations
from dataflow_runner.specs.actions import has_action
from dataflow_runner.specs.avro.schema import (
    Array,
    Enumeration,
    Field,
    Kind,
    Logical,
    Map,
    Primitive,
    Record,
    Schema,
    Type,
    Union,
)
from dataflow_runner.specs.findings import Problem, did_you_mean, join, quoted
from dataflow_runner.specs.jsontext import Json

_RANGES = {Kind.INT: 1 << 31, Kind.LONG: 1 << 63}
_EXPECTED = {
    Kind.NULL: "null",
    Kind.BOOLEAN: "true or false",
    Kind.INT: "a whole number",
    Kind.LONG: "a whole number",
    Kind.DOUBLE: "a number",
    Kind.STRING: "a string",
}
_EXPECTED_LOGICAL: Mapping[Logical | None, str] = {
    Logical.DURATION: durations.EXPECTED,
    Logical.JSON: "an object of raw parameters",
}
_BLANKS: Mapping[Kind, Json] = {
    Kind.NULL: None,
    Kind.BOOLEAN: False,
    Kind.INT: 0,
    Kind.LONG: 0,
    Kind.DOUBLE: 0.0,
    Kind.STRING: "",
}
_BLANKS_LOGICAL: Mapping[Logical | None, Json] = {Logical.DURATION: "0s", Logical.JSON: {}}


@dataclass(frozen=True, slots=True)
class Shaped:
    """A value as its schema wants it; what was wrong with it is mended by defaults, so that checking can go on."""

    tree: Json
    """Every field of every record in the schema's order: durations and secrets as text, raw JSON as objects."""
    problems: tuple[Problem, ...]
    explicit: frozenset[str]
    """Pointers of values that were there though they equal their default."""


def shape(schema: Schema, value: Json, *, pointer: str = "/data", templated: bool = False) -> Shaped:
    """Check a value; ``templated`` accepts a string with template actions where its expansion may be right."""
    walk = _Walk(schema, templated=templated)
    tree = walk.value(schema.root, value, pointer)
    return Shaped(tree, tuple(walk.problems), frozenset(walk.explicit))


def slim(schema: Schema, tree: Json, explicit: Collection[str], pointer: str = "/data") -> Json:
    """The tree without the fields that equal their default, except those spelled out on purpose.

    An absent key and one that says its default mean the same, in every version.
    """
    return _slim(schema, schema.root, tree, explicit, pointer)


def blank(schema: Schema, type_: Type) -> Json:
    """A value of a type that says nothing: "", 0, false, null, nothing inside; '0s' for a length of time."""
    match schema.resolve(type_):
        case Primitive(kind, logical):
            return _BLANKS_LOGICAL.get(logical, _BLANKS[kind])
        case Enumeration(symbols=symbols):
            return symbols[0]
        case Array():
            return []
        case Map():
            return {}
        case Union() as union:
            name, record = next(iter(schema.branches(union).items()), ("", None))
            return {name: blank(schema, record)} if record and union.nullable is None else None
        case Record() as record:
            return {field.name: filling(schema, field) for field in record.fields}


def filling(schema: Schema, field: Field) -> Json:
    """What stands for a field that is absent: its default, or a blank value where it has none."""
    if not field.has_default:
        return blank(schema, field.type)
    resolved = schema.resolve(field.type)
    if isinstance(resolved, Primitive) and resolved.logical is Logical.JSON:
        return {}
    return _Walk(schema, templated=False).value(field.type, field.default, "")


class _Walk:
    """One walk along a value and its schema."""

    def __init__(self, schema: Schema, *, templated: bool) -> None:
        self.schema = schema
        self.templated = templated
        self.problems: list[Problem] = []
        self.explicit: set[str] = set()

    def value(self, type_: Type, value: Json, pointer: str) -> Json:
        match self.schema.resolve(type_), value:
            case Primitive() as primitive, _:
                return self.primitive(primitive, value, pointer)
            case Enumeration() as enumeration, _:
                return self.symbol(enumeration, value, pointer)
            case Union() as union, _:
                return self.union(union, value, pointer)
            case Array() as array, list():
                return [self.value(array.items, item, f"{pointer}/{at}") for at, item in enumerate(value)]
            case Map() as map_, dict():
                return {key: self.value(map_.values, item, join(pointer, key)) for key, item in value.items()}
            case Record() as record, dict():
                return self.record(record, value, pointer)
        return self.wrong(type_, value, pointer)

    def primitive(self, type_: Primitive, value: Json, pointer: str) -> Json:
        match type_, value:
            case Primitive(logical=Logical.JSON), dict():
                return value
            case Primitive(logical=Logical.DURATION), str() if not self.open(value):
                return self.duration(value, pointer)
            case (Primitive(Kind.STRING, None | Logical.DURATION | Logical.SECRET), str()) | (
                Primitive(Kind.BOOLEAN),
                bool(),
            ):
                return value
            case Primitive(Kind.DOUBLE), int() | float() if not isinstance(value, bool):
                return value
            case Primitive(Kind.INT | Kind.LONG as kind), int() if not isinstance(value, bool):
                if -_RANGES[kind] <= value < _RANGES[kind]:
                    return value
                self.problem(pointer, "out-of-range", f"{quoted(value)} is beyond {_RANGES[kind] - 1}")
                return 0
        return self.wrong(type_, value, pointer)

    def open(self, text: str) -> bool:
        """Whether only an expansion will tell what the text is."""
        return self.templated and has_action(text)

    def duration(self, text: str, pointer: str) -> Json:
        try:
            durations.parse_duration(text)
        except (ValueError, OverflowError):
            self.problem(pointer, "wrong-type", f"expected {durations.EXPECTED}, found {quoted(text)}")
            return blank(self.schema, Primitive(Kind.STRING, Logical.DURATION))
        return text

    def symbol(self, type_: Enumeration, value: Json, pointer: str) -> Json:
        if isinstance(value, str) and (value in type_.symbols or self.open(value)):
            return value
        hint = did_you_mean(value, type_.symbols) if isinstance(value, str) else ""
        shown = quoted(value) if isinstance(value, str) else found(value)
        self.problem(pointer, "wrong-value", f"expected {one_of(type_.symbols)}, found {shown}{hint}")
        return type_.symbols[0]

    def union(self, union: Union, value: Json, pointer: str) -> Json:
        if union.nullable is not None:
            return None if value is None else self.value(union.nullable, value, pointer)
        branches = self.schema.branches(union)
        if isinstance(value, dict) and len(value) == 1 and (key := next(iter(value))) in branches:
            return {key: self.value(branches[key], value[key], join(pointer, key))}
        self.problem(pointer, "wrong-branch", _branch_message(branches, value))
        return blank(self.schema, union)

    def record(self, record: Record, value: dict[str, Json], pointer: str) -> Json:
        names = [field.name for field in record.fields]
        for key in value:
            if key not in names:
                hint = did_you_mean(key, set(names) - value.keys()) or f"; there are {', '.join(names)}"
                message = f"there is no key {quoted(key)} here{hint}"
                self.problem(join(pointer, key), "unknown-key", message, at_key=True)
        return {field.name: self.field(field, value, pointer) for field in record.fields}

    def field(self, field: Field, value: dict[str, Json], pointer: str) -> Json:
        below = join(pointer, field.name)
        if field.name not in value:
            if not field.has_default:
                self.problem(
                    below,
                    "missing-key",
                    f"{quoted(field.name)} is missing; expected {expected(self.schema, field.type)}",
                )
            return filling(self.schema, field)
        checked = self.value(field.type, value[field.name], below)
        if field.has_default and checked == filling(self.schema, field):
            self.explicit.add(below)
        return checked

    def wrong(self, type_: Type, value: Json, pointer: str) -> Json:
        self.problem(pointer, "wrong-type", f"expected {expected(self.schema, type_)}, found {found(value)}")
        return blank(self.schema, type_)

    def problem(self, pointer: str, rule: str, message: str, *, at_key: bool = False) -> None:
        self.problems.append(Problem(pointer=pointer, rule=rule, message=message, at_key=at_key))


def expected(schema: Schema, type_: Type) -> str:
    """What a type takes, in words."""
    match schema.resolve(type_):
        case Primitive(kind, logical):
            return _EXPECTED_LOGICAL.get(logical, _EXPECTED[kind])
        case Enumeration(symbols=symbols):
            return one_of(symbols)
        case Array(items):
            return f"a list, each of it {expected(schema, items)}"
        case Map(values):
            return f"an object, each value of it {expected(schema, values)}"
        case Union() as union:
            inner = union.nullable
            return expected(schema, inner) if inner else f"an object with one key, {one_of(schema.branches(union))}"
        case Record(fields=fields):
            return f"an object with {', '.join(field.name for field in fields)}"


def found(value: Json) -> str:
    """What stands there, in words that give no text away."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() | float():
            return f"the number {quoted(value)}"
        case str():
            return "a string" if value else "an empty string"
        case list():
            return "a list"
        case dict():
            return "an object"


def one_of(words: Iterable[str]) -> str:
    """'A', or 'A or B', each in quotes."""
    *others, last = (f"'{word}'" for word in words)
    return f"{', '.join(others)} or {last}" if others else last


def _branch_message(branches: dict[str, Record], value: Json) -> str:
    if not isinstance(value, dict):
        return f"expected an object with one key, {one_of(branches)}, found {found(value)}"
    for name, record in branches.items():
        if value and value.keys() <= {field.name for field in record.fields}:
            return f"put what stands here one level deeper, under the key '{name}'"
    keys = one_of(value) if value else "none"
    hint = did_you_mean(next(iter(value)), branches) if len(value) == 1 else ""
    return f"expected an object with one key, {one_of(branches)}, found {quoted(keys)[1:-1]}{hint}"


def _slim(schema: Schema, type_: Type, tree: Json, explicit: Collection[str], pointer: str) -> Json:
    match schema.resolve(type_), tree:
        case Record(fields=fields), dict():
            kept = {}
            for field in fields:
                below = join(pointer, field.name)
                if below in explicit or not field.has_default or tree[field.name] != filling(schema, field):
                    kept[field.name] = _slim(schema, field.type, tree[field.name], explicit, below)
            return kept
        case Array(items), list():
            return [_slim(schema, items, item, explicit, f"{pointer}/{at}") for at, item in enumerate(tree)]
        case Map(values), dict():
            return {key: _slim(schema, values, item, explicit, join(pointer, key)) for key, item in tree.items()}
        case Union() as union, _ if union.nullable is not None and tree is not None:
            return _slim(schema, union.nullable, tree, explicit, pointer)
        case Union() as union, dict():
            [(key, value)] = tree.items()
            return {key: _slim(schema, schema.branches(union)[key], value, explicit, join(pointer, key))}
    return tree
