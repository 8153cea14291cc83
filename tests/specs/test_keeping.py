import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.specs.support import cluster, loaded, playbook, refused, rules, source

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.convert import Encoding, convert
from dataflow_runner.specs.keeping import unexpanded
from dataflow_runner.specs.lint.common import WITHHELD

STATIC = cluster(credentials={"accessKeyId": "AKIA", "secretAccessKey": "hunter2"})


def test_the_text_of_a_json_file_is_kept_as_it_is() -> None:
    text = "\ufeff" + playbook(name="{{.x}}").content.decode().replace("{{.x}}", '{{printf "%s" .x}}')
    assert unexpanded(source(text)) == text.removeprefix("\ufeff")


def test_what_is_kept_of_an_avro_file_means_the_same() -> None:
    avro = source(convert(playbook(name="{{.n}}", overlay={"a": "{{.n}}"}), Encoding.AVRO))
    kept = source(unexpanded(avro))
    for name in ("plain", 'a "quote" and a \\', "{{.n}}"):
        assert loaded(kept, n=name).value == loaded(avro, n=name).value


@pytest.mark.parametrize("file", [STATIC, source(convert(STATIC, Encoding.AVRO))])
def test_a_static_secret_is_not_kept(file: object) -> None:
    assert isinstance(file, type(STATIC))
    kept = unexpanded(file)
    assert "hunter2" not in kept
    assert "AKIA" in kept
    assert [rule for rule, _ in rules(refused(source(kept)))] == ["credentials"]


@pytest.mark.parametrize("word", ["iam", "env", "default"])
def test_words_and_references_to_secrets_are_kept(word: str) -> None:
    assert unexpanded(cluster(credentials={"accessKeyId": word, "secretAccessKey": word})).count(word) >= 2
    reference = STATIC.content.decode().replace("hunter2", '{{secret "password"}}')
    assert unexpanded(source(reference)) == reference


@pytest.mark.parametrize(
    "member",
    [
        '"secretAccessKey": "hunter2"',
        '"SECRETACCESSKEY"\n:\t"hunter2"',
        r'"secret\u0041ccessKey": "hunter2"',
        '"secretAccessKey": "hunter2{{.rest}}"',
        '"secretAccessKey": "{{.a}}hunter2"',
        r'"secretAccessKey": "\"hunter2"',
        r'"secretAccessKey": "\q hunter2"',
        '{{if .x}}"secretAccessKey": "hunter2"{{end}}',
    ],
)
def test_however_a_secret_is_spelled_it_is_not_kept(member: str) -> None:
    kept = unexpanded(source(f'{{"n": {{{{.n}}}}, {member}, "z": "secretAccessKey"}}'))
    assert "hunter2" not in kept
    assert kept.endswith(', "z": "secretAccessKey"}')


@given(st.text(min_size=1))
def test_no_secret_is_kept(secret: str) -> None:
    marked = f"hunter2{secret}hunter3"
    text = json.dumps({"credentials": {"secretAccessKey": marked}}, ensure_ascii=False)
    try:
        kept = unexpanded(source(text.encode("utf-8", "ignore")))
    except SpecError:
        return
    assert json.loads(kept) == {"credentials": {"secretAccessKey": WITHHELD}}


@pytest.mark.parametrize("beginning", ["", "{{.x}}", '{"secretAccessKey'])
def test_a_string_without_end_is_read_once_however_many_quotes_are_in_it(beginning: str) -> None:
    """A reader that began anew at each quote would never come back."""
    text = beginning + '"' + '\\"' * 500_000
    assert len(unexpanded(source(text))) >= len(beginning)
