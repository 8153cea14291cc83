"""The control API under ``/_emulator/``: faults, ledger, reset, health. For people and tests, not part of EMR."""

import importlib.metadata
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from emr_emulator.clock import Clock
from emr_emulator.documents import DocumentError, parse_document
from emr_emulator.driver import Driver
from emr_emulator.faults import Fault, FaultBook, parse_faults
from emr_emulator.fleet import Fleet
from emr_emulator.ledger import Ledger

PREFIX = "/_emulator/"


class Control:
    """Answers the control API. ``initial`` are the faults that a reset returns to."""

    def __init__(
        self, *, fleet: Fleet, book: FaultBook, ledger: Ledger, driver: Driver, clock: Clock, initial: tuple[Fault, ...]
    ) -> None:
        self._fleet = fleet
        self._book = book
        self._ledger = ledger
        self._driver = driver
        self._clock = clock
        self._initial = initial
        self._routes: dict[tuple[str, str], Callable[[web.Request], Awaitable[web.Response]]] = {
            ("GET", "health"): self._show_health,
            ("GET", "ledger"): self._show_ledger,
            ("GET", "faults"): self._show_faults,
            ("PUT", "faults"): self._replace_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("POST", "reset"): self._reset,
        }
        self.on_reset: list[Callable[[], Awaitable[None]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        name = request.path.removeprefix(PREFIX)
        route = self._routes.get((request.method, name))
        if route is not None:
            return await route(request)
        known = ", ".join(f"{method} {PREFIX}{path}" for method, path in self._routes)
        return _refuse(404, f"{request.method} {request.path} is not known; there are: {known}")

    async def _show_health(self, _: web.Request) -> web.Response:
        version = importlib.metadata.version("dataflow-runner")
        return web.json_response({"status": "ok", "version": version, "clusters": len(self._fleet)})

    async def _show_ledger(self, _: web.Request) -> web.Response:
        self._driver.settle()
        return web.json_response(self._ledger.describe(self._fleet))

    async def _show_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._book.describe())

    async def _replace_faults(self, request: web.Request) -> web.Response:
        try:
            faults = parse_faults(parse_document(await request.text(), "faults"))
        except (DocumentError, UnicodeDecodeError) as error:
            return _refuse(400, str(error))
        self._book.replace(faults)
        self._fleet.meet_faults(self._clock.now())
        self._driver.settle()
        return web.json_response(self._book.describe())

    async def _remove_faults(self, _: web.Request) -> web.Response:
        self._book.replace(())
        return web.json_response([])

    async def _reset(self, _: web.Request) -> web.Response:
        self._book.replace(self._initial)
        await self._driver.reset()
        self._ledger.clear()
        for hook in self.on_reset:
            await hook()
        return web.json_response({"status": "ok"})


def _refuse(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=json.dumps({"error": message}) + "\n", content_type="application/json")
