"""Passes what is not EMR on to moto, unchanged and as a stream in both directions."""

import asyncio
import hashlib
import re
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from emr_emulator.faults import Fault, FaultBook, FaultKind
from emr_emulator.fleet import Fleet
from emr_emulator.guard import TOKEN_HEADER
from emr_emulator.moto_backend import Backend, BackendError, MotoBackend
from emr_emulator.moto_child import SECRET_HEADER
from emr_emulator.steps import Step

# RFC 9110, 7.6.1: these concern one connection. Expect was answered by this server.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)
_NOT_FORWARDED = _HOP_BY_HOP | {TOKEN_HEADER.lower(), SECRET_HEADER.lower()}
_CHUNK = 256 * 1024
_STEP_LOG = re.compile(r"/(j-[A-Z0-9]+)/steps/(s-[A-Z0-9]+)/[^/]+\Z")


class Proxy:
    """A reverse proxy to moto, which is started by the first request.

    It is also where the log faults strike: a step's log is an upload to ``…/<cluster>/steps/<step>/…`` like any other.
    """

    def __init__(self, backend: MotoBackend, book: FaultBook, fleet: Fleet) -> None:
        self._backend = backend
        self._book = book
        self._fleet = fleet
        self._struck: dict[str, Fault | None] = {}
        self._late: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close every connection; logs that are still held back are dropped."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._session.close()

    async def reset(self) -> None:
        """Let moto forget everything, if it runs."""
        for task in list(self._late):
            task.cancel()
        self._struck.clear()
        if self._backend.is_started:
            backend = await self._backend.find()
            reset = self._session.post(f"{backend.address}/moto-api/reset", headers={SECRET_HEADER: backend.secret})
            async with reset as answer:
                answer.raise_for_status()

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Answer a request with moto's answer."""
        fault = self._find_log_fault(request)
        if fault is not None:
            return await self._withhold(request, fault)
        body = request.content if request.can_read_body else None
        async with await self._send(request, body) as theirs:
            ours = web.StreamResponse(status=theirs.status, reason=theirs.reason)
            for name, value in theirs.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    ours.headers.add(name, value)
            await ours.prepare(request)
            if request.method != "HEAD":
                async for chunk in theirs.content.iter_chunked(_CHUNK):
                    await ours.write(chunk)
            await ours.write_eof()
            return ours

    async def _send(self, request: web.Request, body: aiohttp.StreamReader | bytes | None) -> aiohttp.ClientResponse:
        backend = await self._backend.find()
        try:
            return await self._send_to(backend, request, body)
        except aiohttp.ClientConnectorError:
            # Nothing was sent: a moto that died can be replaced and asked again.
            backend = await self._backend.find(dead=backend)
        except aiohttp.ClientConnectionError as error:
            raise BackendError(f"moto did not answer {request.method} {request.path}: {error}") from error
        return await self._send_to(backend, request, body)

    async def _send_to(
        self, backend: Backend, request: web.Request, body: aiohttp.StreamReader | bytes | None
    ) -> aiohttp.ClientResponse:
        headers: CIMultiDict[str] = CIMultiDict()
        for name, value in request.headers.items():
            if name.lower() not in _NOT_FORWARDED:
                headers.add(name, value)
        headers[SECRET_HEADER] = backend.secret
        return await self._session.request(
            request.method,
            URL(f"{backend.address}{request.raw_path}", encoded=True),
            headers=headers,
            data=body,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            allow_redirects=False,
        )

    def _find_log_fault(self, request: web.Request) -> Fault | None:
        match = _STEP_LOG.search(unquote(request.path)) if request.method == "PUT" else None
        cluster = None if match is None else self._fleet.find(match[1])
        step = None if cluster is None or match is None else cluster.find_step(match[2])
        if cluster is None or step is None:
            return None
        # A fault strikes a step, and with it all of the step's files.
        if step.id not in self._struck:
            self._struck[step.id] = self._strike(cluster.record.request.name, cluster.record.number, step)
        return self._struck[step.id]

    def _strike(self, cluster_name: str, cluster_number: int, step: Step) -> Fault | None:
        return self._book.strike(
            (FaultKind.LOG_LOSS, FaultKind.LOG_LAG),
            lambda fault: fault.fits_cluster(cluster_name, cluster_number) and fault.fits_step(step.request.name),
        )

    async def _withhold(self, request: web.Request, fault: Fault) -> web.Response:
        """Tell the sender that the log was stored, and store it late or never."""
        body = await request.read()
        if fault.do is FaultKind.LOG_LAG:
            task = asyncio.create_task(self._send_late(request, body, fault.seconds), name="late log")
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return web.Response(headers={"ETag": f'"{etag}"'})

    async def _send_late(self, request: web.Request, body: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with await self._send(request, body):
            pass
