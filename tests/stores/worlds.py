"""The journals that the contract holds for, each with the means to start a second user and to kill one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tests.stores.samples import NOON, RUN, a_run, an_entry, start_child

from dataflow_runner.jobs.ids import InstanceId
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.stores.memory import MemoryJournal
from dataflow_runner.stores.sqlite import SqliteJournal


class World(Protocol):
    """A journal and those who use it."""

    @property
    def journal(self) -> Journal:
        """The journal as its first user has it."""

    def open_another(self) -> Journal:
        """The same journal as a second user has it."""

    async def let_an_owner_die(self) -> InstanceId:
        """Have the run RUN created and claimed by a process that is killed then; that process's instance."""

    async def close(self) -> None: ...


class MemoryWorld:
    def __init__(self) -> None:
        self._journal = MemoryJournal()

    @property
    def journal(self) -> Journal:
        return self._journal

    def open_another(self) -> Journal:
        return self._journal

    async def let_an_owner_die(self) -> InstanceId:
        instance = await self.journal.register(NOON)
        await self.journal.create(a_run(), an_entry())
        await self.journal.claim(RUN, instance, NOON)
        self._journal.kill(instance)
        return instance

    async def close(self) -> None:
        await self.journal.close()


class SqliteWorld:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened = [SqliteJournal.open(path)]

    @property
    def journal(self) -> Journal:
        return self._opened[0]

    def open_another(self) -> Journal:
        self._opened.append(SqliteJournal.open(self.path))
        return self._opened[-1]

    async def let_an_owner_die(self) -> InstanceId:
        child = await start_child("drive", self.path)
        assert child.stdout
        instance = InstanceId((await child.stdout.readline()).decode().strip())
        child.kill()
        await child.communicate()
        return instance

    async def close(self) -> None:
        for journal in self._opened:
            await journal.close()
