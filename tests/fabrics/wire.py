"""A server that speaks just enough HTTP to answer like EMR, or to misbehave on the wire as nothing else can."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Failure:
    """An error answer."""

    code: str
    message: str = "no luck"
    status: int = 400


@dataclass(frozen=True)
class Drop:
    """Read the request, then close."""


@dataclass(frozen=True)
class Reset:
    """Read the request, then reset the connection."""


@dataclass(frozen=True)
class Half:
    """Announce an answer and send half of it."""


@dataclass(frozen=True)
class Garbage:
    """Answer 200 with what isn't JSON."""


@dataclass(frozen=True)
class Hang:
    """Read the request and say nothing."""


Reply = Mapping[str, Any] | Failure | Drop | Reset | Half | Garbage | Hang


@dataclass
class Request:
    call: str
    parameters: dict[str, Any]
    headers: dict[str, str]
    connection: int


@dataclass
class CannedEmr:
    """Replies by API, used up in order; the last one of each stays."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _replies: dict[str, deque[Reply]] = field(default_factory=lambda: defaultdict(deque))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, call: str, *replies: Reply) -> None:
        self._replies[call].extend(replies)

    def asked(self, call: str) -> list[dict[str, Any]]:
        return [request.parameters for request in self.requests if request.call == call]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while await self._exchange(reader, writer, connection):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, _, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        call = headers.get("x-amz-target", "").rpartition(".")[2]
        self.requests.append(Request(call, json.loads(body or b"{}"), headers, connection))
        waiting = self._replies[call]
        reply = waiting.popleft() if len(waiting) > 1 else waiting[0]
        return await _send(reply, writer)


async def _send(reply: Reply, writer: asyncio.StreamWriter) -> bool:
    match reply:
        case Drop():
            return False
        case Reset():
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case Hang():
            await asyncio.sleep(30)
            return False
        case Half():
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"JobFlowId": "j-')
            await writer.drain()
            return False
        case Garbage():
            await _write(writer, 200, b"<html>")
        case Failure():
            body = {"__type": reply.code, "message": reply.message}
            await _write(writer, reply.status, json.dumps(body).encode())
        case _:
            await _write(writer, 200, json.dumps(reply).encode())
    return True


async def _write(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


@asynccontextmanager
async def canned_emr() -> AsyncIterator[CannedEmr]:
    emr = CannedEmr()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await emr.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    emr.port = server.sockets[0].getsockname()[1]
    try:
        yield emr
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
