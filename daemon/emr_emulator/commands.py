"""What a step's jar and arguments mean on this machine: the program to run, or a reason why there is none."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from emr_emulator.environment import TOOLS
from emr_emulator.locations import Location, LocationError, Scheme, StorageError, parse_location
from emr_emulator.storage import Storage
from emr_emulator.storage_files import FileStore
from emr_emulator.work import BootstrapWork, StepWork

UNKNOWN_ERROR = "Unknown Error."
"""What EMR gives as the reason of most failed steps."""


class RefusedError(Exception):
    """The work can't be started; `reason` and the text are what DescribeStep shows."""

    def __init__(self, message: str, *, reason: str = UNKNOWN_ERROR) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where programs are looked for (`path`, as in PATH), and where scripts and jars come from and go to."""

    storage: Storage
    hdfs: Path
    folder: Path
    path: str


async def step_argv(work: StepWork, place: Workplace) -> tuple[str, ...]:
    """Find the program of a step; raises RefusedError."""
    jar = work.jar.rsplit("/", 1)[-1]
    if jar == "command-runner.jar":
        return _program(work.arguments, place)
    if jar == "script-runner.jar":
        if not work.arguments:
            raise RefusedError("script-runner.jar needs the location of a script as its first argument")
        return await _script(work.arguments[0], work.arguments[1:], place)
    if jar == "s3-dist-cp.jar" or fnmatchcase(jar, "emr-s3distcp*.jar"):
        return _program(("s3-dist-cp", *work.arguments), place)
    return await _jar(work, place)


async def bootstrap_argv(work: BootstrapWork, place: Workplace) -> tuple[str, ...]:
    """Find the program of a bootstrap action; raises RefusedError."""
    return await _script(work.path, work.arguments, place)


def _program(arguments: Sequence[str], place: Workplace) -> tuple[str, ...]:
    if not arguments:
        raise RefusedError("command-runner.jar needs a program as its first argument")
    program = arguments[0]
    # Playbooks name EMR's own tools by path too (/usr/bin/s3-dist-cp).
    name = program.rsplit("/", 1)[-1]
    found = shutil.which(name if name in TOOLS else program, path=place.path)
    if found is None:
        help_text = _INSTALL.get(name, "")
        raise RefusedError(
            f'Cannot run program "{program}" (in directory "."): error=2, No such file or directory{help_text}'
        )
    return (found, *arguments[1:])


_INSTALL: Mapping[str, str] = {
    "spark-submit": "; install Spark (the pyspark package carries it) so that spark-submit is on PATH",
    "java": "; install a Java runtime so that java is on PATH",
}


async def _script(text: str, arguments: Sequence[str], place: Workplace) -> tuple[str, ...]:
    path = await _fetched(text, place, what="script")
    try:
        start = await asyncio.to_thread(_beginning, path)
    except OSError as error:
        raise RefusedError(f"Cannot read script {text}: {error.strerror}") from error
    if path.is_relative_to(place.folder):
        path.chmod(0o755)
    if start.startswith((b"#!", b"\x7fELF")):
        return (str(path), *arguments)
    # The kernel runs no text without a #! line; EMR's runner falls back to a shell, and so does this.
    shell = shutil.which("bash", path=place.path) or "/bin/sh"
    return (shell, str(path), *arguments)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


async def _jar(work: StepWork, place: Workplace) -> tuple[str, ...]:
    java = shutil.which("java", path=place.path)
    if java is None:
        raise RefusedError(f"{work.jar} can't be run: no java on PATH; install a Java runtime")
    jar = await _fetched(work.jar, place, what="jar file")
    properties = [f"-D{key}={value}" for key, value in work.properties.items()]
    if work.main_class:
        return (java, *properties, "-cp", str(jar), work.main_class, *work.arguments)
    return (java, *properties, "-jar", str(jar), *work.arguments)


async def _fetched(text: str, place: Workplace, *, what: str) -> Path:
    """Bring a file to this machine's disk, if it isn't there."""
    reason = f"Error fetching {what}."
    try:
        location = parse_location(text)
        if location.scheme is Scheme.FILE:
            path = Path(location.path)
            if not await asyncio.to_thread(path.is_file):
                raise RefusedError(f"{text}: no such {what}", reason=reason)
            return path
        return await _download(location, place)
    except LocationError as error:
        raise RefusedError(str(error), reason=reason) from error
    except StorageError as error:
        raise RefusedError(f"Error whilst fetching {text}: {error}", reason=reason) from error


async def _download(location: Location, place: Workplace) -> Path:
    source = FileStore(root=place.hdfs) if location.scheme is Scheme.HDFS else await place.storage.at(location)
    target = parse_location(str(place.folder / (location.name or "unnamed")))
    async with FileStore(root=None).write(target) as writer:
        async for chunk in source.read(location):
            await writer.write(chunk)
    return Path(target.path)
