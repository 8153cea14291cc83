"""What is particular to the journal in a file: its file, its format, and other processes."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import shutil
import sqlite3
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.stores.privileges import open_to_all, unprivileged
from tests.stores.samples import NOON, RUN, a_holder, a_job, a_run, an_entry, finish_child, start_child
from tests.stores.worlds import SqliteWorld

from dataflow_runner.errors import InputError, JournalBroken, StoreUnavailable
from dataflow_runner.stores.sqlite import SqliteJournal
from dataflow_runner.stores.sqlite_file import MIGRATIONS

pytestmark = pytest.mark.integration

Open = Callable[[Path], SqliteJournal]


@pytest.fixture
async def open_at() -> AsyncIterator[Open]:
    """Opens journals that are closed when the test ends."""
    opened: list[SqliteJournal] = []

    def open_journal(path: Path) -> SqliteJournal:
        opened.append(SqliteJournal.open(path))
        return opened[-1]

    yield open_journal
    for journal in opened:
        await journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Look at the file, or tamper with it, as another program would."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def start_all(*arguments: str | Path, count: int = 4) -> list[Process]:
    """Children that wait, ready, for the word to begin."""
    children = [await start_child(*arguments) for _ in range(count)]
    for child in children:
        assert child.stdout
        assert await child.stdout.readline() == b"ready\n"
    return children


async def test_runs_and_locks_outlive_the_process(path: Path, open_at: Open) -> None:
    first = open_at(path)
    await first.create(a_run(), an_entry())
    await first.locks.acquire("nightly", a_holder(hard=True))
    identity = await first.journal_id()
    await first.close()
    second = open_at(path)
    assert await second.load(RUN) == a_run()
    assert await second.locks.holder("nightly") == a_holder(hard=True)
    assert await second.journal_id() == identity


async def test_processes_that_make_the_journal_at_once_make_one_and_each_run_once(path: Path, open_at: Open) -> None:
    children = await start_all("create", path, "25")
    lines = await asyncio.gather(*(finish_child(child) for child in children))
    created = list(itertools.chain(*lines))
    assert sorted(created) == sorted(f"r{number}" for number in range(25))
    assert len(await open_at(path).list_runs()) == 25


async def test_of_processes_that_claim_at_once_one_has_the_run(path: Path, open_at: Open) -> None:
    await open_at(path).create(a_run(), an_entry())
    children = await start_all("claim", path)
    answers = []
    for child in children:
        assert child.stdin
        child.stdin.write(b"\n")
    for child in children:
        assert child.stdout
        answers.append(await child.stdout.readline())
    await asyncio.gather(*(finish_child(child) for child in children))
    assert sorted(answers) == [b"claimed\n", b"held\n", b"held\n", b"held\n"]


async def test_files_of_dead_instances_are_cleared_away_by_the_next(path: Path, open_at: Open) -> None:
    folder = path.with_name("journal.db.instances")
    child = await start_child("drive", path)
    assert child.stdout
    dead = (await child.stdout.readline()).decode().strip()
    assert (folder / dead).read_text() == f"process {child.pid}, since 2026-01-02 12:00:00 UTC\n"
    journal = open_at(path)
    first = await journal.register(NOON)
    assert names_in(folder) == {dead, first}
    child.kill()
    await child.communicate()
    second = await journal.register(NOON)
    assert names_in(folder) == {first, second}
    await journal.close()
    assert names_in(folder) == set()


async def test_one_who_looks_whether_an_owner_lives_is_not_taken_for_the_owner(path: Path, open_at: Open) -> None:
    """Looking locks the owner's file for a moment; two may look at once."""
    dead = await SqliteWorld(path).let_an_owner_die()
    folder = path.with_name("journal.db.instances")
    journal = open_at(path)
    instance = await journal.register(NOON)  # which clears away what it finds
    fill(folder / dead, b"")
    descriptor = os.open(folder / dead, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        assert (await journal.claim(RUN, instance, NOON)).fence == 2
    finally:
        os.close(descriptor)


async def test_a_program_started_by_an_owner_does_not_keep_its_life(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    await journal.create(a_run(), an_entry())
    await journal.claim(RUN, await journal.register(NOON), NOON)
    program = await asyncio.create_subprocess_exec("sleep", "60", close_fds=False)
    await journal.close()
    another = open_at(path)
    assert (await another.claim(RUN, await another.register(NOON), NOON)).fence == 2
    program.kill()
    await program.wait()


async def test_a_link_to_a_journal_is_that_journal(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    await journal.create(a_run(), an_entry())
    link = path.with_name("link.db")
    link.symlink_to(path)
    linked = open_at(link)
    assert linked.place == journal.place
    assert await linked.load(RUN) == a_run()


async def test_the_same_spec_is_kept_once(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    for number in range(5):
        await journal.create(a_run(f"r{number}", text="spec " * 10_000), an_entry())
    assert not await journal.create(a_run("r0", text="of a run that there is already"), an_entry())
    assert execute(path, "SELECT count(*), sum(length(body)) < 2000 FROM specs") == [(2, 1)]


async def test_every_commit_is_on_the_disk_before_it_counts(path: Path, open_at: Open) -> None:
    """WAL with anything less than synchronous=FULL may lose the last commits in a power cut."""
    journal = open_at(path)
    await journal.create(a_run(), an_entry())
    assert execute(path, "PRAGMA journal_mode") == [("wal",)]
    (row,) = await journal._file.read("PRAGMA synchronous")
    assert row[0] == 2


async def test_what_a_newer_version_added_to_a_job_is_ignored(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    await journal.create(a_run(), an_entry())
    await journal.locks.acquire("nightly", a_holder())
    execute(path, "UPDATE runs SET job = CAST(json_set(job, '$.priority', 7, '$.lock.ttl', 'x') AS BLOB)")
    execute(path, "UPDATE locks SET holder = CAST(json_set(holder, '$.host', 'h') AS BLOB)")
    assert await journal.load(RUN) == a_run()
    assert await journal.locks.holder("nightly") == a_holder()


async def test_what_an_older_version_did_not_write_takes_its_default(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    await journal.create(a_run(), an_entry())
    execute(path, "UPDATE runs SET job = CAST(json_remove(job, '$.detach', '$.salt') AS BLOB)")
    assert (await journal.load(RUN)).job == replace(a_job(text="{}"), detach=False, salt="")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET job = CAST(json_set(job, '$.kind', 'LATER') AS BLOB)",
        "UPDATE runs SET job = CAST('{' AS BLOB)",
        "UPDATE runs SET created_at = 'yesterday'",
        "UPDATE specs SET body = x'00'",
        "DELETE FROM specs",
    ],
)
async def test_a_row_that_can_not_be_read_is_said_to_be_so(path: Path, open_at: Open, statement: str) -> None:
    journal = open_at(path)
    await journal.create(a_run(), an_entry())
    execute(path, statement)
    for call in (journal.load(RUN), journal.list_runs()):
        with pytest.raises(JournalBroken, match=rf"a row of the journal {path} can't be read: .*newer .*or the file"):
            await call


async def test_variables_that_are_no_text_are_refused_and_nothing_is_written(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    record = replace(a_run(), job=replace(a_job(), variables={"v": "\udcff"}))
    with pytest.raises(InputError, match=r"is not text; give its specs and variables in UTF-8"):
        await journal.create(record, an_entry())
    assert await journal.list_runs() == ()


async def test_a_file_that_is_no_database_is_left_alone(path: Path, open_at: Open) -> None:
    fill(path, b"Dear Jo, " * 1000)
    with pytest.raises(JournalBroken, match=r"it is no SQLite database; name another file with --journal sqlite:PATH"):
        await open_at(path).load(RUN)
    assert content_of(path) == b"Dear Jo, " * 1000


async def test_another_programs_database_is_left_alone(path: Path, open_at: Open) -> None:
    execute(path, "CREATE TABLE theirs (x)")
    before = content_of(path)
    with pytest.raises(JournalBroken, match="the database of another program"):
        await open_at(path).create(a_run(), an_entry())
    assert content_of(path) == before


async def test_a_journal_of_a_newer_version_is_left_alone(path: Path, open_at: Open) -> None:
    await open_at(path).journal_id()
    execute(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(JournalBroken, match=r"written by a newer dataflow-runner \(its version is \d+"):
        await open_at(path).list_runs()


async def test_a_damaged_journal_says_what_to_do(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    for number in range(50):
        await journal.create(a_run(f"r{number}"), an_entry("text " * 1000))
    await journal.close()
    content = content_of(path)
    fill(path, content[:4096] + bytes(len(content) - 4096))
    with pytest.raises(JournalBroken, match=r"damaged; move it away, or restore it from a backup"):
        await open_at(path).list_runs()


async def test_a_truncated_journal_says_what_to_do(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    await journal.create(a_run(text="".join(map(str, range(20_000)))), an_entry())
    await journal.close()
    fill(path, content_of(path)[:9000])
    with pytest.raises(JournalBroken, match="damaged"):
        await open_at(path).load(RUN)


async def test_an_empty_file_becomes_a_journal(path: Path, open_at: Open) -> None:
    fill(path, b"")
    assert await open_at(path).create(a_run(), an_entry())


async def test_a_folder_in_the_journals_place_is_named(path: Path, open_at: Open) -> None:
    with pytest.raises(JournalBroken, match=rf"the journal {path.parent} is not a file"):
        await open_at(path.parent).list_runs()


async def test_a_file_in_the_way_of_the_folder_is_said(tmp_path: Path, open_at: Open) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(JournalBroken, match=r"state/journal\.db can't be made or read: .*name another with --journal"):
        await open_at(tmp_path / "state" / "journal.db").list_runs()


@pytest.mark.parametrize(("mode", "place"), [(0o555, "journal.db"), (0o555, "state/journal.db"), (0o000, "journal.db")])
async def test_a_folder_that_may_not_be_used_is_said(open_at: Open, mode: int, place: str) -> None:
    with open_to_all() as folder:
        folder.chmod(mode)
        with unprivileged(), pytest.raises(JournalBroken, match=r"Permission denied; make its folder writable"):
            await open_at(folder / place).list_runs()


async def test_a_file_that_may_not_be_read_is_said(open_at: Open) -> None:
    with open_to_all() as folder:
        await open_at(folder / "journal.db").journal_id()
        (folder / "journal.db").chmod(0o000)
        with unprivileged(), pytest.raises(JournalBroken, match=r"journal\.db can't be .*readable for this user"):
            await open_at(folder / "journal.db").list_runs()


async def test_a_read_only_journal_can_be_read_and_a_write_says_how_to_mend_it(open_at: Open) -> None:
    with open_to_all() as folder:
        path = folder / "journal.db"
        with unprivileged():
            first = open_at(path)
            await first.create(a_run(), an_entry())
            await first.close()
            path.chmod(0o444)
            journal = open_at(path)
            assert await journal.load(RUN) == a_run()
            with pytest.raises(StoreUnavailable, match=rf"{path} is not usable now: the file .* make both writable"):
                await journal.save(a_run(), an_entry())
            await journal.close()


async def test_a_folder_of_instances_that_may_not_be_written_is_said(path: Path, open_at: Open) -> None:
    path.with_name("journal.db.instances").touch()
    with pytest.raises(StoreUnavailable, match=r"journal\.db\.instances can't be used: .*must be a folder"):
        await open_at(path).register(NOON)


def on_a_small_disk(folder: Path) -> tuple[str, ...]:
    """The beginning of a command that runs with a file system of 1 MB mounted on a folder, for it alone."""
    script = f'mount -t tmpfs -o size=1m tmpfs "{folder}" && exec "$@"'
    prefix = ("unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    return prefix


async def test_a_full_disk_loses_nothing_and_the_same_write_works_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    child = await start_child("overfill", path, "full", prefix=on_a_small_disk(tmp_path))
    error, message, created, is_whole = await finish_child(child)
    assert error == "StoreUnavailable"
    assert f"{path} is not usable now: its disk is full; free space there" in message
    assert (created, is_whole) == ("True", "True")


async def test_a_disk_that_refuses_to_write_loses_nothing(path: Path) -> None:
    """A limit on the size of files stands for a quota: the write fails in the middle of the file."""
    error, message, created, is_whole = await finish_child(await start_child("overfill", path, "limited"))
    assert error == "StoreUnavailable"
    assert f"{path} is not usable now: its disk refused to read or write" in message
    assert (created, is_whole) == ("True", "True")


async def test_a_closed_journal_is_not_opened_again_by_mistake(path: Path, open_at: Open) -> None:
    journal = open_at(path)
    await journal.close()
    with pytest.raises(RuntimeError, match="was closed"):
        await journal.list_runs()
