"""Programs as process trees that can be ended as a whole, whatever they forked, and that end with the emulator."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run: absolute path and arguments (never a shell's text), and all that it sees of this machine."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    stdout: Path
    stderr: Path


class ProgramTree:
    """A running program with all its descendants. Make one with `start`."""

    def __init__(self, process: Process, control: int) -> None:
        self._process = process
        self._control: int | None = control

    @classmethod
    async def start(cls, command: Command, *, grace: float) -> ProgramTree:
        """Start a program; `grace` is the time in seconds that SIGTERM leaves it before SIGKILL."""
        reading, writing = os.pipe()
        try:
            with command.stdout.open("ab") as stdout, command.stderr.open("ab") as stderr:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(_SUPERVISOR), str(grace), str(reading), *command.argv),
                    env=dict(command.environment),
                    cwd=command.folder,
                    stdin=DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(reading,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        return cls(process, writing)

    @property
    def pid(self) -> int:
        """The process id of the supervisor, whose only child is the program."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait for the program and give its exit code; when this is cancelled, the tree is told to end."""
        try:
            return await self._process.wait()
        finally:
            self._let_go()

    async def stop(self) -> int:
        """End the whole tree, and give the program's exit code when nothing of it is left."""
        self._let_go()
        return await self._process.wait()

    def _let_go(self) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                os.close(self._control)
            self._control = None
