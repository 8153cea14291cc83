"""What an install from the wheel has, and what it doesn't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.package.wheel import ROOT, Wheel

pytestmark = pytest.mark.integration

PACKAGES = ("dataflow_runner", "snowplowctl", "emr_emulator")
EMULATOR_ONLY = {"moto", "pyyaml"}


def test_every_module_of_the_three_packages_is_in_it_and_no_test(wheel: Wheel) -> None:
    sources = {path.relative_to(ROOT / "daemon").as_posix() for path in (ROOT / "daemon").rglob("*.py")}
    assert {name for name in wheel.files if name.endswith(".py")} == sources
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in wheel.files} == set(PACKAGES)


def test_each_package_says_that_it_is_typed(wheel: Wheel) -> None:
    assert {f"{name}/py.typed" for name in PACKAGES} <= wheel.files


def test_the_registry_is_shipped_whole(wheel: Wheel) -> None:
    registry = {path.relative_to(ROOT).as_posix() for path in (ROOT / "schemas").rglob("*") if path.is_file()}
    shipped = {name for name in wheel.files if name.startswith("dataflow_runner/schemas/")}
    assert shipped == {f"dataflow_runner/{path}" for path in registry}
    assert registry


def test_three_commands_are_named(wheel: Wheel) -> None:
    assert set(wheel.scripts) == {"dataflow-runner", "snowplowctl", "emr-emulator"}


def test_only_the_extra_emulator_asks_for_what_the_emulator_needs(wheel: Wheel) -> None:
    assert {"aiobotocore", "click", "fastavro"} <= wheel.requirements()
    assert not EMULATOR_ONLY & wheel.requirements()
    assert wheel.requirements("emulator") == EMULATOR_ONLY


def test_it_carries_its_licence_and_its_version(wheel: Wheel) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in wheel.files)
    assert wheel.metadata["Version"] in wheel.path.name


def test_an_installed_runner_finds_its_registry_beside_itself(installed: Path) -> None:
    code = (
        "import dataflow_runner; from dataflow_runner.specs import registry; print(dataflow_runner.__file__);"
        " print(len([registry.schema(key) for key in registry.known()]))"
    )
    where, count = run(installed, [sys.executable, "-c", code]).splitlines()
    assert Path(where).is_relative_to(installed)
    assert int(count) == sum(path.is_file() for path in (ROOT / "schemas").rglob("*"))


@pytest.mark.parametrize("command", ["dataflow-runner", "snowplowctl", "emr-emulator"])
def test_an_installed_command_runs(installed: Path, command: str) -> None:
    assert "Usage: " in run(installed, [str(installed / "bin" / command), "--help"])


def run(installed: Path, command: list[str]) -> str:
    """Run a program that sees the installed wheel before this checkout, from a folder that holds neither."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(installed), "PYTHONPATH": str(installed)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=installed.parent)
    return done.stdout
