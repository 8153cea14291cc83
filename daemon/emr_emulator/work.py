"""The seam between the server and whatever really runs a step.

The server decides when work starts and when it is killed; an executor decides how, and ships the logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWork:
    """One step to run; ``properties`` are the step's Java properties."""

    cluster_id: str
    step_id: str
    name: str
    jar: str
    main_class: str | None
    arguments: tuple[str, ...]
    properties: Mapping[str, str]
    log_uri: str | None
    release_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapWork:
    """One bootstrap action to run; ``number`` counts from 1, as EMR's log folders do."""

    cluster_id: str
    number: int
    name: str
    path: str
    arguments: tuple[str, ...]
    log_uri: str | None
    instance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a piece of work ended.

    ``reason`` is EMR's word for the kind ("Unknown Error.", or empty), ``message`` the exception or exit code,
    ``log_file`` the S3 place where the log that explains it will be.
    """

    succeeded: bool
    reason: str = ""
    message: str = ""
    log_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What the server lends an executor.

    ``endpoint`` is the emulator itself, ``access_key`` what it lets a client in by (its token, where it has one). In
    the folder ``hdfs`` each cluster gets a folder of its own, which stands for its HDFS. All other files belong in
    ``folder``, which the server removes at its end. ``log_lag`` is the time in seconds until logs are at LogUri.
    """

    endpoint: str
    access_key: str = field(repr=False)
    hdfs: Path
    folder: Path
    log_lag: float


class Executor(Protocol):
    """Runs steps and bootstrap actions.

    Cancelling a running call kills the whole process group of the work before the call ends.
    """

    async def run_step(self, work: StepWork) -> Outcome:
        """Run one step to its end."""

    async def run_bootstrap(self, work: BootstrapWork) -> Outcome:
        """Run one bootstrap action to its end."""

    async def close(self) -> None:
        """Kill what still runs and give back everything that was taken."""
