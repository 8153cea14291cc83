"""A command imports what it needs and no more: start-up time counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli import specs
from tests.cli.program import bare_environment

pytestmark = pytest.mark.integration

HEAVY = {"aiobotocore", "aiohttp", "botocore", "fastavro", "jsonschema", "msgspec", "pydantic", "rich", "structlog"}

_LISTS_MODULES = """
import sys
sys.argv[0] = "dataflow-runner"
from dataflow_runner.cli.main import main
try:
    main()
finally:
    print("|".join(["", *sys.modules]), file=sys.stderr)
"""


def _imported(folder: Path, *arguments: str) -> set[str]:
    """The packages that a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", _LISTS_MODULES, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=bare_environment(folder),
        check=True,
    )
    modules = done.stderr.splitlines()[-1].split("|")
    return {module.partition(".")[0] for module in modules if module}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help"), ("runs", "--help")])
def test_help_imports_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    imported = _imported(tmp_path, *arguments)
    assert "click" in imported
    assert imported & HEAVY == set()


def test_validating_json_needs_neither_aws_nor_avro(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(specs.cluster()))
    (tmp_path / "p.json").write_text(json.dumps(specs.playbook("one")))
    assert _imported(tmp_path, "validate", "c.json", "p.json") & {"aiobotocore", "botocore", "fastavro"} == set()
