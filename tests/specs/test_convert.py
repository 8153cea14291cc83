import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.specs.strategies import data
from tests.specs.support import DATA, cluster, loaded, playbook, source, spec

from dataflow_runner.errors import SpecError
from dataflow_runner.specs import registry
from dataflow_runner.specs.actions import quote_around
from dataflow_runner.specs.convert import Encoding, convert
from dataflow_runner.specs.jsontext import dump
from dataflow_runner.specs.load import Source, read_source
from dataflow_runner.specs.model import PlaybookConfig
from dataflow_runner.specs.reading import read_raw
from dataflow_runner.specs.registry import SchemaKey

FILES = {
    "cluster-1-1-0.json": {"team": "data"},
    "playbook-1-0-1.json": {"config": '{"a": 1}'},
    "cluster-2-0-0.json": {"a": "1", "patience": "2h"},
    "playbook-2-0-0.json": {"run": "today"},
}


def text_of(key: SchemaKey, tree: Any) -> Source:
    """A JSON file with the template actions in its strings."""
    return source(dump({"schema": str(key), "data": tree}, string=quote_around))


def refused(file: Source, target: Encoding = Encoding.AVRO) -> str:
    with pytest.raises(SpecError) as caught:
        convert(file, target)
    return str(caught.value)


@pytest.mark.parametrize("key", registry.known(), ids=str)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_json_to_avro_and_back_is_the_same_data(key: SchemaKey, draw: st.DataObject) -> None:
    tree = draw.draw(data(registry.schema(key)))
    there = convert(text_of(key, tree), Encoding.AVRO)
    back = convert(source(there), Encoding.JSON)
    assert read_raw(source(back)).data == tree
    assert list(map(repr, _flat(read_raw(source(back)).data))) == list(map(repr, _flat(tree)))
    assert convert(source(back), Encoding.AVRO) == there


def _flat(value: Any) -> list[Any]:
    """Keys and values in order, which == of two objects doesn't look at."""
    match value:
        case dict():
            return [part for key, item in value.items() for part in (key, *_flat(item))]
        case list():
            return [part for item in value for part in _flat(item)]
    return [float(value) if isinstance(value, float) else value]


@pytest.mark.parametrize("name", FILES)
def test_a_file_means_the_same_in_both_encodings(name: str) -> None:
    file = read_source(DATA / name)
    avro = convert(file, Encoding.AVRO)
    back = convert(source(avro), Encoding.JSON)
    meant = loaded(file, **FILES[name]).value
    assert loaded(source(avro), **FILES[name]).value == meant
    assert loaded(source(back), **FILES[name]).value == meant


def test_json_is_pretty_and_has_its_keys_in_the_order_of_the_schema() -> None:
    file = spec("PlaybookConfig", "2-0-0", {"steps": [{"jar": "x", "name": "a", "arguments": ["1", "2"]}], "name": "n"})
    assert convert(file, Encoding.JSON).decode() == (
        "{\n"
        '  "schema": "iglu:com.snowplowanalytics.dataflowrunner/PlaybookConfig/avro/2-0-0",\n'
        '  "data": {\n'
        '    "name": "n",\n'
        '    "steps": [\n'
        "      {\n"
        '        "name": "a",\n'
        '        "jar": "x",\n'
        '        "arguments": ["1", "2"]\n'
        "      }\n"
        "    ]\n"
        "  }\n"
        "}\n"
    )


def test_a_default_that_was_spelled_out_stays_and_one_that_was_not_stays_away() -> None:
    tree = {"name": "playbook", "steps": [{"name": "a", "jar": "b", "retry": {"delay": "0s"}}], "lock": None}
    file = spec("PlaybookConfig", "2-0-0", tree)
    back = convert(source(convert(file, Encoding.AVRO)), Encoding.JSON)
    assert json.loads(back)["data"] == tree


def test_a_file_that_expands_its_strings_one_by_one_goes_on_doing_so() -> None:
    envelope = {**json.loads(playbook(name="{{.n}}").content), "expand": "strings"}
    back = convert(source(convert(source(json.dumps(envelope)), Encoding.AVRO)), Encoding.JSON)
    assert json.loads(back)["expand"] == "strings"


def test_any_value_fits_a_string_of_an_avro_file() -> None:
    avro = convert(playbook(name="{{.n}}"), Encoding.AVRO)
    assert loaded(source(avro), n='a "quote" and a \\').value.name == 'a "quote" and a \\'


@pytest.mark.parametrize(
    "text", [r"\u007b{.x}}", r"{\u007b.x}}", r"{\u007b{.x}}", r"\u007b{{.x}}", r"\u007b\u007b{{.x}}"]
)
@pytest.mark.parametrize("encoding", Encoding)
def test_braces_that_json_escapes_spell_are_no_action(text: str, encoding: Encoding) -> None:
    file = source(playbook(name="@").content.decode().replace("@", text))
    meant = loaded(file, x="1").value
    assert loaded(source(convert(file, encoding)), x="1").value == meant


def test_keys_of_maps_are_expanded_too() -> None:
    step = {"name": "a", "jar": "b", "properties": {"{{.k}}": "1"}}
    avro = convert(playbook(step), Encoding.AVRO)
    value = loaded(source(avro), k="expanded").value
    assert isinstance(value, PlaybookConfig)
    assert value.steps[0].properties == {"expanded": "1"}


def test_an_action_outside_of_a_string_is_refused_and_render_is_named() -> None:
    text = cluster().content.decode().replace('"m5.xlarge"', '"m5.xlarge",\n "count": {{.n}},\n "bid": {{.b}}')
    lines = [line.split(": ")[0] for line in refused(source(text)).splitlines()]
    assert len(lines) == 2
    assert "'dataflow-runner render'" in refused(source(text), Encoding.JSON)


def test_a_block_that_spans_strings_is_refused_for_avro() -> None:
    file = playbook({"name": "a", "jar": "b", "arguments": ["{{if .x}}1", "2{{end}}"]})
    message = refused(file)
    assert "/data/steps/0/arguments/0" in message
    assert "/data/steps/0/arguments/1" in message
    assert convert(file, Encoding.JSON)


def test_an_action_in_place_of_a_word_is_refused_for_avro() -> None:
    file = playbook(lock={"name": "a", "kind": "{{.kind}}"})
    assert "/data/lock/kind: Avro can't hold an action in place of a fixed word" in refused(file)
    assert convert(file, Encoding.JSON)


def test_a_new_field_in_an_old_version_would_be_lost() -> None:
    old = json.loads((DATA / "cluster-2-0-0.json").read_text().replace('{{nowWithFormat "2006"}}', ""))
    assert "unknown-key" in refused(spec("ClusterConfig", "1-0-0", old["data"]))


def test_only_the_shape_of_a_spec_matters() -> None:
    """Values that a run would refuse, for want of a variable say, are none of a conversion's business."""
    assert convert(playbook({"name": "", "jar": ""}), Encoding.AVRO)


def test_a_wrong_shape_is_refused_with_its_place() -> None:
    assert "/data/steps/0/jar: 'jar' is missing" in refused(playbook({"name": "a"}), Encoding.JSON)


def test_a_duplicate_key_is_refused() -> None:
    text = playbook().content.decode().replace('"jar"', '"jar": "x", "jar"')
    assert "duplicate-key" in refused(source(text), Encoding.JSON)
