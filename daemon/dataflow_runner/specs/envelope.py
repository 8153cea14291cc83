"""The self-describing JSON around a spec: which schema it names, and where everything in it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dataflow_runner.errors import SpecError
from dataflow_runner.specs import registry
from dataflow_runner.specs.findings import (
    Finding,
    Locator,
    Position,
    Problem,
    Severity,
    did_you_mean,
    finding_at,
    in_order,
    join,
    locate,
    parent,
    quoted,
)
from dataflow_runner.specs.jsontext import Json, Parsed
from dataflow_runner.specs.registry import SchemaKey

APART = "strings"
"""The value of "expand" by which a JSON file asks for its strings to be expanded one by one."""

_KEYS = ("schema", "data", "expand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A spec taken out of its envelope, not yet held against its schema."""

    name: str
    key: SchemaKey
    data: Json
    findings: tuple[Finding, ...]
    """What is wrong with the envelope, or with the text, though it could be read."""
    locator: Locator
    secrets: frozenset[str] = frozenset()
    explicit: frozenset[str] = frozenset()
    """Pointers of values that a JSON file spelled out though they equal their default; known of Avro files only."""
    apart: bool = False
    """Its strings are to be expanded one by one."""
    is_avro: bool = False

    def locate(self, found: Iterable[Problem]) -> tuple[Finding, ...]:
        """Problems of this file at their lines."""
        return locate(found, self.name, self.locator)


def open_envelope(name: str, parsed: Parsed, position: Callable[[int], Position]) -> Document:
    """The envelope of a JSON spec; raises SpecError when it doesn't say what is inside."""
    locator = _locator(parsed, position)
    faults = tuple(
        finding_at(name, fault.pointer, position(fault.offset), fault.rule, fault.message) for fault in parsed.faults
    )
    members, found = _members(parsed.value)
    key, problem = schema_key(members.get("schema"))
    if problem:
        found.append(problem)
    if not isinstance(members.get("data"), dict):
        message = 'expected an object with the spec in it: {"schema": "iglu:…", "data": {…}}'
        found.append(Problem(pointer="/data" if "data" in members else "", rule="envelope", message=message))
    if key is None or not isinstance(members.get("data"), dict):
        raise SpecError(in_order((*faults, *locate(found, name, locator))))
    found += _strictly(key, parsed.value)
    return Document(
        name=name,
        key=key,
        data=members["data"],
        findings=faults + locate(found, name, locator),
        locator=locator,
        apart=members.get("expand") == APART,
    )


def _members(top: Json) -> tuple[dict[str, Json], list[Problem]]:
    """The envelope's members by their proper names: the 1-x generation takes them in any case."""
    if not isinstance(top, dict):
        message = 'expected a self-describing spec: {"schema": "iglu:…", "data": {…}}'
        return {}, [Problem(pointer="", rule="envelope", message=message)]
    return {name: top[key] for name in _KEYS for key in sorted(top) if key.lower() == name}, []


def _strictly(key: SchemaKey, top: Json) -> list[Problem]:
    """What else stands in the envelope: ignored by the 1-x generation, refused in later ones."""
    found: list[Problem] = []
    for name in top if isinstance(top, dict) else ():
        if name in _KEYS or (key.model == 1 and name.lower() in _KEYS):
            continue
        severity = Severity.WARNING if key.model == 1 else Severity.ERROR
        message = f"a spec has the keys 'schema' and 'data'; this one is ignored{did_you_mean(name, _KEYS)}"
        found.append(
            Problem(pointer=join("", name), rule="unknown-key", message=message, severity=severity, at_key=True)
        )
    expand_as = top.get("expand") if isinstance(top, dict) else None
    if expand_as not in (None, "text", APART):
        message = f"expected 'text' or '{APART}', found {quoted(expand_as)}"
        found.append(Problem(pointer="/expand", rule="envelope", message=message))
    return found


def schema_key(value: Json) -> tuple[SchemaKey | None, Problem | None]:
    """The schema that an envelope names, or what is wrong with the name."""
    if not isinstance(value, str):
        message = "expected the spec's Iglu URI, such as 'iglu:com.snowplowanalytics.dataflowrunner/…' under \"schema\""
        return None, Problem(pointer="" if value is None else "/schema", rule="envelope", message=message)
    try:
        key = SchemaKey.parse(value)
    except ValueError as error:
        return None, Problem(pointer="/schema", rule="unknown-schema", message=f"{error}, found {quoted(value)}")
    if key not in registry.known():
        return None, Problem(pointer="/schema", rule="unknown-schema", message=_unknown(key))
    return key, None


def _unknown(key: SchemaKey) -> str:
    same = [str(known) for known in registry.known() if known.name == key.name]
    if same:
        return f"the schema {quoted(str(key), 120)} is unknown; known are {', '.join(same)}"
    near = did_you_mean(str(key), map(str, registry.known()))
    return f"the schema {quoted(str(key), 120)} is unknown{near}; known are those of {registry.VENDOR}"


def _locator(parsed: Parsed, position: Callable[[int], Position]) -> Locator:
    """Finds a pointer, else (the 1-x generation ignores case) one that differs in case, else what should hold it."""
    folded: dict[str, str] = {}

    def find(pointer: str, at_key: bool) -> Position:  # noqa: FBT001 - the second half of a place, never called by hand
        if not folded:
            folded.update((known.lower(), known) for known in parsed.places)
        while pointer not in parsed.places and pointer.lower() not in folded:
            pointer, at_key = parent(pointer), False
        place = parsed.places.get(pointer) or parsed.places[folded[pointer.lower()]]
        return position(place.key if at_key else place.value)

    return find


def nowhere(_pointer: str, _at_key: bool) -> Position:  # noqa: FBT001 - a Locator, never called by hand
    """The position of everything in a file without lines."""
    return None, None
