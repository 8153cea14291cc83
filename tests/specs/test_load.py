import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.specs.support import SECRET, WORLD, cluster, loaded, playbook, refused, rules, source

from dataflow_runner.specs.convert import Encoding, convert
from dataflow_runner.specs.load import load, load_cluster, load_playbook
from dataflow_runner.specs.template import World

ROOT = Path(__file__).parents[2]


def imported_by(code: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after running some code."""
    program = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT / "daemon"
    )
    return set(done.stdout.split()) & {"fastavro", "botocore", "pydantic", "aiohttp", "jsonschema", "click", "rich"}


def test_reading_specs_imports_nothing_heavy() -> None:
    assert imported_by("import dataflow_runner.specs.load, dataflow_runner.specs.convert") == set()


def test_templates_are_expanded_with_the_runs_instant_and_variables() -> None:
    file = source(playbook(name="@").content.decode().replace("@", '{{.a}} {{nowWithFormat "2006-01-02"}}'))
    assert load_playbook(file, {"a": "x"}, WORLD).value.name == "x 2026-03-04"
    later = World(
        now=datetime(2027, 1, 1, tzinfo=UTC), environment=WORLD.environment, file=WORLD.file, secret=WORLD.secret
    )
    assert load_playbook(file, {"a": "x"}, later).value.name == "x 2027-01-01"


def test_what_came_out_of_an_expansion_is_not_expanded_again() -> None:
    for file in (playbook(name="{{.a}}"), source(convert(playbook(name="{{.a}}"), Encoding.AVRO))):
        assert load_playbook(file, {"a": "{{.b}}"}, WORLD).value.name == "{{.b}}"


@pytest.mark.parametrize("encoding", Encoding)
def test_secrets_are_known_and_not_shown(encoding: Encoding) -> None:
    text = playbook(lock={"name": "@"}).content.decode().replace("@", '{{secret "password"}}')
    found = loaded(source(convert(source(text), encoding)))
    assert found.secrets == {SECRET}
    assert SECRET not in repr(found).replace(repr(found.value), "")


def test_a_static_secret_is_one_of_the_secrets() -> None:
    found = loaded(cluster(credentials={"accessKeyId": "AKIA", "secretAccessKey": "hunter2"}))
    assert found.secrets == {"hunter2"}
    assert "hunter2" not in repr(found)


def test_words_are_no_secrets() -> None:
    assert loaded(cluster()).secrets == frozenset()


def test_the_digest_is_of_the_bytes() -> None:
    one, two = loaded(playbook()), loaded(playbook(name="other"))
    assert one.digest == loaded(playbook()).digest != two.digest
    assert len(one.digest) == 64


def test_either_kind_is_loaded_by_its_schema() -> None:
    assert load(cluster(), {}, WORLD).value == load_cluster(cluster(), {}, WORLD).value
    assert load(playbook(), {}, WORLD).key == load_playbook(playbook(), {}, WORLD).key


def test_every_wrong_string_of_an_avro_file_is_reported() -> None:
    avro = source(convert(playbook(name="{{.a}}", region="{{.b}}"), Encoding.AVRO))
    assert rules(refused(avro)) == [("template", "/data/name"), ("template", "/data/region")]


def test_keys_that_become_equal_by_expansion_are_refused() -> None:
    step = {"name": "a", "jar": "b", "properties": {"{{.k}}": "1", "x": "2"}}
    avro = source(convert(playbook(step), Encoding.AVRO))
    assert rules(refused(avro, k="x")) == [("duplicate-key", "/data/steps/0/properties/x")]


def test_strings_expanded_one_by_one_share_the_cost_of_one_text() -> None:
    """Each of them alone would be within the limits of a template."""
    busy = "{{range 900000}}{{end}}"
    steps = [{"name": busy, "jar": "b"} for _ in range(20)]
    found = refused(source(convert(playbook(*steps), Encoding.AVRO)))
    assert len(found) == 20
    assert all("over the limit of 50000 (steps)" in finding.message for finding in found)


def test_strings_expanded_one_by_one_share_the_size_of_one_text() -> None:
    steps = [{"name": "{{.wide}}", "jar": "b"} for _ in range(20)]
    found = refused(source(convert(playbook(*steps), Encoding.AVRO)), wide="x" * (1 << 20))
    assert [finding.pointer for finding in found] == [f"/data/steps/{at}/name" for at in range(16, 20)]
    assert "(output)" in found[0].message
