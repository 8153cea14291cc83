"""What the runner reads of S3: whether a folder holds data, and the logs that EMR ships there."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from dataflow_runner.fabrics.base import LogFile
from dataflow_runner.fabrics.emr.session import AwsSession
from dataflow_runner.fabrics.emr.translate import translate_read
from dataflow_runner.fabrics.places import ObjectFilter, is_folder_marker, read_place
from dataflow_runner.jobs.ids import ClusterId, StepId

LOG_LIMIT = 1024 * 1024
"""Bytes of a log that are kept: the first and the last half of it."""
READ_LIMIT = 64 * 1024 * 1024
"""Decompressed bytes of a log that are looked at. A few kilobytes of gzip can hold gigabytes."""
_CHUNK = 64 * 1024
_GZIP = zlib.MAX_WBITS | 32
"""zlib's word for a gzip or zlib header, whichever comes."""


class Objects:
    """Reads S3 on a session. The client is made when it is first needed: most runs never ask."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def has_data(self, place: str, pattern: str | None) -> bool:
        """See Fabric.has_data. Stops at the first object that counts."""
        folder = read_place(place)
        counts = ObjectFilter(folder, pattern)
        async for found in self._list(folder.bucket, folder.folder):
            if counts.accepts(found["Key"], found.get("Size", 0)):
                return True
        return False

    async def fetch_logs(self, log_uri: str, cluster_id: ClusterId, step_id: StepId) -> tuple[LogFile, ...]:
        """See Fabric.fetch_logs."""
        root = read_place(log_uri)
        prefix = f"{root.folder}{cluster_id}/steps/{step_id}/"
        logs = []
        async for found in self._list(root.bucket, prefix):
            key = found["Key"]
            if not is_folder_marker(key, found.get("Size", 0)):
                text = await self._read_log(root.bucket, key)
                logs.append(
                    LogFile(name=key.removeprefix(prefix).removesuffix(".gz"), place=root.uri_of(key), text=text)
                )
        return tuple(logs)

    async def _list(self, bucket: str, prefix: str) -> AsyncIterator[dict[str, Any]]:
        parameters = {"Bucket": bucket, "Prefix": prefix}
        while True:
            answer = await self._call("ListObjectsV2", parameters)
            for found in answer.get("Contents", []):
                yield found
            if not answer.get("IsTruncated"):
                return
            parameters["ContinuationToken"] = answer["NextContinuationToken"]

    async def _read_log(self, bucket: str, key: str) -> str:
        from aiohttp import ClientError as TransportError
        from botocore.exceptions import BotoCoreError

        body = (await self._call("GetObject", {"Bucket": bucket, "Key": key}))["Body"]
        log = CutLog(zipped=key.endswith(".gz"))
        try:
            async with body:
                while not log.is_full and (chunk := await body.read(_CHUNK)):
                    log.feed(chunk)
        except (BotoCoreError, TransportError, TimeoutError) as error:
            raise translate_read(error, "GetObject") from error
        return log.text()

    async def _call(self, operation: str, parameters: dict[str, str]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        client = await self._session.reader("s3")
        try:
            return await client.call(operation, parameters)
        except (BotoCoreError, ClientError) as error:
            place = f"s3://{parameters['Bucket']}/{parameters.get('Key') or parameters.get('Prefix', '')}"
            raise translate_read(error, operation, about=place) from error


class CutLog:
    """A log of which only the two ends are kept, whatever its size."""

    def __init__(self, *, zipped: bool) -> None:
        self._inflate = zlib.decompressobj(wbits=_GZIP) if zipped else None
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._size = 0
        self._broken = ""

    @property
    def is_full(self) -> bool:
        """Whether more would not be looked at."""
        return self._size >= READ_LIMIT or bool(self._broken)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes as they came."""
        if self._inflate is None:
            self._keep(chunk)
            return
        rest, came = chunk, _CHUNK
        try:
            while (rest or came == _CHUNK) and not self.is_full:  # a full piece may have left some of it inside
                piece = self._inflate.decompress(rest, _CHUNK)
                self._keep(piece)
                rest, came = self._inflate.unconsumed_tail, len(piece)
                if self._inflate.eof:  # one gzip member may follow another
                    rest, self._inflate = self._inflate.unused_data, zlib.decompressobj(wbits=_GZIP)
        except zlib.error as error:
            self._broken = str(error)

    def text(self) -> str:
        """The log; a line in its middle says what was left out."""
        tail = b"".join(self._tail)[-LOG_LIMIT // 2 :]
        left_out = self._size - len(self._head) - len(tail)
        parts = [bytes(self._head)]
        if left_out > 0:
            parts.append(f"\n[… {left_out} bytes left out …]\n".encode())
        parts.append(tail)
        if self._broken:
            parts.append(f"\n[the rest can't be read: {self._broken}]\n".encode())
        elif self.is_full:
            parts.append(b"\n[the rest was not read: the log is too large]\n")
        return b"".join(parts).decode("utf-8", errors="replace")

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        room = LOG_LIMIT // 2 - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if data:
            self._tail.append(data)
            self._tail_size += len(data)
        while self._tail and self._tail_size - len(self._tail[0]) >= LOG_LIMIT // 2:
            self._tail_size -= len(self._tail.popleft())
