"""What one foreground run takes: memory, and calls for a look at its cluster."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

from tests.bench.figures import Figure
from tests.cli import specs
from tests.cli.desk import SCENARIO, make_program
from tests.cli.program import PROGRAM, until

from emr_emulator.testing import EmulatorProcess, running_emulator

_STEPS = 50
_POLL = 1.0  # seconds between two looks
_LOOKS = 10
_MEBIBYTE = 1024  # /proc counts in KiB
_CLUSTER = specs.cluster(applications=["Hadoop", "Spark"])


@dataclass(frozen=True, slots=True)
class Memory:
    """What the system says of a process, in MiB."""

    peak: float
    last: float


def memory_figures() -> list[Figure]:
    """A transient run of 50 steps from launch to end, once with log lines and once with the live table."""
    found = []
    for view, on_terminal in (("log lines", False), ("the live table", True)):
        with _stage("step") as (emulator, folder, environment):
            memory = _watch(_command(folder), environment, on_terminal=on_terminal)
            states = Counter(step["state"] for step in emulator.ledger()["clusters"][0]["steps"])
            assert states == {"COMPLETED": _STEPS}, states
        found.append(Figure(what=f"run with {view}: peak memory (VmHWM)", value=memory.peak, unit="MiB", limit=70))
        found.append(Figure(what=f"run with {view}: memory at its end (VmRSS)", value=memory.last, unit="MiB"))
    return found


def look_figures() -> list[Figure]:
    """Calls by look while a cluster of 50 steps works at its first one.

    A look at the steps is one; now and then the cluster itself is looked at too, which the mean shows.
    """
    with _stage("endless") as (emulator, folder, environment):
        process = subprocess.Popen(
            _command(folder), env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: _is_running(emulator), "the first step")
            time.sleep(2 * _POLL)  # what the launch needed is over
            began = time.time()
            time.sleep(_LOOKS * _POLL)
        finally:
            process.kill()
            process.wait()
        calls = [(entry["at"], entry["api"]) for entry in emulator.ledger()["requests"] if entry["at"] > began]
    looks = _calls_by_look([at for at, _ in calls])
    what = f"calls of a look, {_STEPS} steps"
    each = Counter(api for _, api in calls)
    return [
        Figure(what=f"{what}: median", value=median(looks), limit=1),
        Figure(what=f"{what}: mean", value=mean(looks)),
        *(Figure(what=f"{what}: mean of {api}", value=count / len(looks)) for api, count in each.items()),
    ]


@contextmanager
def _stage(step: str) -> Iterator[tuple[EmulatorProcess, Path, dict[str, str]]]:
    """A simulating emulator, a folder with specs of 50 steps of this name, and the program's environment."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenario.yml").write_text(SCENARIO)
        (folder / "cluster.json").write_text(json.dumps(_CLUSTER))
        names = [f"{step} {number}" for number in range(_STEPS)]
        (folder / "playbook.json").write_text(json.dumps(specs.playbook(*names)))
        with running_emulator("--simulate", "--scenario", str(folder / "scenario.yml")) as emulator:
            environment = make_program(folder, emulator).environment
            yield emulator, folder, environment | {"DATAFLOW_RUNNER_POLL_INTERVAL": f"{_POLL:.0f}s"}


def _command(folder: Path) -> list[str]:
    files = ["--emr-config", str(folder / "cluster.json"), "--emr-playbook", str(folder / "playbook.json")]
    return [str(PROGRAM), "run-transient", *files]


def _watch(command: list[str], environment: Mapping[str, str], *, on_terminal: bool) -> Memory:
    """Run a command to its end and read its memory all the while; it must succeed."""
    ours, theirs = pty.openpty()
    draining = threading.Thread(target=_drain, args=(ours,), daemon=True)
    draining.start()
    talk = theirs if on_terminal else subprocess.DEVNULL
    shown = dict(environment) | ({"TERM": "xterm", "COLUMNS": "120"} if on_terminal else {})
    memory = Memory(0, 0)
    with subprocess.Popen(command, env=shown, stdout=subprocess.DEVNULL, stderr=talk, stdin=talk) as process:
        while process.poll() is None:
            memory = _memory_of(process.pid) or memory
            time.sleep(0.01)
    os.close(theirs)
    draining.join()
    os.close(ours)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return memory


def _drain(terminal: int) -> None:
    """Read what is written to a terminal, so that its writer never waits; ends when nobody has it open."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass


def _memory_of(pid: int) -> Memory | None:
    """Read a process's memory; None when it is just ending and has none any more."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()}
    if "VmHWM" not in found:
        return None
    return Memory(int(found["VmHWM"]) / _MEBIBYTE, int(found["VmRSS"]) / _MEBIBYTE)


def _is_running(emulator: EmulatorProcess) -> bool:
    clusters = emulator.ledger()["clusters"]
    return bool(clusters) and clusters[0]["steps"][0]["state"] == "RUNNING"


def _calls_by_look(instants: list[float]) -> list[int]:
    """How many calls each burst of calls has: between two looks nothing happens for most of the interval."""
    counts = [1]
    for earlier, later in pairwise(instants):
        if later - earlier > _POLL / 2:
            counts.append(0)
        counts[-1] += 1
    return counts
