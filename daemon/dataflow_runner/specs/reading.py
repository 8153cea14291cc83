"""Specs out of their files: with their templates expanded, for use, or left in, for keeping and converting.

A JSON file is the text of a template: it is expanded first and then read, as one text, unless it says
``"expand": "strings"``. In an Avro file (and a JSON file that says so) every string is expanded by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.actions import LIMITS, Apart, Masked, has_action, mask, unending
from dataflow_runner.specs.avro.container import EXPLICIT_KEY, URI_KEY, Container, read_container
from dataflow_runner.specs.avro.decode import Cursor, Decoder, Undecodable
from dataflow_runner.specs.avro.schema import Record, Unsupported, parse_schema
from dataflow_runner.specs.envelope import Document, nowhere, open_envelope, schema_key
from dataflow_runner.specs.findings import Finding, Position, finding_at, locate, redact
from dataflow_runner.specs.jsontext import Json, Lines, Unparseable, parse
from dataflow_runner.specs.registry import SchemaKey
from dataflow_runner.specs.source import Source, refuse, text_of
from dataflow_runner.specs.template import TemplateError, World, expand, problems, references
from dataflow_runner.specs.template import parse as parse_template


def read_raw(source: Source) -> Document:
    """Take a spec out of its file with its template actions left in; raises SpecError.

    Only strings may hold actions then: an action outside of them is a finding that names 'render' as the way.
    """
    if source.is_avro:
        return _read_avro(source)
    text = text_of(source)
    try:
        masked = mask(text)
    except TemplateError as error:
        raise SpecError([_template_finding(source.name, error)]) from None
    except Unparseable as error:
        refuse(source.name, "syntax", str(error))
    lines = Lines(text)
    try:
        parsed = parse(masked.text, strings=masked.restorer())
    except Unparseable as error:
        raise SpecError(_outside(source.name, masked, lines) or [_syntax(source.name, error, lines.position)]) from None
    return open_envelope(source.name, parsed, lines.position)


def read_expanded(source: Source, variables: Mapping[str, str], world: World) -> Document:
    """Take a spec out of its file with its templates expanded; raises SpecError."""
    if source.is_avro:
        return _expand_apart(_read_avro(source), variables, world)
    text = text_of(source)
    if '"expand"' in text and (raw := _raw_or_none(source)) and raw.apart:
        return _expand_apart(raw, variables, world)
    position: Callable[[int], Position] = Lines(text).position
    secrets: frozenset[str] = frozenset()
    if has_action(text):
        try:
            expansion = expand(text, variables, world, limits=LIMITS)
        except TemplateError as error:
            raise SpecError(_template_findings(source.name, text, variables, error)) from None
        text, position, secrets = expansion.text, expansion.origin, frozenset(expansion.secrets)
    try:
        return replace(_open_text(source.name, text, position), secrets=secrets)
    except SpecError as error:
        raise SpecError(redact(error.findings, secrets)) from None


def _open_text(name: str, text: str, position: Callable[[int], Position]) -> Document:
    try:
        parsed = parse(text)
    except Unparseable as error:
        raise SpecError([_syntax(name, error, position)]) from None
    return open_envelope(name, parsed, position)


def _raw_or_none(source: Source) -> Document | None:
    try:
        return read_raw(source)
    except SpecError:
        return None


def _expand_apart(raw: Document, variables: Mapping[str, str], world: World) -> Document:
    expander = Apart(variables, world)
    data = expander.whole(raw.data, "/data")
    found = raw.findings + redact(raw.locate(expander.problems), expander.secrets)
    if expander.problems:
        raise SpecError(found)
    return replace(raw, data=data, secrets=frozenset(expander.secrets), findings=found)


def _read_avro(source: Source) -> Document:
    """Decode a container by the schema that it carries; what it says is held against ours like any JSON file."""
    try:
        container = read_container(source.content)
        key, problem = schema_key(_uri(container))
        if key is None:
            raise SpecError(locate([problem] if problem else [], source.name, nowhere))
        data = _record(container.text("avro.schema"), container.record, key)
    except Undecodable as error:
        pointer = f"/data{error.pointer}" if error.pointer else ""
        raise SpecError([finding_at(source.name, pointer, (None, None), "avro", str(error))]) from None
    if broken := unending(data, "/data"):
        raise SpecError(locate(broken, source.name, nowhere))
    return Document(
        name=source.name,
        key=key,
        data=data,
        findings=(),
        locator=nowhere,
        explicit=_pointers(container.text(EXPLICIT_KEY)),
        apart=True,
        is_avro=True,
    )


def _uri(container: Container) -> str:
    if uri := container.text(URI_KEY):
        return uri
    raise Undecodable(f"its metadata has no '{URI_KEY}': it is no spec, or another program wrote it")


def _record(schema_text: str, record: bytes, key: SchemaKey) -> Json:
    try:
        schema = parse_schema(schema_text)
    except (Unsupported, Unparseable) as error:
        raise Undecodable(f"the schema that it carries can't be used: {error}") from None
    if not isinstance(schema.root, Record) or schema.root.name != key.name:
        raise Undecodable(f"its metadata calls it a {key.name}, and the schema that it carries something else")
    cursor = Cursor(record)
    data = Decoder(schema, cursor, _embedded).read(schema.root, "")
    if cursor.at != len(record):
        raise Undecodable("there is more in it than its schema says")
    return data


def _embedded(text: str) -> Json:
    """JSON in a string of an Avro file, its actions left in."""
    try:
        masked = mask(text)
        parsed = parse(masked.text, strings=masked.restorer())
    except (TemplateError, Unparseable) as error:
        raise Undecodable(f"expected the text of a JSON object: {error}") from None
    if parsed.faults:
        raise Undecodable(parsed.faults[0].message)
    return parsed.value


def _pointers(text: str) -> frozenset[str]:
    try:
        value = parse(text).value if text else []
    except Unparseable:
        value = []
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _outside(name: str, masked: Masked, lines: Lines) -> list[Finding]:
    message = (
        "an action outside of a string: only its expansion is JSON. "
        "Write the expanded spec with 'dataflow-runner render', or put the action into a string"
    )
    return [finding_at(name, "", lines.position(start), "template", message) for start in masked.outside_strings()[:20]]


def _template_findings(name: str, text: str, variables: Mapping[str, str], error: TemplateError) -> list[Finding]:
    """Everything wrong with a template: all of its grammar, or what stopped it and every variable that it lacks."""
    if broken := problems(text):
        return [_template_finding(name, each) for each in broken]
    found = {(error.line, error.column): _template_finding(name, error)}
    for use in references(parse_template(text, LIMITS)).fields:
        if use.name not in variables and not use.is_optional:
            message = f"there is no variable {use.name!r}: give it with --var {use.name}=… or --vars"
            lacking = finding_at(name, "", (use.line, use.column), "template", message)
            found.setdefault((use.line, use.column), lacking)
    return [found[place] for place in sorted(found)]


def _template_finding(name: str, error: TemplateError) -> Finding:
    return finding_at(name, "", (error.line, error.column), "template", error.message)


def _syntax(name: str, error: Unparseable, position: Callable[[int], Position]) -> Finding:
    return finding_at(name, "", position(error.offset), "syntax", str(error))
