"""No network, no room, no reader: what happens then, and that nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.cli.desk import Desk
from tests.cli.program import PROGRAM

pytestmark = pytest.mark.integration


def test_without_a_network_a_run_waits_and_says_so_until_it_is_left(desk: Desk) -> None:
    running = desk.start(*desk.transient("one"), AWS_ENDPOINT_URL="http://127.0.0.1:1")
    running.says("RunJobFlow")
    running.signal(signal.SIGINT)
    left = running.wait()
    assert left.code == 130
    assert "Traceback" not in left.err
    assert desk.run("runs", "resume", desk.run_id).code == 0
    assert desk.starts() == [("one", 1)]


def test_a_specification_of_100_mb_is_refused_by_its_size(desk: Desk) -> None:
    path = desk.folder / "large.json"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    ended = desk.run("up", path)
    assert (ended.code, ended.out) == (2, "")
    assert "large.json" in ended.err
    assert len(ended.err) < 1000


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"Obj\x01\x02", b"[" * 100_000, b'{"schema": 1}'])
def test_what_is_no_specification_is_refused_in_a_few_words(desk: Desk, content: bytes) -> None:
    (desk.folder / "spec").write_bytes(content)
    ended = desk.run("validate", "spec")
    assert ended.code == 2
    assert "spec" in ended.out
    assert len(ended.out) < 1000
    assert "Traceback" not in ended.err


def _mounted(folder: Path, options: str) -> tuple[str, ...]:
    """The beginning of a command that runs with a file system of its own mounted on a folder."""
    script = f'mount -t tmpfs -o {options} tmpfs "{folder}" && exec "$@"'
    prefix = ("unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    return prefix


def test_a_journal_that_cannot_be_written_stops_a_run_before_anything_is_called(desk: Desk) -> None:
    folder = desk.folder / "state"
    folder.mkdir()
    prefix = _mounted(folder, "ro")
    journal = f"sqlite:{folder / 'journal.db'}"
    ended = desk.start(*desk.transient("one"), "--journal", journal, prefix=prefix).wait()
    assert ended.code != 0
    assert str(folder / "journal.db") in ended.err
    assert "Traceback" not in ended.err
    assert desk.calls() == []


def test_a_disk_that_fills_up_in_the_middle_of_a_run_holds_it_until_there_is_room(workbench: Desk) -> None:
    folder = workbench.folder / "state"
    folder.mkdir()
    gate = workbench.gate()
    journal = ("--journal", f"sqlite:{folder / 'journal.db'}")
    command = (*workbench.transient(gate.step, "two"), *journal)
    running = workbench.start(*command, prefix=_mounted(folder, "size=1m"))
    workbench.wait_for_step(gate.name)
    running.says("phase RUNNING")
    ballast = Path(f"/proc/{running.process.pid}/root{folder}/ballast")
    with ballast.open("wb", buffering=0) as file:
        while _grows(file.fileno()):
            pass
    gate.open()
    running.says("its disk is full")
    assert running.process.poll() is None
    ballast.unlink()
    ended = running.wait()
    assert (ended.code, workbench.starts()) == (0, [(gate.name, 1), ("two", 1)])
    assert workbench.alive == []


def _grows(descriptor: int) -> bool:
    try:
        return os.write(descriptor, b"x" * 4096) > 0
    except OSError:
        return False


def test_a_reader_that_has_gone_ends_a_command_without_a_traceback(desk: Desk) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            [PROGRAM, "up", desk.cluster()],
            stdout=nobody,
            stderr=subprocess.PIPE,
            env=desk.program.environment,
            check=False,
        )
    assert done.returncode == 1
    talk = done.stderr.decode()
    assert "Traceback" not in talk
    assert "BrokenPipe" not in talk
    assert desk.only_cluster["id"] in talk
