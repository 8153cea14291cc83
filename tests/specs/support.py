"""What the tests of specs share: a fixed world for templates, and files as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.findings import Finding
from dataflow_runner.specs.load import Loaded, Source, load
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig
from dataflow_runner.specs.template import World

DATA = Path(__file__).parent / "data"
IGLU_CENTRAL = Path(__file__).parents[3] / "shared" / "iglu-central"
VENDOR = "com.snowplowanalytics.dataflowrunner"
SECRET = "s3cr3t-from-the-store-0123456789"


def _secret(name: str) -> str:
    if name != "password":
        raise LookupError(name)
    return SECRET


def _nothing(name: str) -> str:
    raise LookupError(name)


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


WORLD = World(now=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), environment=_nothing, file=_no_file, secret=_secret)


def source(text: str | bytes, name: str = "spec.json") -> Source:
    """A file of that content."""
    return Source(name, text.encode() if isinstance(text, str) else text)


def spec(kind: str, version: str, data: Mapping[str, Any] | None = None, /, **members: Any) -> Source:
    """A self-describing JSON file."""
    envelope = {"schema": f"iglu:{VENDOR}/{kind}/avro/{version}", "data": {**(data or {}), **members}}
    return source(json.dumps(envelope, indent=1))


def cluster(outside: Mapping[str, Any] | None = None, /, **emr: Any) -> Source:
    """A right 2-0-0 cluster spec with other members of its fabric, and of the spec outside of it."""
    members = {
        "region": "eu-central-1",
        "releaseLabel": "emr-7.1.0",
        "roles": {"jobflow": "machines", "service": "emr"},
        "instances": {"groups": {"master": {"type": "m5.xlarge"}}},
        **emr,
    }
    return spec("ClusterConfig", "2-0-0", {"name": "a cluster", "fabric": {"emr": members}, **(outside or {})})


def playbook(*steps: Mapping[str, Any], **members: Any) -> Source:
    """A right 2-0-0 playbook, with these steps where they are given."""
    given = list(steps) or [{"name": "a step", "jar": "command-runner.jar", "arguments": ["true"]}]
    return spec("PlaybookConfig", "2-0-0", {"steps": given, **members})


def loaded(file: Source, **variables: str) -> Loaded[ClusterConfig | PlaybookConfig]:
    """The spec, which must be right."""
    return load(file, variables, WORLD)


def refused(file: Source, **variables: str) -> tuple[Finding, ...]:
    """The findings of a spec, which must be wrong."""
    with pytest.raises(SpecError) as caught:
        load(file, variables, WORLD)
    return caught.value.findings


def rules(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Rule and pointer of each."""
    return [(finding.rule, finding.pointer) for finding in findings]


def data_of(content: bytes) -> Any:
    """The data of a JSON spec without templates."""
    return json.loads(content)["data"]
