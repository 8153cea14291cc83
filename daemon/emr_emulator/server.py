"""The one port: EMR's wire protocol, the control API, and everything else to moto."""

import asyncio
import contextlib
import json
import socket
import struct
import time
import uuid
from typing import Any

from aiohttp import web

from emr_emulator.api import EmrApi
from emr_emulator.calls import Answer
from emr_emulator.clock import Clock
from emr_emulator.control import PREFIX, Control
from emr_emulator.driver import Driver
from emr_emulator.errors import THROTTLED, EmrError
from emr_emulator.faults import Fault, FaultBook, FaultKind
from emr_emulator.guard import Caller, Guard, check_date, find_caller
from emr_emulator.ledger import Ledger, RequestEntry
from emr_emulator.moto_backend import BackendError
from emr_emulator.proxy import Proxy

MAX_REQUEST = 16 * 1024 * 1024
_TARGET = "ElasticMapReduce."
_CONTENT_TYPE = "application/x-amz-json-1.1"
_DEFAULT_REGION = "us-east-1"
_UNDONE = frozenset({FaultKind.LOSE_REQUEST, FaultKind.HANG})
_DONE_UNHEARD = frozenset({FaultKind.LOSE_ANSWER, FaultKind.RESET})


class Door:
    """Where requests come in: guarded, then sorted to EMR, the control API or moto."""

    def __init__(self, *, guard: Guard, emr: "EmrWire", control: Control, proxy: Proxy) -> None:
        self._guard = guard
        self._emr = emr
        self._control = control
        self._proxy = proxy

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application(client_max_size=MAX_REQUEST)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._guard.check(request.headers, request.query)
        except EmrError as error:
            return _write(error.body(), error.status, str(uuid.uuid4()))
        if request.path.startswith(PREFIX):
            return await self._control.answer(request)
        caller = find_caller(request.headers, request.query)
        target = request.headers.get("X-Amz-Target", "")
        if target.startswith(_TARGET) or caller.service == "elasticmapreduce":
            return await self._emr.answer(request, target.removeprefix(_TARGET), caller)
        try:
            return await self._proxy.forward(request)
        except BackendError as error:
            return web.Response(status=503, text=f"emr-emulator: {error}\n")


class EmrWire:
    """EMR over AWS JSON 1.1, with the faults that befall requests."""

    def __init__(
        self, *, api: EmrApi, driver: Driver, clock: Clock, book: FaultBook, ledger: Ledger, hides_keys: bool
    ) -> None:
        self._api = api
        self._driver = driver
        self._clock = clock
        self._book = book
        self._ledger = ledger
        self._hides_keys = hides_keys

    async def answer(self, request: web.Request, action: str, caller: Caller) -> web.StreamResponse:
        """Answer one request, or let a fault do so."""
        body = await request.read()
        visit = _Visit(request, action, caller, str(uuid.uuid4()), self._book.strike_api(action))
        fault = visit.fault
        if fault is None:
            return _write(*self._do(visit, body))
        if fault.do in _UNDONE:
            self._note(visit, done=False, outcome="no answer")
            if fault.do is FaultKind.HANG:
                await asyncio.sleep(fault.seconds)
            return _hang_up(request)
        if fault.do in (FaultKind.THROTTLE, FaultKind.ERROR):
            return self._refuse(visit, fault)
        if fault.do is FaultKind.DELAY:
            await asyncio.sleep(fault.seconds)
        document, status, request_id = self._do(visit, body)
        if fault.do is FaultKind.LOSE_ANSWER:
            return _hang_up(request)
        if fault.do is FaultKind.RESET:
            return await _break_off(request, document, request_id)
        return _write(document, status, request_id)

    def _do(self, visit: "_Visit", body: bytes) -> tuple[Answer, int, str]:
        try:
            # The signature's date is judged by the machine's clock, as the client made it.
            check_date(visit.request.headers, time.time())
            region = visit.caller.region or _DEFAULT_REGION
            answer = self._api.call(visit.action, _read(body), now=self._clock.now(), region=region)
        except EmrError as error:
            self._note(visit, done=False, outcome=error.code)
            return error.body(), error.status, visit.id
        self._driver.settle()
        self._note(visit, done=True, outcome="ok")
        return answer, 200, visit.id

    def _refuse(self, visit: "_Visit", fault: Fault) -> web.Response:
        throttles = fault.do is FaultKind.THROTTLE
        error = EmrError(
            "ThrottlingException" if throttles else fault.code or "InternalFailure",
            fault.message or (THROTTLED if throttles else "An internal error occurred"),
            status=400 if throttles else fault.status,
        )
        self._note(visit, done=False, outcome=error.code)
        return _write(error.body(), error.status, visit.id)

    def _note(self, visit: "_Visit", *, done: bool, outcome: str) -> None:
        entry = RequestEntry(
            at=self._clock.now(),
            api=visit.action,
            request_id=visit.id,
            region=visit.caller.region or _DEFAULT_REGION,
            client=visit.request.headers.get("User-Agent", ""),
            access_key="(hidden)" if self._hides_keys and visit.caller.access_key else visit.caller.access_key,
            done=done,
            outcome=outcome,
            fault=None if visit.fault is None else str(visit.fault.do),
        )
        self._ledger.note(entry)


class _Visit:
    """One request on its way through."""

    __slots__ = ("action", "caller", "fault", "id", "request")

    def __init__(self, request: web.Request, action: str, caller: Caller, request_id: str, fault: Fault | None) -> None:
        self.request = request
        self.action = action
        self.caller = caller
        self.id = request_id
        self.fault = fault


def _read(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        raise EmrError("SerializationException", "The request's body is not JSON.") from None


def _write(document: Answer, status: int, request_id: str) -> web.Response:
    body = b"" if document is None else json.dumps(document).encode()
    headers = {"Content-Type": _CONTENT_TYPE, "x-amzn-RequestId": request_id}
    return web.Response(status=status, body=body, headers=headers)


def _hang_up(request: web.Request) -> web.Response:
    """Close the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _break_off(request: web.Request, document: Answer, request_id: str) -> web.StreamResponse:
    """Send the first half of an answer and reset the connection."""
    body = json.dumps(document or {}).encode()
    headers = {"Content-Type": _CONTENT_TYPE, "x-amzn-RequestId": request_id, "Content-Length": str(len(body))}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            # Lingering for zero seconds makes the close a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return answer
