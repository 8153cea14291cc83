"""Manifests: the gzipped lists of copied files that --outputManifest writes and --previousManifest reads.

A line is a JSON object: `path` where the copy is, `baseName` its path below the folder, `srcDir` that folder, `size`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from emr_emulator.compression import CorruptError, gunzip, gzip
from emr_emulator.locations import Location, LocationError, Scheme, parse_location
from emr_emulator.storage import CHUNK, Storage


class ManifestError(Exception):
    """A manifest can't be read; the text names it and the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """One copied file; `base_name` is its identity from one run to the next."""

    path: str
    base_name: str
    src_dir: str
    size: int

    def to_json(self) -> str:
        """Give the entry's line."""
        fields = {"path": self.path, "baseName": self.base_name, "srcDir": self.src_dir, "size": self.size}
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    @property
    def location(self) -> Location:
        """Where the file is."""
        return parse_location(self.path, bare=Scheme.HDFS)


async def read_manifest(storage: Storage, location: Location) -> list[ManifestEntry]:
    """Read a manifest; raises ManifestError, or NotFoundError when there is none."""
    entries: list[ManifestEntry] = []
    store = await storage.at(location)
    try:
        async for number, line in _lines(gunzip(store.read(location))):
            if line.strip():
                entries.append(_parse(line, f"{location}, line {number}"))
    except CorruptError as error:
        raise ManifestError(f"{location}: {error}") from error
    return entries


async def write_manifest(storage: Storage, location: Location, entries: Iterable[ManifestEntry]) -> None:
    """Write a manifest over whatever is there."""

    async def encoded() -> AsyncIterator[bytes]:
        buffer = bytearray()
        for entry in entries:
            buffer += entry.to_json().encode() + b"\n"
            if len(buffer) >= CHUNK:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)

    store = await storage.at(location)
    async with store.write(location) as writer:
        async for chunk in gzip(encoded()):
            await writer.write(chunk)


async def read_lines(storage: Storage, location: Location) -> list[str]:
    """Read a text file's lines that aren't blank."""
    store = await storage.at(location)
    return [text async for _, line in _lines(store.read(location)) if (text := line.decode(errors="replace").strip())]


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Cut a stream into numbered lines."""
    rest = b""
    number = 0
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            number += 1
            yield number, line
    if rest:
        yield number + 1, rest


def _parse(line: bytes, where: str) -> ManifestEntry:
    try:
        fields = json.loads(line)
        entry = ManifestEntry(
            path=str(fields["path"]),
            base_name=str(fields["baseName"]),
            src_dir=str(fields.get("srcDir", "")),
            size=int(fields["size"]),
        )
        parse_location(entry.path, bare=Scheme.HDFS)
    except (ValueError, KeyError, TypeError, LocationError) as error:
        raise ManifestError(
            f"{where}: expected a JSON object with path, baseName, srcDir and size ({error!r})"
        ) from error
    return entry
