"""What every place for locks does, whatever keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.stores.consul_fake import FakeConsul
from tests.stores.samples import RUN, a_holder

from dataflow_runner.jobs.ids import ClusterId, RunId
from dataflow_runner.jobs.lock import Locks
from dataflow_runner.stores.consul import ConsulLocks
from dataflow_runner.stores.files import FileLocks
from dataflow_runner.stores.memory import MemoryJournal
from dataflow_runner.stores.sqlite import SqliteJournal


@dataclass(frozen=True)
class Place:
    locks: Locks
    another: Locks
    """The same place as a second process sees it."""
    folder: str
    """What every name there begins with."""

    def name(self, end: str = "nightly lock, ночь") -> str:
        return self.folder + end


@pytest.fixture(params=["memory", "sqlite", "files", "consul"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, consul: FakeConsul) -> AsyncIterator[Place]:
    memory = MemoryJournal()
    journals = [SqliteJournal.open(tmp_path / "journal.db") for _ in range(2)]
    yield {
        "memory": Place(memory.locks, memory.locks, ""),
        "sqlite": Place(journals[0].locks, journals[1].locks, ""),
        "files": Place(FileLocks(), FileLocks(), f"{tmp_path}/"),
        "consul": Place(ConsulLocks(consul.address), ConsulLocks(f"http://{consul.address}/"), "locks/%2F?#/"),
    }[request.param]
    for journal in journals:
        await journal.close()


async def test_a_free_lock_is_had_by_who_asks(place: Place) -> None:
    holder = a_holder(hard=True, cluster="j-1")
    assert await place.locks.holder(place.name()) is None
    assert await place.locks.acquire(place.name(), holder) == holder
    assert await place.another.holder(place.name()) == holder


@pytest.mark.parametrize("hard", [False, True])
async def test_a_held_lock_stays_its_holders_and_the_answer_says_whose(place: Place, hard: bool) -> None:
    first = a_holder("first", hard=hard)
    await place.locks.acquire(place.name(), first)
    assert await place.another.acquire(place.name(), a_holder("second")) == first
    assert await place.another.holder(place.name()) == first


async def test_taking_ones_own_lock_again_changes_only_its_cluster(place: Place) -> None:
    first = a_holder(hard=True)
    await place.locks.acquire(place.name(), first)
    again = replace(a_holder(cluster="j-7"), owner="after a resume")
    expected = replace(first, cluster_id=ClusterId("j-7"))
    assert await place.another.acquire(place.name(), again) == expected
    assert await place.locks.acquire(place.name(), a_holder()) == expected
    assert await place.locks.holder(place.name()) == expected


async def test_of_many_who_ask_at_once_one_has_the_lock_and_all_learn_who(place: Place) -> None:
    holders = [a_holder(f"run {number}") for number in range(8)]
    places = [place.locks, place.another] * 4
    tries = (locks.acquire(place.name(), holder) for locks, holder in zip(places, holders, strict=True))
    answers = await asyncio.gather(*tries)
    assert len({answer.run_id for answer in answers}) == 1
    assert await place.locks.holder(place.name()) == answers[0]


async def test_a_lock_is_let_go_by_its_holder_alone(place: Place) -> None:
    await place.locks.acquire(place.name(), a_holder())
    assert not await place.another.release(place.name(), RunId("other"))
    assert not await place.another.release(place.name(), RunId(""))
    assert not await place.another.release(place.name("another lock"), RUN)
    assert await place.locks.holder(place.name()) is not None
    assert await place.another.release(place.name(), RUN)
    assert not await place.locks.release(place.name(), RUN)
    assert (await place.another.acquire(place.name(), a_holder("next"))).run_id == "next"


async def test_a_broken_lock_is_free_and_its_holder_is_told(place: Place) -> None:
    await place.locks.acquire(place.name(), a_holder(hard=True))
    assert await place.another.break_lock(place.name()) == a_holder(hard=True)
    assert await place.another.break_lock(place.name()) is None
    assert await place.locks.holder(place.name()) is None
    assert not await place.locks.release(place.name(), RUN)


async def test_locks_of_different_names_have_nothing_to_do_with_each_other(place: Place) -> None:
    first, second = a_holder("first"), a_holder("second")
    assert await place.locks.acquire(place.name("a"), first) == first
    assert await place.locks.acquire(place.name("b"), second) == second
    await place.locks.release(place.name("a"), first.run_id)
    assert await place.locks.holder(place.name("b")) == second


async def test_many_turns_of_taking_and_letting_go_never_have_two_holders(place: Place) -> None:
    inside: list[RunId] = []

    async def take_turns(locks: Locks, holder_name: str) -> int:
        turns = 0
        for _ in range(12):
            if (await locks.acquire(place.name(), a_holder(holder_name))).run_id == holder_name:
                inside.append(RunId(holder_name))
                await asyncio.sleep(0)
                assert inside == [holder_name]
                inside.clear()
                turns += await locks.release(place.name(), RunId(holder_name))
        return turns

    turns = await asyncio.gather(take_turns(place.locks, "one"), take_turns(place.another, "two"))
    assert sum(turns) >= 12
    assert await place.locks.holder(place.name()) is None
