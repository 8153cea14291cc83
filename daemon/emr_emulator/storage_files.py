"""Files of this machine as a store: plain paths, and `hdfs://` inside one folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from emr_emulator.locations import Location, LocationError, NotFoundError, StorageError
from emr_emulator.storage import CHUNK, DEFAULT_OPTIONS, Entry, WriteOptions

_UNFINISHED = "._COPYING_"
"""Hadoop's own suffix for a file that is being written; such files are never listed."""

_PAGE = 1000


class FileStore:
    """Files below a root (or anywhere, without one); symbolic links may not lead out of the root."""

    def __init__(self, *, root: Path | None) -> None:
        self._root = root.resolve() if root is not None else None

    async def files(self, prefix: Location) -> AsyncIterator[Entry]:
        """List the files below; a page is read from the disk at a time, so that the loop stays free."""
        found = self._walk(prefix)
        while page := await asyncio.to_thread(lambda: list(islice(found, _PAGE))):
            for entry in page:
                yield entry

    async def stat(self, location: Location) -> Entry | None:
        """Describe the file or folder at a place."""
        return await asyncio.to_thread(self._stat, location)

    async def children(self, folder: Location) -> list[Entry]:
        """List a folder by name."""
        found = await asyncio.to_thread(self._scan, folder)
        return sorted(found, key=lambda entry: entry.location.path)

    async def read(self, location: Location) -> AsyncIterator[bytes]:
        """Stream a file."""
        with _naming(location):
            file = await asyncio.to_thread(self._real(location).open, "rb")
            try:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    yield chunk
            finally:
                file.close()

    @asynccontextmanager
    async def write(self, location: Location, options: WriteOptions = DEFAULT_OPTIONS) -> AsyncIterator[_FileWriter]:
        """Write beside the target and rename at the end, so that no reader sees a part of a file."""
        with _naming(location):
            target = self._real(location)
            part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}{_UNFINISHED}")
            file = await asyncio.to_thread(_start, target, part, options)
            try:
                yield _FileWriter(file)
                await asyncio.to_thread(_finish, file, part, target)
            except BaseException:
                file.close()
                with contextlib.suppress(FileNotFoundError):
                    part.unlink()
                raise

    async def copy(self, source: Entry, target: Location, options: WriteOptions = DEFAULT_OPTIONS) -> bool:
        """Refuse: reading and writing is how files are copied."""
        return False

    async def delete(self, locations: Sequence[Location]) -> None:
        """Delete files."""

        def remove() -> None:
            for location in locations:
                with _naming(location):
                    self._real(location).unlink(missing_ok=True)

        await asyncio.to_thread(remove)

    async def make_folder(self, folder: Location) -> None:
        """Make a folder and its parents."""
        with _naming(folder):
            await asyncio.to_thread(self._real(folder).mkdir, parents=True, exist_ok=True)

    async def delete_folder(self, folder: Location) -> None:
        """Delete a folder with all that it holds; of the root itself only the content."""

        def remove() -> None:
            real = self._real(folder)
            if real in {self._root, Path("/")}:
                raise LocationError(f"{folder}: the root folder can't be deleted")
            shutil.rmtree(real)

        with _naming(folder):
            await asyncio.to_thread(remove)

    def _real(self, location: Location) -> Path:
        if self._root is None:
            return Path(location.path)
        real = Path(os.path.realpath(self._root / location.path.lstrip("/")))
        if not real.is_relative_to(self._root):
            raise LocationError(f"{location}: leads out of the folder that stands for HDFS")
        return real

    def _stat(self, location: Location) -> Entry | None:
        with _naming(location):
            try:
                found = self._real(location).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            folder = stat.S_ISDIR(found.st_mode)
            return Entry(
                location=location, size=0 if folder else found.st_size, modified=found.st_mtime, is_folder=folder
            )

    def _walk(self, prefix: Location) -> Iterator[Entry]:
        """Walk the deepest folder that a prefix names and keep what begins with the prefix."""
        folder = replace(prefix, path=prefix.path[: prefix.path.rfind("/") + 1] or "/")
        return self._below(folder, prefix.path)

    def _below(self, folder: Location, prefix: str) -> Iterator[Entry]:
        """Walk in the order that S3 lists keys in: a folder sorts as its name with the slash."""
        for child in sorted(self._scan(folder), key=lambda entry: entry.location.path + "/" * entry.is_folder):
            path = child.location.path
            if child.is_folder:
                if f"{path}/".startswith(prefix) or prefix.startswith(f"{path}/"):
                    yield from self._below(child.location, prefix)
            elif path.startswith(prefix):
                yield child

    def _scan(self, folder: Location) -> list[Entry]:
        with _naming(folder):
            try:
                names = [path.name for path in self._real(folder).iterdir()]
            except (FileNotFoundError, NotADirectoryError):
                return []
        found = (self._stat(folder.child(name)) for name in names if not name.endswith(_UNFINISHED))
        return [entry for entry in found if entry is not None]


class _FileWriter:
    """Writes in a thread: a slow disk must not stop the other transfers."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(self._file.write, data)


def _start(target: Path, part: Path, options: WriteOptions) -> BinaryIO:
    if target.is_dir():
        raise IsADirectoryError(f"{target.name} is a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    if options.append and target.exists():
        shutil.copyfile(target, part)
    return part.open("ab")


def _finish(file: BinaryIO, part: Path, target: Path) -> None:
    file.close()
    part.replace(target)


@contextlib.contextmanager
def _naming(location: Location) -> Iterator[None]:
    """Turn an OSError into an error that names the location, not a path of this machine."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"{location}: no such file or folder") from error
    except OSError as error:
        raise StorageError(f"{location}: {error.strerror or error}") from error
