import io
import json
import zlib
from typing import Any

import fastavro
import pytest
from tests.specs.support import DATA, IGLU_CENTRAL, VENDOR, loaded, playbook, refused, rules, source

from dataflow_runner.errors import SpecError
from dataflow_runner.specs import registry
from dataflow_runner.specs.avro.container import URI_KEY, read_container
from dataflow_runner.specs.avro.decode import Cursor, Decoder, Undecodable
from dataflow_runner.specs.avro.schema import Unsupported, parse_schema
from dataflow_runner.specs.bounds import MAX_BYTES
from dataflow_runner.specs.convert import Encoding, convert
from dataflow_runner.specs.jsontext import Json
from dataflow_runner.specs.keeping import unexpanded
from dataflow_runner.specs.reading import read_raw

URI = f"iglu:{VENDOR}/PlaybookConfig/avro/2-0-0"


def container(schema: Any, *records: Any, codec: str = "null", uri: str | None = URI) -> bytes:
    """A file as any other Avro program writes it."""
    output = io.BytesIO()
    metadata = {URI_KEY: uri} if uri else {}
    fastavro.writer(output, fastavro.parse_schema(schema), list(records), codec=codec, metadata=metadata)
    return output.getvalue()


def decode(schema: Any, data: bytes) -> Json:
    parsed = parse_schema(json.dumps(schema))
    return Decoder(parsed, Cursor(data), str).read(parsed.root, "")


def message(content: bytes) -> str:
    [finding] = refused(source(content, "spec.avro"))
    assert (finding.line, finding.column, finding.file) == (None, None, "spec.avro")
    return f"{finding.rule}{finding.pointer}: {finding.message}"


MINI = {"type": "record", "name": "PlaybookConfig", "fields": [{"name": "name", "type": "string"}]}


def test_another_program_can_read_what_we_write() -> None:
    content = convert(playbook(), Encoding.AVRO)
    reader = fastavro.reader(io.BytesIO(content))
    assert reader.metadata[URI_KEY] == URI
    [record] = reader
    assert isinstance(record, dict)
    assert record["steps"][0]["arguments"] == ["true"]
    assert record["overlay"] == "{}"


def test_the_same_spec_is_always_the_same_bytes() -> None:
    assert convert(playbook(), Encoding.AVRO) == convert(playbook(), Encoding.AVRO)


def test_what_another_program_wrote_by_the_published_schema_is_read() -> None:
    published = IGLU_CENTRAL / "schemas" / VENDOR / "PlaybookConfig/avro/1-0-1"
    if not published.exists():
        pytest.skip(f"no copy of Iglu Central at {IGLU_CENTRAL}")
    document = json.loads((DATA / "playbook-1-0-1.json").read_text().replace('"2006-01-02-15-04-05"', "`2006`"))
    content = container(json.loads(published.read_text()), document["data"], codec="deflate", uri=document["schema"])
    assert read_raw(source(content)).data == document["data"]


def test_a_key_that_the_writers_schema_has_and_ours_lacks_is_a_finding() -> None:
    schema = {**MINI, "fields": [*MINI["fields"], {"name": "colour", "type": "int"}]}
    findings = refused(source(container(schema, {"name": "x", "colour": 1})))
    assert {(finding.rule, finding.pointer) for finding in findings} == {
        ("unknown-key", "/data/colour"),
        ("missing-key", "/data/steps"),
    }


def test_every_truncation_is_refused() -> None:
    content = convert(playbook(), Encoding.AVRO)
    for size in range(len(content)):
        with pytest.raises(SpecError):
            loaded(source(content[:size]))


def test_a_truncated_file_says_so() -> None:
    assert "truncated or damaged" in message(convert(playbook(), Encoding.AVRO)[:-30])


def test_a_file_without_our_metadata_is_foreign() -> None:
    assert "its metadata has no 'iglu.schema'" in message(container(MINI, {"name": "x"}, uri=None))


def test_metadata_and_schema_must_agree() -> None:
    assert "calls it a PlaybookConfig" in message(container({**MINI, "name": "Other"}, {"name": "x"}))


def test_an_unknown_uri_in_the_metadata_is_named() -> None:
    content = container(MINI, {"name": "x"}, uri=f"iglu:{VENDOR}/PlaybookConfig/avro/3-0-0")
    assert "known are" in message(content)


@pytest.mark.parametrize("records", [[], [{"name": "a"}, {"name": "b"}]])
def test_a_file_holds_one_record(records: list[Any]) -> None:
    assert f"it holds {len(records)} records, expected one" in message(container(MINI, *records))


def test_an_unknown_codec_is_named() -> None:
    assert "its codec is b'bzip2'" in message(container(MINI, {"name": "x"}, codec="bzip2"))


def test_a_damaged_marker_is_noticed() -> None:
    content = container(MINI, {"name": "x"})
    assert "a block doesn't end where it should" in message(content[:-1] + bytes([content[-1] ^ 1]))


def test_a_few_bytes_that_inflate_to_gigabytes_are_refused() -> None:
    content = container(MINI, {"name": "x" * (MAX_BYTES + 10)}, codec="deflate")
    assert len(content) < MAX_BYTES / 100
    assert "its record is larger than 16 MiB" in message(content)


def test_damaged_compression_is_noticed() -> None:
    content = container(MINI, {"name": "abc"}, codec="deflate")
    packed = zlib.compress(b"\x06abc")[2:-4]
    assert packed in content
    assert "compressed data" in message(content.replace(packed, b"\xff" * len(packed)))


def test_deep_recursion_is_refused_and_not_a_crash() -> None:
    """The library's reader dies of this with a segmentation fault."""
    schema = {**MINI, "fields": [{"name": "steps", "type": {"type": "array", "items": "PlaybookConfig"}}]}
    with pytest.raises(Undecodable, match="deeper nested"):
        decode(schema, b"\x02" * 1_000_000 + b"\x00")


def test_a_count_of_nothings_is_bounded() -> None:
    with pytest.raises(Undecodable, match="more values"):
        decode({"type": "array", "items": "null"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")


def test_a_long_number_is_bounded() -> None:
    with pytest.raises(Undecodable, match="longer than ten bytes"):
        decode("long", b"\xff" * 1000)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("long", -(1 << 63)),
        ("int", 1),
        ("double", 2.5),
        ("boolean", True),
        ({"type": "map", "values": "long"}, {"a": 1, "b": 2}),
        ({"type": "array", "items": ["null", "string"]}, ["x", None]),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B"),
    ],
)
def test_values_are_read_as_the_library_writes_them(schema: Any, value: Json) -> None:
    output = io.BytesIO()
    fastavro.schemaless_writer(output, fastavro.parse_schema(schema), value)
    assert decode(schema, output.getvalue()) == value


@pytest.mark.parametrize(
    ("schema", "data", "fault"),
    [
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02", "a choice of 1 has the number 1"),
        (["null", "string"], b"\x01", "a choice of 2 has the number -1"),
        ("string", b"\x02\xff", "a string is not UTF-8"),
        ("string", b"\x01", "truncated or damaged"),
        ("double", b"\x00" * 6 + b"\xf0\x7f", "a number is not finite"),
        ({"type": "map", "values": "boolean"}, b"\x04\x02a\x00\x02a\x00\x00", "the key 'a' stands twice"),
    ],
)
def test_what_the_schema_forbids_is_refused(schema: Any, data: bytes, fault: str) -> None:
    with pytest.raises(Undecodable, match=fault):
        decode(schema, data)


@pytest.mark.parametrize(
    "schema", ['"fixed"', '{"type": "record"}', "[[]]", '{"type": "array"}', "3", '"PlaybookConfig"']
)
def test_schemas_that_no_spec_has_are_unsupported(schema: str) -> None:
    with pytest.raises(Unsupported):
        parse_schema(schema)


def test_a_schema_bomb_in_a_file_is_refused() -> None:
    content = container(MINI, {"name": "x"})
    schema = read_container(content).metadata["avro.schema"]
    deep = b'{"type":"array","items":' * 150
    assert "the schema that it carries can't be used" in message(content.replace(schema, deep[: len(schema)]))


def test_registry_schemas_are_valid_avro() -> None:
    for key in registry.known():
        fastavro.parse_schema(json.loads(registry.text(key)))


def test_an_avro_file_whose_overlay_is_no_json_is_refused() -> None:
    schema = json.loads(registry.text(registry.key("PlaybookConfig", "2-0-0")))
    [record] = fastavro.reader(io.BytesIO(convert(playbook(), Encoding.AVRO)))
    assert isinstance(record, dict)
    content = container(schema, {**record, "overlay": "{"})
    assert message(content).startswith("avro/data/overlay: expected the text of a JSON object")


def test_an_action_that_never_ends_is_found_in_its_string() -> None:
    schema = json.loads(registry.text(registry.key("PlaybookConfig", "2-0-0")))
    [record] = fastavro.reader(io.BytesIO(convert(playbook(), Encoding.AVRO)))
    assert isinstance(record, dict)
    file = source(container(schema, {**record, "name": "a {{", "region": "{{.x"}))
    assert rules(refused(file)) == [("template", "/data/name"), ("template", "/data/region")]
    with pytest.raises(SpecError):
        unexpanded(file)
