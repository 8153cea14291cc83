"""The budget that bounds the memory of a run."""

from __future__ import annotations

import asyncio

from emr_emulator.s3distcp.transfer import Budget


async def test_work_begins_only_while_the_total_allows_it() -> None:
    budget = Budget(10)
    held = most = 0

    async def work(amount: int) -> None:
        nonlocal held, most
        async with budget.share(amount):
            held += amount
            most = max(most, held)
            await asyncio.sleep(0)
            held -= amount

    async with asyncio.TaskGroup() as group:
        for amount in (4, 4, 4, 9, 1, 10, 2, 0):
            group.create_task(work(amount))
    assert most == 10
    assert held == 0


async def test_more_than_the_total_gets_all_of_it_instead_of_waiting_for_ever() -> None:
    async with asyncio.timeout(5), Budget(10).share(11):
        pass


async def test_a_share_comes_back_when_the_work_fails_or_is_cancelled() -> None:
    budget = Budget(1)
    waiting = asyncio.create_task(_hold(budget))
    await asyncio.sleep(0)
    second = asyncio.create_task(_hold(budget))
    await asyncio.sleep(0)
    for task in (second, waiting):
        task.cancel()
    await asyncio.wait([waiting, second])
    async with asyncio.timeout(5), budget.share(1):
        pass


async def _hold(budget: Budget) -> None:
    async with budget.share(1):
        await asyncio.Event().wait()
