from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.desk import SCENARIO, Desk, make_program

from emr_emulator.testing import EmulatorProcess, running_emulator


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("scenario") / "scenario.yml"
    path.write_text(SCENARIO)
    return str(path)


@pytest.fixture(scope="session")
def simulated(scenario: str) -> Iterator[EmulatorProcess]:
    with running_emulator("--simulate", "--scenario", scenario) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def laptop(scenario: str) -> Iterator[EmulatorProcess]:
    with running_emulator("--scenario", scenario) as emulator:
        yield emulator


def _desk(folder: Path, emulator: EmulatorProcess) -> Iterator[Desk]:
    emulator.reset()
    with make_program(folder, emulator).cleaned_up() as program:
        yield Desk(program, emulator)


@pytest.fixture
def desk(tmp_path: Path, simulated: EmulatorProcess) -> Iterator[Desk]:
    """At an emulator whose steps do as the scenario says."""
    yield from _desk(tmp_path, simulated)


@pytest.fixture
def workbench(tmp_path: Path, laptop: EmulatorProcess) -> Iterator[Desk]:
    """At an emulator whose steps really run."""
    yield from _desk(tmp_path, laptop)
