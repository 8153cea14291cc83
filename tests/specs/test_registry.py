import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.specs.support import IGLU_CENTRAL, VENDOR

from dataflow_runner.specs import registry
from dataflow_runner.specs.names import branch_key, snake
from dataflow_runner.specs.registry import SchemaKey

ROOT = Path(__file__).parents[2]


def test_the_model_is_what_the_schemas_generate() -> None:
    checked = subprocess.run(
        [sys.executable, str(ROOT / "bin/generate-models"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_key_is_read_and_written_alike() -> None:
    uri = "iglu:com.acme/Thing/avro/1-0-12"
    key = SchemaKey.parse(uri)
    assert str(key) == uri
    assert (key.vendor, key.name, key.format, key.version, key.model) == ("com.acme", "Thing", "avro", (1, 0, 12), 1)


@pytest.mark.parametrize(
    "uri", ["", "com.acme/Thing/avro/1-0-0", "iglu:com.acme/Thing/avro/1-0", "iglu:a/../avro/1-0-0"]
)
def test_what_is_no_key_says_how_one_looks(uri: str) -> None:
    with pytest.raises(ValueError, match="expected an Iglu URI such as"):
        SchemaKey.parse(uri)


def test_the_registry_knows_two_specs_in_three_versions() -> None:
    assert [str(key).removeprefix(f"iglu:{VENDOR}/") for key in registry.known()] == [
        "ClusterConfig/avro/1-0-0",
        "ClusterConfig/avro/1-1-0",
        "ClusterConfig/avro/2-0-0",
        "PlaybookConfig/avro/1-0-0",
        "PlaybookConfig/avro/1-0-1",
        "PlaybookConfig/avro/2-0-0",
    ]


def test_an_unknown_schema_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        registry.schema(SchemaKey.parse(f"iglu:{VENDOR}/ClusterConfig/avro/9-0-0"))


@pytest.mark.parametrize(
    ("name", "python"), [("sizeInGB", "size_in_gb"), ("iops", "iops"), ("customAmiId", "custom_ami_id")]
)
def test_names_are_spelled_as_python_does(name: str, python: str) -> None:
    assert snake(name) == python


def test_a_branch_is_named_by_its_record() -> None:
    assert branch_key("ClusterConfig") == "clusterConfig"


def _shape_of(schema: Any) -> Any:
    """A schema without what doesn't change the data: words, defaults, logical types and the order of a union."""
    match schema:
        case list():
            return sorted((_shape_of(branch) for branch in schema), key=repr)
        case {"type": "record", "name": name, "fields": fields}:
            return {"record": name, "fields": {field["name"]: _shape_of(field["type"]) for field in fields}}
        case {"type": "array", "items": items}:
            return {"array": _shape_of(items)}
        case {"type": "map", "values": values}:
            return {"map": _shape_of(values)}
        case {"type": str(kind)}:
            return kind
    return schema


@pytest.mark.parametrize("key", [str(key) for key in registry.known() if key.model == 1])
def test_the_first_generation_is_the_published_one(key: str) -> None:
    """Except for securityConfiguration, which the Go runner reads though the schema never said so."""
    published = IGLU_CENTRAL / "schemas" / key.removeprefix("iglu:")
    if not published.exists():
        pytest.skip(f"no copy of Iglu Central at {IGLU_CENTRAL}")
    ours = _shape_of(json.loads(registry.text(SchemaKey.parse(key))))
    if "ClusterConfig" in key and key.endswith("1-1-0"):
        assert ours["fields"].pop("securityConfiguration") == "string"
    assert ours == _shape_of(json.loads(published.read_text(encoding="utf-8")))
