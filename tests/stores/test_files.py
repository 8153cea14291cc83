from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import msgspec
import pytest
from tests.stores.privileges import open_to_all, unprivileged
from tests.stores.samples import RUN, a_holder

from dataflow_runner.errors import InputError
from dataflow_runner.stores.files import FileLocks


async def test_the_first_line_is_a_process_id_as_the_go_runner_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    await FileLocks().acquire(str(path), a_holder(cluster="j-1"))
    first, second = path.read_text("utf-8").splitlines()
    assert int(first) == os.getpid()
    assert msgspec.json.decode(second)["cluster_id"] == "j-1"
    assert path.stat().st_mode & 0o777 == 0o644


async def test_nothing_but_the_lock_is_left_in_the_folder(tmp_path: Path) -> None:
    locks, path = FileLocks(), tmp_path / "lock"
    await locks.acquire(str(path), a_holder())
    await locks.acquire(str(path), a_holder(cluster="j-1"))
    await locks.acquire(str(path), a_holder("other"))
    assert [found.name for found in os.scandir(tmp_path)] == ["lock"]
    await locks.release(str(path), RUN)
    assert not any(os.scandir(tmp_path))


async def test_a_lock_of_the_go_runner_is_another_programs(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("4711\n")
    held = await FileLocks().acquire(str(path), a_holder())
    assert str(held).startswith("another program (process 4711, since ")
    assert path.read_text() == "4711\n"
    assert not await FileLocks().release(str(path), RUN)
    assert (await FileLocks().break_lock(str(path))) == held
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"\n", b"notes\n", b"\xff\xfe\x00", b"{}", b"-3\n", b"9" * 100_000])
async def test_a_foreign_file_is_held_by_something_unknown_and_never_overwritten(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "lock"
    path.write_bytes(content)
    held = await FileLocks().acquire(str(path), a_holder())
    assert held.run_id == ""
    assert "something unknown" in held.owner
    assert path.read_bytes() == content


async def test_a_file_that_is_no_lock_is_not_removed_even_when_told_to_break_it(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Jo,\n")
    with pytest.raises(InputError, match=r"letter\.txt is not a lock file"):
        await FileLocks().break_lock(str(path))
    assert path.exists()


async def test_an_empty_file_may_be_broken(tmp_path: Path) -> None:
    """It may be what a full disk left of a Go runner's lock."""
    path = tmp_path / "lock"
    path.touch()
    assert "wrote nothing" in str(await FileLocks().break_lock(str(path)))
    assert not path.exists()


@pytest.mark.parametrize("what", ["dangling link", "link to a file", "folder", "pipe"])
async def test_what_is_no_regular_file_is_held_and_left_alone(tmp_path: Path, what: str) -> None:
    path, target = tmp_path / "lock", tmp_path / "target"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(target)
    if what == "link to a file":
        target.write_text("4711\n")
    held = await FileLocks().acquire(str(path), a_holder())
    assert held.owner.startswith("something unknown: ")
    assert path.is_symlink() == ("link" in what)
    assert target.exists() == (what == "link to a file")
    with pytest.raises(InputError):
        await FileLocks().break_lock(str(path))


async def test_a_relative_path_is_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await FileLocks().acquire("a/../lock", a_holder())
    assert await FileLocks().holder(str(tmp_path / "lock")) == a_holder()


async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the folder .*/missing of the lock file lock doesn't exist"):
        await FileLocks().acquire(str(tmp_path / "missing" / "lock"), a_holder())
    assert await FileLocks().holder(str(tmp_path / "missing" / "lock")) is None


@pytest.mark.parametrize("name", ["", "a\0b"])
async def test_what_is_no_path_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not the path of a lock file"):
        await FileLocks().acquire(name, a_holder())


async def test_a_folder_that_may_not_be_written_is_said_to_be_so() -> None:
    with open_to_all() as folder:
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(InputError, match=r"lock can't be used: Permission denied; name one in"):
            await FileLocks().acquire(str(folder / "lock"), a_holder())


async def test_a_file_that_another_program_keeps_locked_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    await FileLocks().acquire(str(path), a_holder())
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert await FileLocks().holder(str(path)) == a_holder()
        with pytest.raises(InputError, match="kept locked by another program"):
            await FileLocks(patience_s=0.02).release(str(path), RUN)


async def test_a_reader_never_sees_half_a_lock(tmp_path: Path) -> None:
    name, seen = str(tmp_path / "lock"), set()

    async def read() -> None:
        for _ in range(60):
            held = await FileLocks().holder(name)
            seen.add(held.run_id if held else None)

    async def write() -> None:
        for number in range(20):
            await FileLocks().acquire(name, a_holder(cluster=f"j-{number}"))
            await FileLocks().release(name, RUN)

    await asyncio.gather(read(), write())
    assert seen <= {None, RUN}
