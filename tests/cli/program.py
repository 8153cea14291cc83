"""dataflow-runner as its users have it: a process of its own, with files for what it says."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

PROGRAM = Path(sys.executable).with_name("dataflow-runner")

_LIMIT = 30.0
"""Seconds after which anything that is waited for counts as never coming."""


def until(condition: Callable[[], bool], what: str = "it", *, limit: float = _LIMIT) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"{what} has not come within {limit:.0f} s"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command left: its exit code, its results and its talk."""

    code: int
    out: str
    err: str

    @property
    def results(self) -> list[dict[str, Any]]:
        """stdout, which holds one JSON object a line and nothing else."""
        return [dict(json.loads(line)) for line in self.out.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """stdout of a command with one result."""
        [only] = self.results
        return only

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines among the talk."""
        return [dict(json.loads(line)) for line in self.err.splitlines() if line.startswith("{")]


class Running:
    """A command that is under way."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self._out = out
        self._err = err

    @property
    def out(self) -> str:
        """stdout so far."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """stderr so far."""
        return self._err.read_text()

    def says(self, text: str) -> None:
        """Wait until it has said this on stderr."""
        until(lambda: text in self.err or self.process.poll() is not None, text)
        assert text in self.err, f"ended with {self.process.returncode} before it said {text!r}:\n{self.err}"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would; harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait(_LIMIT)
        return Ended(code=code, out=self.out, err=self.err)


@dataclass(slots=True, kw_only=True)
class Program:
    """The command with an environment of the test's own: nothing of the user's who runs the tests leaks in."""

    folder: Path
    environment: dict[str, str]
    started: list[Running] = field(default_factory=list)

    def run(self, *arguments: str | Path, stdin: bytes = b"", **environment: str) -> Ended:
        """Run a command to its end."""
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment | environment,
            cwd=self.folder,
            timeout=_LIMIT,
            check=False,
        )
        return Ended(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def start(self, *arguments: str | Path, prefix: tuple[str, ...] = (), **environment: str) -> Running:
        """Start a command; it is killed at the end of the test if it still runs then."""
        number = len(self.started)
        out, err = self.folder / f"out-{number}", self.folder / f"err-{number}"
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = self._popen([*prefix, PROGRAM, *arguments], to_out, to_err, environment)
        running = Running(process, out, err)
        self.started.append(running)
        return running

    def _popen(
        self, command: list[str | Path], out: IO[bytes], err: IO[bytes], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=self.environment | environment,
            cwd=self.folder,
        )

    @contextlib.contextmanager
    def cleaned_up(self) -> Iterator[Program]:
        """Use it for a block, at whose end nothing of it runs."""
        try:
            yield self
        finally:
            for running in self.started:
                running.kill()


def bare_environment(home: Path) -> dict[str, str]:
    """What every program may see: a home of its own and where programs are."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
