from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.stores.consul_fake import FakeConsul
from tests.stores.worlds import MemoryWorld, SqliteWorld, World

from dataflow_runner.jobs.journal import Journal


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    world: World = MemoryWorld() if request.param == "memory" else SqliteWorld(tmp_path / "journal.db")
    yield world
    await world.close()


@pytest.fixture
def journal(world: World) -> Journal:
    return world.journal


@pytest.fixture
async def consul() -> AsyncIterator[FakeConsul]:
    async with FakeConsul() as fake:
        yield fake
