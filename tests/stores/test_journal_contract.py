"""What every journal does, whatever it is kept in."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.stores.samples import NOON, RUN, a_holder, a_job, a_request, a_run, an_entry, ended
from tests.stores.worlds import World

from dataflow_runner.errors import LeaseLost, RunHeld, UnknownRun
from dataflow_runner.jobs.ids import ClusterId, InstanceId, RunId
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.jobs.record import EntryKind, RunRecord


async def claimed(journal: Journal) -> RunRecord:
    await journal.create(a_run(), an_entry())
    return await journal.claim(RUN, await journal.register(NOON), NOON)


async def test_a_run_comes_back_as_it_was_created(journal: Journal) -> None:
    record = replace(
        ended(a_run()), cluster_id=ClusterId("j-9"), owner=InstanceId("me"), fence=3, updated_at=NOON + timedelta(1)
    )
    assert await journal.create(record, an_entry())
    assert await journal.load(RUN) == record


async def test_a_run_without_specs_comes_back_as_it_was_created(journal: Journal) -> None:
    record = replace(a_run(), job=replace(a_job(), playbook=None, cluster=None, lock=None, variables={}))
    await journal.create(record, an_entry())
    assert await journal.load(RUN) == record


async def test_a_run_id_that_is_taken_is_refused_and_changes_nothing(world: World) -> None:
    journal = world.journal
    first = a_run(text="first")
    assert await journal.create(first, an_entry("first"))
    assert not await world.open_another().create(a_run(text="second"), an_entry("second"))
    assert await journal.load(RUN) == first
    assert [entry.text for entry in await journal.history(RUN)] == ["first"]


async def test_of_many_creators_at_once_one_succeeds(world: World) -> None:
    journals = [world.open_another() for _ in range(4)]
    answers = await asyncio.gather(*(journal.create(a_run(), an_entry()) for journal in journals for _ in range(3)))
    assert sum(answers) == 1


async def test_an_unknown_run_is_named_with_its_journal(journal: Journal) -> None:
    instance = await journal.register(NOON)
    calls = (
        lambda: journal.load(RUN),
        lambda: journal.claim(RUN, instance, NOON),
        lambda: journal.history(RUN),
        lambda: journal.request(RUN, a_request()),
    )
    for call in calls:
        with pytest.raises(UnknownRun) as caught:
            await call()
        assert RUN in str(caught.value)
        assert journal.place in str(caught.value)
    assert await journal.requests(RUN) == ()


async def test_the_journals_id_is_the_same_for_all_who_use_it(world: World) -> None:
    first = await world.journal.journal_id()
    assert len(first) >= 16
    assert await world.open_another().journal_id() == first


async def test_instances_are_never_the_same(world: World) -> None:
    another = world.open_another()
    instances = [await journal.register(NOON) for journal in (world.journal, another) for _ in range(5)]
    assert len(set(instances)) == 10


async def test_a_claim_gives_the_run_to_the_instance_and_raises_its_fence(journal: Journal) -> None:
    await journal.create(a_run(), an_entry())
    instance = await journal.register(NOON)
    record = await journal.claim(RUN, instance, NOON + timedelta(seconds=5))
    assert record == replace(a_run(), owner=instance, fence=1, updated_at=NOON + timedelta(seconds=5))
    assert await journal.load(RUN) == record


async def test_a_run_whose_owner_lives_is_not_to_be_claimed(world: World) -> None:
    record = await claimed(world.journal)
    another = world.open_another()
    with pytest.raises(RunHeld) as caught:
        await another.claim(RUN, await another.register(NOON), NOON)
    assert caught.value.owner == record.owner
    assert await another.load(RUN) == record


async def test_an_instance_lives_until_it_is_released_or_killed_whoever_asks(world: World) -> None:
    dead = await world.let_an_owner_die()
    instance = await world.journal.register(NOON)
    another = world.open_another()
    assert await another.is_living(instance)
    assert not await another.is_living(dead)
    await world.journal.release_instance(instance)
    assert not await another.is_living(instance)


async def test_a_run_whose_owner_was_killed_is_claimed_at_once(world: World) -> None:
    dead = await world.let_an_owner_die()
    journal = world.journal
    stale = await journal.load(RUN)
    assert (stale.owner, stale.fence) == (dead, 1)
    record = await journal.claim(RUN, await journal.register(NOON), NOON)
    assert record.fence == 2
    with pytest.raises(LeaseLost):
        await journal.save(stale, an_entry("from beyond"))
    assert [entry.text for entry in await journal.history(RUN)] == ["begun"]


async def test_of_many_claims_at_once_one_succeeds(world: World) -> None:
    await world.journal.create(a_run(), an_entry())
    journals = [world.open_another() for _ in range(4)]
    instances = [await journal.register(NOON) for journal in journals]
    claims = (journal.claim(RUN, instance, NOON) for journal, instance in zip(journals, instances, strict=True))
    answers = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(answer, RunRecord) for answer in answers) == 1
    assert sum(isinstance(answer, RunHeld) for answer in answers) == 3


async def test_a_save_writes_state_and_history_together(journal: Journal) -> None:
    record = await claimed(journal)
    later = replace(ended(record), state=b"", cluster_id=ClusterId("j-2"), updated_at=NOON + timedelta(hours=1))
    await journal.save(later, an_entry("launched", EntryKind.OUTCOME))
    assert await journal.load(RUN) == later
    assert await journal.history(RUN) == (an_entry(), an_entry("launched", EntryKind.OUTCOME))


async def test_what_a_run_was_created_as_is_never_rewritten(journal: Journal) -> None:
    record = await claimed(journal)
    changed = replace(record, job=replace(record.job, name="other"), created_at=NOON + timedelta(days=1))
    await journal.save(changed, an_entry())
    assert await journal.load(RUN) == record


@pytest.mark.parametrize("call", ["save", "hand_back"])
@pytest.mark.parametrize("stale", ["owner", "fence", "nobody", "unknown run"])
async def test_a_write_by_another_than_the_owner_is_refused_whole(journal: Journal, call: str, stale: str) -> None:
    record = await claimed(journal)
    wrong = {
        "owner": replace(record, owner=InstanceId("another")),
        "fence": replace(record, fence=record.fence - 1),
        "nobody": replace(record, owner=None),
        "unknown run": replace(record, job=a_job(RunId("other"))),
    }[stale]
    with pytest.raises(LeaseLost):
        await getattr(journal, call)(replace(wrong, phase="RUNNING"), an_entry("stolen"))
    assert await journal.load(RUN) == record
    assert await journal.history(RUN) == (an_entry(),)


async def test_a_run_that_nobody_owns_may_be_saved_by_who_knows_its_fence(journal: Journal) -> None:
    await journal.create(a_run(), an_entry())
    await journal.save(replace(a_run(), phase="CHECKED"), an_entry())
    assert (await journal.load(RUN)).phase == "CHECKED"


async def test_a_run_that_was_handed_back_may_be_claimed_while_its_owner_lives(world: World) -> None:
    record = await claimed(world.journal)
    await world.journal.hand_back(replace(record, phase="RUNNING", state=b"2"), an_entry("stopped"))
    left = await world.journal.load(RUN)
    assert (left.owner, left.fence, left.phase, left.state) == (None, 1, "RUNNING", b"2")
    another = world.open_another()
    assert (await another.claim(RUN, await another.register(NOON), NOON)).fence == 2
    with pytest.raises(LeaseLost):
        await world.journal.save(record, an_entry())


async def test_releasing_an_instance_hands_back_its_runs_alone(journal: Journal) -> None:
    mine, other = await journal.register(NOON), await journal.register(NOON)
    for run_id, instance in (("a", mine), ("b", mine), ("c", other)):
        await journal.create(a_run(run_id), an_entry())
        await journal.claim(RunId(run_id), instance, NOON)
    await journal.release_instance(mine)
    await journal.release_instance(mine)
    await journal.release_instance(InstanceId("unheard of"))
    owners = {run.run_id: (run.owner, run.fence) for run in await journal.list_runs()}
    assert owners == {"a": (None, 1), "b": (None, 1), "c": (other, 1)}


async def test_a_released_instance_lives_no_more(world: World) -> None:
    instance = await world.journal.register(NOON)
    await world.journal.release_instance(instance)
    await world.journal.create(replace(a_run(), owner=instance), an_entry())
    another = world.open_another()
    assert (await another.claim(RUN, await another.register(NOON), NOON)).fence == 1


async def test_history_keeps_the_order_of_writing_even_when_the_clock_was_set_back(journal: Journal) -> None:
    record = await claimed(journal)
    entries = [replace(an_entry(f"line {n}"), at=NOON - timedelta(seconds=n)) for n in range(20)]
    for entry in entries:
        await journal.save(record, entry)
    assert await journal.history(RUN) == (an_entry(), *entries)


async def test_requests_are_read_in_the_order_in_which_they_were_made(world: World) -> None:
    await world.journal.create(a_run(), an_entry())
    await world.journal.create(a_run("other"), an_entry())
    asked = [a_request(by) for by in ("jo@a", "ann@b", "jö@c")]
    for request in asked:
        await world.open_another().request(RUN, request)
    assert await world.journal.requests(RUN) == tuple(asked)
    assert await world.journal.requests(RunId("other")) == ()


async def test_runs_are_listed_newest_first_and_of_one_instant_the_last_added_first(journal: Journal) -> None:
    for run_id, age_s in (("old", 60), ("new", 0), ("older", 3600.5), ("new too", 0)):
        await journal.create(a_run(run_id, age_s=age_s), an_entry())
    assert [run.run_id for run in await journal.list_runs()] == ["new too", "new", "old", "older"]
    assert [run.run_id for run in await journal.list_runs(limit=2)] == ["new too", "new"]
    assert await journal.list_runs(limit=0) == ()
    assert await journal.list_runs(limit=-1) == ()


async def test_only_runs_that_have_not_ended_are_live(journal: Journal) -> None:
    await journal.create(a_run("live"), an_entry())
    await journal.create(ended(a_run("ended")), an_entry())
    await journal.create(replace(a_run("lowering"), phase="LOWERING", verdict="FAILED"), an_entry())
    live = await journal.list_runs(live_only=True)
    assert [run.run_id for run in live] == ["lowering", "live"]
    assert not any(run.has_ended for run in live)
    assert len(await journal.list_runs()) == 3


async def test_a_spec_of_5_mb_with_any_character_comes_back_whole(journal: Journal) -> None:
    dice = random.Random(5)
    alphabet = 'abcdefghij{}":,\n\t\0é漢\U0001f680\u2028'
    text = "".join(dice.choices(alphabet, k=10_000)) * 400
    assert len(text.encode()) > 5_000_000
    record = a_run(text=text)
    await journal.create(record, an_entry())
    assert await journal.load(RUN) == record


async def test_text_that_is_no_unicode_never_keeps_a_run_from_being_written(journal: Journal) -> None:
    record = await claimed(journal)
    await journal.save(replace(record, reason="lone \udcff"), an_entry("half \ud83d"))
    await journal.request(RUN, a_request("j\udcff"))
    assert (await journal.load(RUN)).reason.startswith("lone ")
    assert (await journal.history(RUN))[-1].text.startswith("half ")


async def test_a_soft_lock_is_taken_over_only_when_its_run_has_ended_in_the_journal(world: World) -> None:
    journal = world.journal
    record = await claimed(journal)
    await journal.locks.acquire("soft", a_holder(RUN))
    await journal.locks.acquire("hard", a_holder(RUN, hard=True))
    await journal.locks.acquire("unknown", a_holder("elsewhere"))
    second, locks = a_holder("second"), world.open_another().locks
    assert (await locks.acquire("soft", second)).run_id == RUN
    await journal.save(ended(record), an_entry())
    assert await locks.acquire("soft", second) == second
    assert await locks.holder("soft") == second
    assert (await locks.acquire("hard", second)).run_id == RUN
    assert (await locks.acquire("unknown", second)).run_id == "elsewhere"
    assert not await locks.release("soft", RUN)


async def test_closing_twice_is_safe_and_ends_the_lives_of_its_instances(world: World) -> None:
    another = world.open_another()
    await claimed(another)
    await another.close()
    await another.close()
    assert (await world.journal.claim(RUN, await world.journal.register(NOON), NOON)).fence == 2


async def test_a_write_that_has_begun_is_carried_to_its_end_though_its_caller_is_cancelled(journal: Journal) -> None:
    record = await claimed(journal)
    for turns in range(1, 12):
        task = asyncio.create_task(journal.save(replace(record, phase=f"p{turns}"), an_entry(f"p{turns}")))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await journal.load(RUN)).phase == f"p{turns}"
    assert [entry.text for entry in await journal.history(RUN)] == ["begun", *(f"p{turns}" for turns in range(1, 12))]


async def test_a_cancelled_first_call_leaves_the_journal_usable(world: World) -> None:
    for turns in range(12):
        journal = world.open_another()
        task = asyncio.create_task(journal.journal_id())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await journal.journal_id() == await world.journal.journal_id()
