"""Specs of the 1-x generation, read as the Go runner reads them.

Its JSON decoder takes a missing key or null for a zero value, ignores the case of keys, and lets unknown keys vanish;
nothing looks at the version. Ours reads the same, and says what vanished and what it would have meant.
"""

from __future__ import annotations

from collections.abc import Mapping

from dataflow_runner.specs import registry
from dataflow_runner.specs.actions import has_action
from dataflow_runner.specs.avro.schema import Array, Kind, Map, Primitive, Record, Schema, Type, Union
from dataflow_runner.specs.findings import Problem, Severity, did_you_mean, join, quoted
from dataflow_runner.specs.jsontext import Json
from dataflow_runner.specs.registry import SchemaKey
from dataflow_runner.specs.shape import blank

LATEST = {"ClusterConfig": "1-1-0", "PlaybookConfig": "1-0-1"}
"""The versions whose keys the Go runner honours, whichever 1-x version a file names."""

_ON_DEMAND = (
    "there is no bid here: the Go runner ignores it, so these machines are on demand, and they are here too. "
    'For spot machines use version 2-0-0 ("market": "SPOT")'
)
_MEANT: Mapping[tuple[str, str], str] = {
    ("MasterRecord", "bid"): _ON_DEMAND,
    ("CoreRecord", "bid"): _ON_DEMAND,
    ("ConfigurationRecord", "configurations"): (
        "nested configurations are ignored: what stands in them reaches no machine. Use version 2-0-0 for them"
    ),
    ("StepsRecord", "properties"): "Java properties of a step are ignored. Use version 2-0-0 for them",
    ("StepsRecord", "mainClass"): "the main class is ignored: the jar's manifest names it. Use version 2-0-0 for it",
}


def latest(key: SchemaKey) -> SchemaKey:
    """The schema by which a 1-x file is read."""
    return registry.key(key.name, LATEST[key.name])


def as_go_reads(schema: Schema, value: Json, pointer: str = "/data") -> tuple[Json, tuple[Problem, ...]]:
    """The value with its keys in their proper case and zero values for nulls, and a warning for each key that vanished.

    What has a wrong type stays as it is, for ``shape`` to find.
    """
    reader = _Reader(schema)
    return reader.value(schema.root, value, pointer), tuple(reader.problems)


def problems(key: SchemaKey, tree: Json) -> tuple[Problem, ...]:
    """What the Go runner refuses, or quietly does otherwise, in a spec of the right shape."""
    match key.name, tree:
        case "ClusterConfig", {"ec2": {"location": dict(location), "instances": dict(instances)}}:
            return (*_location(location), *_volumes(instances))
        case "PlaybookConfig", {"steps": [*steps]}:
            return tuple(problem for at, step in enumerate(steps) for problem in _step(step, f"/data/steps/{at}"))
    return ()


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.problems: list[Problem] = []

    def value(self, type_: Type, value: Json, pointer: str) -> Json:
        match self.schema.resolve(type_), value:
            case Union() as union, _ if union.nullable is not None:
                return None if value is None else self.value(union.nullable, value, pointer)
            case _, None:
                return blank(self.schema, type_)
            case Primitive(Kind.INT | Kind.LONG), float() if value.is_integer():
                return int(value)
            case Array(items), list():
                return [self.value(items, item, f"{pointer}/{at}") for at, item in enumerate(value)]
            case Map(values), dict():
                return {key: self.value(values, item, join(pointer, key)) for key, item in value.items()}
            case Record() as record, dict():
                return self.record(record, value, pointer)
        return value

    def record(self, record: Record, value: dict[str, Json], pointer: str) -> Json:
        fields = {field.name.casefold(): field for field in record.fields}
        read: dict[str, Json] = {}
        for key, item in value.items():
            field = fields.get(key.casefold())
            if field is None:
                self.vanished(record, key, pointer)
                continue
            if field.name in read:
                self.warn(join(pointer, key), "duplicate-key", f"{quoted(key)} overrides the same key in another case")
            read[field.name] = self.value(field.type, item, join(pointer, field.name))
        for field in record.fields:
            if field.name not in read and not field.has_default:
                read[field.name] = blank(self.schema, field.type)
        return read

    def vanished(self, record: Record, key: str, pointer: str) -> None:
        message = _MEANT.get((record.name, key))
        if message is None:
            hint = did_you_mean(key, (field.name for field in record.fields))
            later = "; version 2-0-0 has a key of that name" if key in _later_keys() and not hint else ""
            message = f"there is no key {quoted(key)} here, and it is ignored as by the Go runner{hint}{later}"
        self.warn(join(pointer, key), "unknown-key", message)

    def warn(self, pointer: str, rule: str, message: str) -> None:
        self.problems.append(
            Problem(pointer=pointer, rule=rule, message=message, severity=Severity.WARNING, at_key=True)
        )


def _later_keys() -> frozenset[str]:
    schemas = (registry.schema(registry.key(name, "2-0-0")) for name in LATEST)
    records = (record for schema in schemas for record in schema.names.values() if isinstance(record, Record))
    return frozenset(field.name for record in records for field in record.fields)


def _location(location: Mapping[str, Json]) -> list[Problem]:
    given = [name for name in ("classic", "vpc") if location.get(name) is not None]
    if len(given) == 1:
        return []
    fault = "both 'classic' and 'vpc' are given" if given else "neither 'classic' nor 'vpc' is given"
    message = f"{fault}: give exactly one, a classic availabilityZone or a vpc subnetId"
    return [Problem(pointer="/data/ec2/location", rule="location", message=message)]


def _volumes(instances: Mapping[str, Json]) -> list[Problem]:
    """The Go runner sends iops for types other than gp2 and gp3 only."""
    found = []
    for role, group in instances.items():
        match group:
            case {"ebsConfiguration": {"ebsBlockDeviceConfigs": [*configs]}}:
                for at, config in enumerate(configs):
                    match config:
                        case {"volumeSpecification": {"volumeType": "gp2" | "gp3" as kind, "iops": int(iops)}} if iops:
                            found.append(_ignored_iops(f"/data/ec2/instances/{role}", at, kind))
    return found


def _ignored_iops(group: str, at: int, kind: str) -> Problem:
    return Problem(
        pointer=f"{group}/ebsConfiguration/ebsBlockDeviceConfigs/{at}/volumeSpecification/iops",
        rule="ignored-value",
        message=f"version 1-x never sends iops for {kind}; they are left out",
        severity=Severity.WARNING,
    )


def _step(step: Json, pointer: str) -> list[Problem]:
    found: list[Problem] = []
    match step:
        case {"actionOnFailure": str(action)} if action == "TERMINATE_CLUSTER":
            message = "the Go runner refuses TERMINATE_CLUSTER; here it ends the cluster when the step fails"
            found.append(_at_step(pointer, "actionOnFailure", "legacy-action", message, Severity.WARNING))
        case {"actionOnFailure": str(action)} if action not in ("CANCEL_AND_WAIT", "CONTINUE"):
            if not has_action(action):
                hint = did_you_mean(action, ("CANCEL_AND_WAIT", "CONTINUE", "TERMINATE_CLUSTER"))
                message = f"expected 'CANCEL_AND_WAIT', 'CONTINUE' or 'TERMINATE_CLUSTER', found {quoted(action)}{hint}"
                found.append(_at_step(pointer, "actionOnFailure", "wrong-value", message, Severity.ERROR))
    match step:
        case {"type": str(kind)} if kind not in ("", "CUSTOM_JAR"):
            message = f"the type {quoted(kind)} is ignored, as by the Go runner: every step is a CUSTOM_JAR"
            found.append(_at_step(pointer, "type", "ignored-value", message, Severity.WARNING))
    return found


def _at_step(pointer: str, key: str, rule: str, message: str, severity: Severity) -> Problem:
    return Problem(pointer=f"{pointer}/{key}", rule=rule, message=message, severity=severity)
