"""Puts an emulator together and takes it apart again."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from emr_emulator.api import EmrApi
from emr_emulator.clock import Clock, WallClock
from emr_emulator.control import Control
from emr_emulator.driver import Driver
from emr_emulator.faults import Fault, FaultBook
from emr_emulator.fleet import Fleet
from emr_emulator.guard import Guard, check_token_form, is_loopback
from emr_emulator.ids import IdMaker
from emr_emulator.ledger import Ledger
from emr_emulator.model import ApiModel
from emr_emulator.moto_backend import MotoBackend
from emr_emulator.proxy import Proxy
from emr_emulator.quotas import Quotas
from emr_emulator.sabotage import SaboteurDirector
from emr_emulator.scenario import Scenario, ScenarioDirector, read_scenario
from emr_emulator.scratch import scratch_folder
from emr_emulator.server import Door, EmrWire
from emr_emulator.state import Store
from emr_emulator.storage import ANY_KEY
from emr_emulator.work import Executor, Premises

_LOOPBACK = "127.0.0.1"
_GRACE = 1.0  # seconds that open requests get when the emulator stops


class SettingsError(Exception):
    """Settings that don't go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an emulator is set up; the command line's options by the same names.

    ``port`` 0 picks a free one. ``speed`` divides every duration that is simulated. ``log_lag`` is in seconds. Without
    ``data`` nothing is left on disk. ``make_executor`` replaces what really runs steps.
    """

    port: int = 4566
    listen: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    simulate: bool = False
    scenario: Scenario | None = None
    speed: float = 1.0
    data: Path | None = None
    faults: tuple[Fault, ...] = ()
    log_lag: float = 0.0
    seed: int | None = None
    quotas: bool = False
    clock: Clock = field(default_factory=WallClock)
    make_executor: Callable[[Premises], Executor] | None = None

    def check(self) -> None:
        """Raise SettingsError for what could not work, or would be open to everybody."""
        if self.token is not None:
            try:
                check_token_form(self.token)
            except ValueError as error:
                raise SettingsError(f"--token: {error}") from error
        elif not is_loopback(self.listen):
            raise SettingsError(
                f"--listen {self.listen} needs --token (or EMR_EMULATOR_TOKEN): the emulator runs what it is sent,"
                " and other machines could send it something"
            )
        if not self.speed > 0:
            raise SettingsError("--speed must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A running emulator."""

    endpoint: str
    fleet: Fleet
    book: FaultBook
    ledger: Ledger


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Emulator]:
    """Run an emulator for as long as the block lasts; nothing is left behind after it.

    Raises SettingsError, StateError (the data folder) or OSError (the port).
    """
    settings.check()
    async with AsyncExitStack() as stack:
        # Bound before anything is built, so that the endpoint is known and a taken port is the first error.
        listening = stack.enter_context(_bind(settings.listen, settings.port))
        book = FaultBook(settings.faults, seed=settings.seed)
        fleet = Fleet(_make_director(settings, book), IdMaker(settings.seed), book, speed=settings.speed)
        store = _open_store(settings, stack, fleet)
        moto = MotoBackend()
        stack.push_async_callback(moto.close)
        proxy = Proxy(moto, book, fleet)
        stack.push_async_callback(proxy.close)
        # The door closes after the work has ended: killed steps still ship their logs through it.
        closing = await stack.enter_async_context(AsyncExitStack())
        executor = await _open_executor(settings, stack, _endpoint(listening))
        driver = Driver(fleet, settings.clock, executor=executor, store=store)
        stack.push_async_callback(driver.close)
        ledger = Ledger()
        parts = _Parts(fleet=fleet, book=book, ledger=ledger, driver=driver)
        emr, control = parts.build_wire(settings), parts.build_control(settings)
        control.on_reset.append(proxy.reset)
        guard = Guard(token=settings.token, checks_host=is_loopback(settings.listen))
        await _open_door(closing, Door(guard=guard, emr=emr, control=control, proxy=proxy), listening)
        driving = asyncio.create_task(driver.run(), name="emulator driver")
        stack.push_async_callback(_cancel, driving)
        yield Emulator(endpoint=_endpoint(listening), fleet=fleet, book=book, ledger=ledger)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What both the EMR API and the control API work on."""

    fleet: Fleet
    book: FaultBook
    ledger: Ledger
    driver: Driver

    def build_wire(self, settings: Settings) -> EmrWire:
        return EmrWire(
            api=EmrApi(self.fleet, ApiModel(), Quotas() if settings.quotas else None),
            driver=self.driver,
            clock=settings.clock,
            book=self.book,
            ledger=self.ledger,
            hides_keys=settings.token is not None,
        )

    def build_control(self, settings: Settings) -> Control:
        return Control(
            fleet=self.fleet,
            book=self.book,
            ledger=self.ledger,
            driver=self.driver,
            clock=settings.clock,
            initial=settings.faults,
        )


def _open_store(settings: Settings, stack: AsyncExitStack, fleet: Fleet) -> Store | None:
    if settings.data is None:
        return None
    store = stack.enter_context(Store(settings.data))
    for record in store.load():
        fleet.restore(settings.clock.now(), record)
    return store


def _make_director(settings: Settings, book: FaultBook) -> SaboteurDirector:
    scenario = settings.scenario or read_scenario(None, simulate=settings.simulate, seed=settings.seed)
    inner = ScenarioDirector(scenario, speed=settings.speed, runs_steps=not settings.simulate)
    return SaboteurDirector(inner, book, speed=settings.speed)


async def _open_executor(settings: Settings, stack: AsyncExitStack, endpoint: str) -> Executor | None:
    if settings.simulate:
        return None
    scratch = await stack.enter_async_context(scratch_folder("work"))
    premises = Premises(
        endpoint=endpoint,
        access_key=settings.token or ANY_KEY,
        hdfs=(scratch if settings.data is None else settings.data) / "hdfs",
        folder=scratch / "work",
        log_lag=settings.log_lag,
    )
    for folder in (premises.hdfs, premises.folder):
        folder.mkdir(parents=True, exist_ok=True)
    executor = (settings.make_executor or _make_local_executor)(premises)
    stack.push_async_callback(executor.close)
    return executor


def _make_local_executor(premises: Premises) -> Executor:
    from emr_emulator.execute import LocalExecutor

    return LocalExecutor(premises)


def _bind(address: str, port: int) -> socket.socket:
    host = address.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _endpoint(bound: socket.socket) -> str:
    """Return the address that a client of this machine uses; one that listens everywhere is on loopback too."""
    host, port = bound.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else _LOOPBACK
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def _open_door(closing: AsyncExitStack, door: Door, listening: socket.socket) -> None:
    # S3 objects may be gzipped: their bytes are the client's, so bodies are never decompressed here.
    runner = web.AppRunner(door.application(), access_log=None, shutdown_timeout=_GRACE, auto_decompress=False)
    await runner.setup()
    closing.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listening, backlog=1024).start()


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
