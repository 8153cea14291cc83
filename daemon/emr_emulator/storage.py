"""One asynchronous interface over S3, the emulated HDFS and local files.

    async with Storage(endpoint="http://127.0.0.1:4566", hdfs=Path("/tmp/hdfs")) as storage:
        place = parse_location("s3://bucket/key")
        store = await storage.at(place)
        async with store.write(place) as writer:
            await writer.write(b"…")

Everything streams: nothing here holds more of an object than a part of an upload. The S3 client is made on first use,
because importing and creating it takes longer than most steps that only touch files.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from emr_emulator.locations import Location, LocationError, NotFoundError, Scheme, StorageError, parse_location

__all__ = [
    "CHUNK",
    "Entry",
    "Location",
    "LocationError",
    "NotFoundError",
    "Scheme",
    "Storage",
    "StorageError",
    "Store",
    "WriteOptions",
    "Writer",
    "parse_location",
    "read_all",
]

CHUNK = 1024 * 1024
"""Bytes that are read at a time."""

MEBIBYTE = 1024 * 1024

ANY_KEY = "emulator"
"""The access key id for an emulator that asks for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file (or, from `children`, one folder); `modified` is in seconds since 1970."""

    location: Location
    size: int
    modified: float
    storage_class: str | None = None
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How an object is to be stored. The S3 members mean nothing to files; `append` means nothing to S3."""

    part_size: int = 16 * MEBIBYTE
    multipart: bool = True
    encrypted: bool = False
    storage_class: str | None = None
    append: bool = False


DEFAULT_OPTIONS = WriteOptions()


class Writer(Protocol):
    """Takes the bytes of one object, in order."""

    async def write(self, data: bytes) -> None:
        """Add bytes; may wait for an upload, which is what keeps memory bounded."""
        ...


class Store(Protocol):
    """One kind of storage. Every method raises StorageError, which names the location and the cause."""

    def files(self, prefix: Location) -> AsyncIterator[Entry]:
        """List every file whose path begins with the text of `prefix`, in order of path, at any depth."""
        ...

    async def stat(self, location: Location) -> Entry | None:
        """Describe the file or folder at exactly this place."""
        ...

    async def children(self, folder: Location) -> list[Entry]:
        """List the files and folders right inside a folder, by name."""
        ...

    def read(self, location: Location) -> AsyncIterator[bytes]:
        """Stream a file."""
        ...

    def write(self, location: Location, options: WriteOptions = DEFAULT_OPTIONS) -> AbstractAsyncContextManager[Writer]:
        """Write a file, which appears whole at the end of the block or, after an exception, not at all."""
        ...

    async def copy(self, source: Entry, target: Location, options: WriteOptions = DEFAULT_OPTIONS) -> bool:
        """Copy within the store without moving the bytes through here; False when the store can't."""
        ...

    async def delete(self, locations: Sequence[Location]) -> None:
        """Delete files, many at a time; one that isn't there is no error."""
        ...

    async def make_folder(self, folder: Location) -> None:
        """Make a folder and its parents."""
        ...

    async def delete_folder(self, folder: Location) -> None:
        """Delete a folder and everything below it."""
        ...


class Storage:
    """Opens the store that a location is on; close it (or use it as a context manager) to drop the S3 client.

    `endpoint` is required for S3 and `hdfs` for `hdfs://`; there is no default endpoint, so nothing run here can
    reach a real bucket by accident. `access_key` is the emulator's token, where it has one.
    """

    def __init__(
        self, *, endpoint: str | None, hdfs: Path | None, region: str = "us-east-1", access_key: str = ANY_KEY
    ) -> None:
        self._endpoint = endpoint
        self._hdfs = hdfs
        self._region = region
        self._access_key = access_key
        self._resources = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._stores: dict[Scheme, Store] = {}

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """Make the storage that a step's environment names (environment.py sets it)."""
        hdfs = environment.get("EMR_EMULATOR_HDFS")
        return cls(
            endpoint=environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL"),
            hdfs=Path(hdfs) if hdfs else None,
            region=environment.get("AWS_REGION", "us-east-1"),
            access_key=environment.get("AWS_ACCESS_KEY_ID") or ANY_KEY,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the storage may be used again afterwards."""
        self._stores.clear()
        await self._resources.aclose()

    async def at(self, location: Location) -> Store:
        """Give the store of a location; raises LocationError when there is none here."""
        async with self._opening:
            store = self._stores.get(location.scheme)
            if store is None:
                store = self._stores[location.scheme] = await self._open(location)
            return store

    async def _open(self, location: Location) -> Store:
        match location.scheme:
            case Scheme.FILE:
                from emr_emulator.storage_files import FileStore

                return FileStore(root=None)
            case Scheme.HDFS:
                from emr_emulator.storage_files import FileStore

                if self._hdfs is None:
                    raise LocationError(f"{location}: no folder for hdfs:// is set (EMR_EMULATOR_HDFS)")
                return FileStore(root=self._hdfs)
            case Scheme.S3:
                from emr_emulator.storage_s3 import S3Store, open_client

                if self._endpoint is None:
                    raise LocationError(f"{location}: no S3 endpoint is set (AWS_ENDPOINT_URL)")
                client = open_client(endpoint=self._endpoint, region=self._region, access_key=self._access_key)
                return S3Store(await self._resources.enter_async_context(client))


async def read_all(storage: Storage, location: Location, *, limit: int = 64 * MEBIBYTE) -> bytes:
    """Read a small file whole (a manifest, a script); raises StorageError when it holds more than `limit` bytes."""
    content = bytearray()
    async for chunk in (await storage.at(location)).read(location):
        content += chunk
        if len(content) > limit:
            raise StorageError(f"{location}: holds more than {limit} bytes")
    return bytes(content)
