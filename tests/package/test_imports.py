"""What importing this project needs, and what its help must not wait for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

HEAVY = [
    "aiobotocore",
    "aiohttp",
    "asyncio",
    "botocore",
    "fastavro",
    "jsonschema",
    "msgspec",
    "pydantic",
    "rich",
    "yaml",
]


def test_the_help_of_snowplowctl_waits_for_no_heavy_library() -> None:
    """Those of the two other programs are tested beside their other commands."""
    code = f"""
        import json, sys
        from snowplowctl.cli import main
        sys.argv = ["snowplowctl", "--help"]
        try:
            main()
        except SystemExit as left:
            assert not left.code, left.code
        print(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))
    """
    *shown, heavy = python(code).splitlines()
    assert "Usage: snowplowctl" in shown[0]
    assert json.loads(heavy) == []


@pytest.mark.parametrize("package", ["dataflow_runner", "snowplowctl"])
def test_no_module_of_a_program_needs_what_only_the_emulator_carries(package: str) -> None:
    """An entry of None in sys.modules makes an import fail, as if the library weren't installed."""
    code = f"""
        import importlib, pkgutil, sys
        for absent in ("moto", "yaml", "emr_emulator", "sentry_sdk"):
            sys.modules[absent] = None
        package = importlib.import_module({package!r})
        names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
        for name in names:
            if not name.endswith("__main__"):
                importlib.import_module(name)
        print(len(names))
    """
    assert int(python(code)) > 0


def python(code: str) -> str:
    """Run a program in an interpreter of its own; what it printed."""
    lines = [line.removeprefix(" " * 8) for line in code.splitlines()]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
