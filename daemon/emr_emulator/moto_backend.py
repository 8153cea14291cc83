"""Starts the moto process when it is first needed, and ends it."""

import asyncio
import contextlib
import importlib.util
import json
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field

_START_LIMIT = 60.0


class BackendError(Exception):
    """What is not EMR can't be served, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where moto listens, and the secret that it asks for."""

    address: str
    secret: str = field(repr=False)


class MotoBackend:
    """One moto process, started on demand and again when it has died."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._process: Process | None = None
        self._backend: Backend | None = None

    @property
    def is_started(self) -> bool:
        """Whether anything has needed it yet."""
        return self._process is not None

    async def find(self, *, dead: Backend | None = None) -> Backend:
        """Return the backend, ready to be asked, and another one than ``dead``; BackendError when it can't be had."""
        async with self._lock:
            if dead is not None and dead is self._backend:
                await self.close()
            if self._backend is None or self._process is None or self._process.returncode is not None:
                self._backend = await self._start()
            return self._backend

    async def close(self) -> None:
        """End the process."""
        process, self._process, self._backend = self._process, None, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> Backend:
        if importlib.util.find_spec("moto") is None:
            raise BackendError("moto is not installed; install dataflow-runner[emulator]")
        secret = secrets.token_urlsafe(24)
        # A session of its own: Ctrl-C on a terminal is for the emulator, whose steps may still need S3 as they end.
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "emr_emulator.moto_child", stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        if process.stdin is None or process.stdout is None:
            raise BackendError("moto's pipes could not be made")
        process.stdin.write(f"{secret}\n".encode())
        try:
            async with asyncio.timeout(_START_LIMIT):
                line = await process.stdout.readline()
            port = json.loads(line)["port"]
        except (TimeoutError, ValueError) as error:
            await self.close()
            raise BackendError("moto did not start; its own words are on stderr") from error
        return Backend(address=f"http://127.0.0.1:{port}", secret=secret)
