"""An emulator for tests of any program: a process of its own, stopped whatever happens.

with running_emulator("--simulate", "--speed", "1000") as emulator:
    client = boto3.client("emr", endpoint_url=emulator.endpoint, …)
    emulator.put_faults([{"do": "lose-answer", "api": "RunJobFlow", "count": 1}])
    …
    assert len(emulator.ledger()["clusters"]) == 1
"""

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

_STOP_LIMIT = 20.0


class ControlError(Exception):
    """The control API refused; the message is its own."""


class ControlClient:
    """Talks to an emulator's control API."""

    def __init__(self, endpoint: str, token: str | None = None) -> None:
        self.endpoint = endpoint
        self._headers = {} if token is None else {"X-Emr-Emulator-Token": token}
        # No proxy of the environment: the emulator is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> dict[str, Any]:
        """Return ``{"status": "ok", …}``."""
        return dict(self._ask("GET", "health"))

    def ledger(self) -> dict[str, Any]:
        """Return what really happened: ``requests`` and ``clusters`` with their steps."""
        return dict(self._ask("GET", "ledger"))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force, each with how often it was ``seen`` and has ``struck``."""
        return list(self._ask("GET", "faults"))

    def put_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Put these faults in force, in place of all others."""
        self._ask("PUT", "faults", json.dumps(list(faults)).encode())

    def clear_faults(self) -> None:
        """Let nothing go wrong from now on."""
        self._ask("DELETE", "faults")

    def reset(self) -> None:
        """Forget all clusters, requests, objects, queues and tables; faults are as at the start again."""
        self._ask("POST", "reset")

    def _ask(self, method: str, name: str, body: bytes | None = None) -> Any:
        address = f"{self.endpoint}/_emulator/{name}"
        request = urllib.request.Request(address, data=body, method=method, headers=self._headers)  # noqa: S310 (ours)
        try:
            with self._opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(f"{method} {address}: {error.read().decode(errors='replace')}") from None


class EmulatorProcess(ControlClient):
    """``emr-emulator`` on a free port. It ends with its starter, even one that is killed."""

    def __init__(self, *args: str, token: str | None = None) -> None:
        command = [sys.executable, "-m", "emr_emulator", "--port", "0", "--until-stdin-closes", *args]
        # Everybody on this machine can read a command line; its environment is its user's alone.
        environment = dict(os.environ) if token is None else os.environ | {"EMR_EMULATOR_TOKEN": token}
        self.process = subprocess.Popen(  # noqa: S603 (our own program, without a shell)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        line = b"" if self.process.stdout is None else self.process.stdout.readline()
        if not line:
            self.kill()
            raise RuntimeError(f"emr-emulator did not start (exit code {self.process.returncode})")
        super().__init__(json.loads(line)["endpoint"], token)

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it at the end of the block."""
        self.stop()

    def stop(self) -> int:
        """End it gently, or by force when it takes too long; returns its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.terminate()
            self.process.wait(_STOP_LIMIT)
        self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """End it at once, as a crash would; harmless when it has ended."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@contextmanager
def running_emulator(*args: str, token: str | None = None) -> Iterator[EmulatorProcess]:
    """Start an emulator with these options, and stop it at the end of the block."""
    with EmulatorProcess(*args, token=token) as emulator:
        yield emulator
