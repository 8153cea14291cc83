"""Every way in which a file can be wrong, and what is said about it."""

import contextlib
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.specs.support import SECRET, VENDOR, WORLD, cluster, loaded, playbook, refused, rules, source, spec

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.bounds import MAX_BYTES
from dataflow_runner.specs.load import load, load_cluster, load_playbook, read_source, unexpanded

PLAYBOOK = f'"schema": "iglu:{VENDOR}/PlaybookConfig/avro/2-0-0"'


def only(text: str | bytes, **variables: str) -> str:
    """The one finding of a text."""
    [finding] = refused(source(text), **variables)
    return str(finding)


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: f'{{{PLAYBOOK}, "data": {text}}}'.encode()))
def test_no_bytes_raise_anything_but_a_spec_error(content: bytes) -> None:
    file = source(content)
    for use in (lambda: load(file, {}, WORLD), lambda: unexpanded(file)):
        with contextlib.suppress(SpecError):
            use()


@given(st.binary(max_size=100))
def test_no_bytes_in_an_avro_file_raise_anything_but_a_spec_error(content: bytes) -> None:
    with pytest.raises(SpecError):
        loaded(source(b"Obj\x01" + content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.json: error missing-file: there is no such file"):
        read_source(tmp_path / "none.json")


def test_a_directory_is_no_spec(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unreadable: it is a directory"):
        read_source(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch(mode=0o000)
    with pytest.raises(SpecError, match="unreadable: this user may not read it"):
        read_source(path)


def test_a_path_that_no_system_has_is_unreadable() -> None:
    with pytest.raises(SpecError, match="unreadable"):
        read_source("a\0b")


def test_a_file_of_100_mb_is_refused_unread(tmp_path: Path) -> None:
    """A sparse file: reading it would cost its memory."""
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(SpecError, match="too-large: it has 100 MiB; a spec has 16 MiB at most"):
        read_source(path)


def test_an_endless_stream_is_refused() -> None:
    with pytest.raises(SpecError, match="<stdin>: error too-large"):
        read_source("-", stdin=io.BytesIO(bytes(MAX_BYTES + 1)))


def test_a_dash_reads_standard_input() -> None:
    file = read_source("-", stdin=io.BytesIO(playbook().content))
    assert (file.name, loaded(file).findings) == ("<stdin>", ())


@pytest.mark.parametrize("content", [b"", b" \n "])
def test_an_empty_file_is_called_empty(content: bytes) -> None:
    assert only(content) == "spec.json: error syntax: the file is empty"


def test_what_is_no_text_is_said_to_be_none() -> None:
    assert "neither Avro nor UTF-8 text: byte 1 " in only(b"{\xff")


def test_a_byte_order_mark_is_no_fault() -> None:
    assert loaded(source(b"\xef\xbb\xbf" + playbook().content)).findings == ()


def test_a_syntax_error_names_its_line_and_column() -> None:
    assert only(f'{{{PLAYBOOK},\n "data": {{"steps": [,]}}}}').startswith(
        "spec.json:2:21: error syntax: expected a value"
    )


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"', "{}"])
def test_a_text_that_describes_nothing_is_refused(text: str) -> None:
    assert all(finding.rule == "envelope" for finding in refused(source(text)))


def test_data_must_be_an_object() -> None:
    assert only(f'{{{PLAYBOOK}, "data": []}}').startswith("spec.json:1:91: error envelope /data: expected an object")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("3-0-0", "known are iglu:com.snowplowanalytics.dataflowrunner/PlaybookConfig/avro/1-0-0, iglu:"),
        ("2-0", "expected an Iglu URI such as"),
    ],
)
def test_an_unknown_version_names_the_known_ones(schema: str, said: str) -> None:
    message = only(spec("PlaybookConfig", schema).content)
    assert message.startswith("spec.json:2:12: error unknown-schema /schema: ")
    assert said in message


def test_a_misspelt_schema_is_guessed() -> None:
    assert "(did you mean 'iglu:" in only(spec("PlaybokConfig", "2-0-0").content)


def test_a_cluster_spec_is_no_playbook_and_the_other_way_round() -> None:
    with pytest.raises(SpecError, match="2:12: error wrong-schema /schema: expected a PlaybookConfig, found a Cluster"):
        load_playbook(cluster(), {}, WORLD)
    with pytest.raises(SpecError, match="expected a ClusterConfig, found a PlaybookConfig"):
        load_cluster(playbook(), {}, WORLD)


def test_other_keys_beside_the_data_are_refused_from_2_0_0_on() -> None:
    file = source(playbook().content.decode().replace('"data"', '"comment": 1, "data"'))
    assert rules(refused(file)) == [("unknown-key", "/comment")]


def test_every_problem_of_a_file_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = f"""{{{PLAYBOOK}, "data": {{
      "region": "eu central",
      "name": null,
      "steps": [
        {{"name": "a", "jar": 3, "argments": []}},
        {{"name": "", "jar": "x", "actionOnFailure": "continue", "timeout": "soon", "timeout": "1h"}},
        "run"
      ],
      "lock": {{"name": "a", "kind": "HARD", "whenHeld": true}},
      "timeout": "0s"
    }}}}"""
    assert [(finding.line, finding.rule, finding.pointer) for finding in refused(source(text))] == [
        (2, "region", "/data/region"),
        (3, "wrong-type", "/data/name"),
        (5, "wrong-type", "/data/steps/0/jar"),
        (5, "unknown-key", "/data/steps/0/argments"),
        (6, "empty", "/data/steps/1/name"),
        (6, "wrong-value", "/data/steps/1/actionOnFailure"),
        (6, "duplicate-key", "/data/steps/1/timeout"),
        (7, "wrong-type", "/data/steps/2"),
        (9, "wrong-value", "/data/lock/whenHeld"),
        (10, "out-of-range", "/data/timeout"),
    ]


def test_an_unknown_key_is_found_at_the_key_and_a_missing_one_at_what_lacks_it() -> None:
    text = f'{{{PLAYBOOK}, "data": {{"stpes":\n [{{"name": "a", "jar": "b"}}]}}}}'
    missing, unknown = refused(source(text))
    assert (missing.rule, missing.pointer, missing.column) == ("missing-key", "/data/steps", 91)
    assert (unknown.rule, unknown.pointer, unknown.column) == ("unknown-key", "/data/stpes", 92)
    assert "(did you mean 'steps'?)" in unknown.message


def test_every_fault_of_a_templates_grammar_is_reported() -> None:
    text = '{"a": "{{unknownFunction 1}}",\n "b": "{{.x |}}"}'
    assert [(finding.rule, finding.line) for finding in refused(source(text))] == [("template", 1), ("template", 2)]


def test_every_variable_that_is_lacking_is_reported() -> None:
    text = (
        f'{{{PLAYBOOK}, "data": {{"name": "{{{{.a}}}}-{{{{.b}}}}", "region": "{{{{.given}}}}",\n "x": "{{{{.c}}}}"}}}}'
    )
    found = refused(source(text), given="x")
    assert [finding.line for finding in found] == [1, 1, 2]
    assert "'b'" in found[1].message
    assert "--var c=" in found[2].message


def test_problems_after_expansion_are_found_at_their_line_in_the_file() -> None:
    """The expansion has fewer lines before the fault than the file, and others within a line."""
    text = f"""{{{PLAYBOOK}, "data": {{
        {{{{- /* a comment
             of two lines */ -}}}}
        "name": "{{{{.name}}}}", "stpes": 1}}}}"""
    found = refused(source(text), name="a longer name than the action that stands for it")
    column = text.splitlines()[3].index('"stpes"') + 1
    assert ("unknown-key", 4, column) in [(finding.rule, finding.line, finding.column) for finding in found]


def test_a_value_that_breaks_the_text_is_found_at_the_action_that_made_it() -> None:
    text = f'{{{PLAYBOOK}, "data":\n {{"name": "{{{{.name}}}}"}}}}'
    assert only(text, name='a"b').startswith("spec.json:2:12: error syntax: expected ',' or '}', found 'b'")


def test_a_secret_that_breaks_the_text_is_not_shown() -> None:
    text = f'{{{PLAYBOOK}, "data": {{"name": {{{{secret "password"}}}}}}}}'
    [finding] = refused(source(text))
    assert finding.rule == "syntax"
    assert SECRET[:6] not in str(finding)


def test_a_secret_in_a_wrong_place_is_not_shown() -> None:
    text = playbook(timeout="@", lock={"name": "a", "kind": "@"}, **{"@": 1}).content.decode()
    found = refused(source(text.replace("@", '{{secret "password"}}')))
    assert len(found) == 3
    assert not any(SECRET[:6] in str(finding) for finding in found)


def test_a_deep_file_is_refused() -> None:
    assert "nested more than 100 levels deep" in only("[" * 1_000_000)


def test_configurations_nested_too_deep_are_refused() -> None:
    nested: object = []
    for _ in range(60):
        nested = [{"classification": "export", "configurations": nested}]
    assert only(cluster(configurations=nested).content).count("nested more than") == 1


def test_a_number_too_large_for_its_field_is_out_of_range() -> None:
    file = cluster(stepConcurrency=1 << 31)
    assert rules(refused(file)) == [("out-of-range", "/data/fabric/emr/stepConcurrency")]


def test_an_absurd_length_of_time_is_refused() -> None:
    assert rules(refused(playbook(timeout="999999999d999999999d"))) == [("wrong-type", "/data/timeout")]


def test_a_file_that_says_how_it_is_expanded_must_say_it_right() -> None:
    envelope = {**json.loads(playbook().content), "expand": "twice"}
    assert rules(refused(source(json.dumps(envelope)))) == [("envelope", "/expand")]
