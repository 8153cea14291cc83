"""Gzip as a stream of chunks, for files that don't fit in memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

_GZIP = 16 + zlib.MAX_WBITS  # zlib's way of asking for a gzip header and trailer
_STEP = 1024 * 1024


class CorruptError(Exception):
    """Bytes that should be gzip are not, or end too early."""


async def gunzip(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompress; several members one behind the other count as one stream, as gzip itself takes them."""
    machine = zlib.decompressobj(_GZIP)
    started = False
    async for chunk in chunks:
        rest = chunk
        while rest:
            if machine.eof:
                rest = rest.lstrip(b"\0")  # tools pad to a block size with zeros
                if not rest:
                    break
                machine = zlib.decompressobj(_GZIP)
            started = True
            try:
                data = machine.decompress(rest, _STEP)
            except zlib.error as error:
                raise CorruptError(f"not valid gzip data ({error})") from error
            if data:
                yield data
            rest = machine.unused_data if machine.eof else machine.unconsumed_tail
    if started and not machine.eof:
        raise CorruptError("the gzip data ends too early")


async def gzip(chunks: AsyncIterator[bytes], *, level: int = 6) -> AsyncIterator[bytes]:
    """Compress into one gzip member."""
    machine = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    async for chunk in chunks:
        if data := machine.compress(chunk):
            yield data
    yield machine.flush()
