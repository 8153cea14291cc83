"""Makes the outputs of a plan: many at a time, streaming, and goes on with the others when one fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from emr_emulator.compression import CorruptError, gunzip, gzip
from emr_emulator.locations import Location, StorageError
from emr_emulator.s3distcp.options import Codec
from emr_emulator.s3distcp.plan import SUFFIXES, Output, Source, split_suffix
from emr_emulator.storage import Storage, WriteOptions

_log = logging.getLogger("s3distcp")

CONCURRENCY = 16
"""Outputs under way at once, while they fit into the budget."""

BUFFERED_BYTES = 64 * 1024 * 1024
"""Bytes that all outputs under way may hold in upload parts together: what bounds the memory of a run."""


class CodecError(Exception):
    """A file is compressed in a way that can't be read here."""


class Budget:
    """Lets work begin while the sum of what all of it needs stays within a total."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._used = 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def share(self, amount: int) -> AsyncIterator[None]:
        """Hold an amount for the time of the block; more than the total counts as all of it."""
        amount = min(amount, self._total)
        async with self._freed:
            await self._freed.wait_for(lambda: self._used + amount <= self._total)
            self._used += amount
        try:
            yield
        finally:
            self._used -= amount
            async with self._freed:
                self._freed.notify_all()


@dataclass(slots=True)
class Transfer:
    """Writes outputs below a destination and remembers what failed."""

    storage: Storage
    dest: Location
    options: WriteOptions
    failures: list[str] = field(default_factory=list)
    budget: Budget = field(default_factory=lambda: Budget(BUFFERED_BYTES))

    async def run(self, outputs: Iterable[Output]) -> None:
        """Write every output; afterwards `failures` tells which were not."""
        waiting = iter(outputs)
        async with asyncio.TaskGroup() as workers:
            for number in range(CONCURRENCY):
                workers.create_task(self._work(waiting), name=f"s3distcp-copy-{number}")

    async def _work(self, waiting: Iterable[Output]) -> None:
        for output in waiting:
            try:
                async with self.budget.share(self._buffered(output)):
                    await self._make(output, self.dest.child(output.relative))
            except (StorageError, CodecError, CorruptError) as error:
                _log.error("Failed to write %s: %s", output.relative, error)
                self.failures.append(str(error))

    async def _make(self, output: Output, target: Location) -> None:
        store = await self.storage.at(target)
        options = self._options_for(output)
        as_it_is = len(output.sources) == 1 and not (output.decompress or output.compress or output.append)
        if as_it_is and await store.copy(output.sources[0].entry, target, options):
            return
        chunks = self._content(output)
        async with store.write(target, options) as writer:
            async for chunk in gzip(chunks) if output.compress else chunks:
                await writer.write(chunk)

    def _buffered(self, output: Output) -> int:
        """Say how many bytes the upload of an output holds at most: a part, or all of a smaller one."""
        if output.decompress:
            return self.options.part_size
        return min(self.options.part_size, sum(source.entry.size for source in output.sources))

    def _options_for(self, output: Output) -> WriteOptions:
        """Keep the sources' storage class where nothing else is asked for, as S3DistCp tries to."""
        classes = {source.entry.storage_class for source in output.sources}
        kept = classes.pop() if len(classes) == 1 else None
        return replace(self.options, storage_class=self.options.storage_class or kept, append=output.append)

    async def _content(self, output: Output) -> AsyncIterator[bytes]:
        for source in output.sources:
            async for chunk in await self._open(source, decompress=output.decompress):
                yield chunk

    async def _open(self, source: Source, *, decompress: bool) -> AsyncIterator[bytes]:
        location = source.entry.location
        content = (await self.storage.at(location)).read(location)
        _, suffix = split_suffix(location.name)
        if not decompress or not suffix:
            return content
        codec = SUFFIXES[suffix]
        if codec is not Codec.GZIP:
            raise CodecError(f"{location}: .{suffix} files can't be decompressed: no {codec} library is part of this")
        return _named(gunzip(content), location)


async def _named(chunks: AsyncIterator[bytes], location: Location) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    except CorruptError as error:
        raise CorruptError(f"{location}: {error}") from error
