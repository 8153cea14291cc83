"""docs/specs.md against the schemas and the rules."""

from __future__ import annotations

from typing import Any

import pytest
from tests.docs.pages import page, rows, section, spans
from tests.docs.schema_rows import read_schema, records, row_of

from dataflow_runner.specs import bounds
from dataflow_runner.specs.lint import common, playbook
from dataflow_runner.specs.template.functions import ARITY

PAGE = page("specs.md")
CURRENT = [
    pytest.param(record, id=record["name"])
    for name in ("ClusterConfig", "PlaybookConfig")
    for record in records(read_schema(name, "2-0-0"))
]


@pytest.mark.parametrize("record", CURRENT)
def test_every_field_of_a_schema_has_its_row(record: dict[str, Any]) -> None:
    """Name, type, default and doc, word for word; a failure prints the row that is wanted."""
    wanted = [row_of(field) for field in record["fields"]]
    assert rows(section(PAGE, record["name"])) == wanted, "\n".join(f"| {' | '.join(row)} |" for row in wanted)


@pytest.mark.parametrize(("name", "version"), [("ClusterConfig", "1-1-0"), ("PlaybookConfig", "1-0-1")])
def test_the_upgrade_says_what_becomes_of_every_old_field(name: str, version: str) -> None:
    told = set(spans(section(PAGE, "Files of the 1-x generation")))
    fields = {field["name"] for record in records(read_schema(name, version)) for field in record["fields"]}
    containers = {"ec2", "location", "instances", "ebsBlockDeviceConfigs"}
    assert fields - told <= containers - told


def test_every_function_of_templates_is_listed() -> None:
    first_column = " ".join(row[0] for row in rows(section(PAGE, "Templates")))
    assert {name for name in ARITY if f"`{name}" not in first_column} == set()


def test_the_limits_are_those_of_the_rules() -> None:
    table = {row[0]: row[1] for row in rows(section(PAGE, "Limits"))}
    assert list(table.values())[:6] == [
        f"{bounds.MAX_BYTES >> 20} MiB",
        str(bounds.MAX_DEPTH),
        f"{bounds.MAX_VALUES:,}",
        str(playbook.MAX_STEPS),
        f"{playbook.MAX_STEP_TEXT:,}",
        str(common.MAX_NAME),
    ]
    assert table["tags"].startswith(f"{common.MAX_TAGS} ")
