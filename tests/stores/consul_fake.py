"""Consul's KV store as its HTTP API shows it, for one test on a free port.

Answers are laid out as Consul's: base64 values, indexes that rise with every write of the store, 'true' and 'false'
for check-and-set, 404 for a key that isn't there, the index of the store in a header.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from aiohttp import web


@dataclass(slots=True)
class _Pair:
    value: bytes
    create_index: int
    modify_index: int


class FakeConsul:
    """A store that may want a token, fail with a status, or close the connection after it has done its work."""

    def __init__(self) -> None:
        self.pairs: dict[str, _Pair] = {}
        self.index = 10
        self.token: str | None = None
        self.statuses: list[int] = []
        """Statuses to fail the next requests with, before anything is done."""
        self.drops_answers = False
        """Whether connections are closed in place of an answer."""
        self.before_change: Callable[[], None] | None = None
        """What another program does right before the next check-and-set is looked at."""
        self.tokens_seen: set[str | None] = set()
        self.address = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/v1/kv/{key:.+}", self._serve)
        app.router.add_get("/elsewhere", self._move)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def set(self, key: str, value: bytes) -> None:
        """Write a key as any other program would, whatever is there."""
        self.index += 1
        created = self.pairs[key].create_index if key in self.pairs else self.index
        self.pairs[key] = _Pair(value, created, self.index)

    async def _move(self, _: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently("http://127.0.0.1:1/")

    async def _serve(self, request: web.Request) -> web.Response:
        token = request.headers.get("X-Consul-Token")
        self.tokens_seen.add(token)
        if self.statuses:
            return web.Response(status=self.statuses.pop(0), text="No cluster leader")
        if token != self.token:
            return web.Response(status=403, text="Permission denied: token lacks permission 'key:read'")
        answer = await self._answer(request)
        if self.drops_answers and request.transport is not None:
            request.transport.abort()
        answer.headers["X-Consul-Index"] = str(self.index)
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if request.method != "GET" and self.before_change:
            meddle, self.before_change = self.before_change, None
            meddle()
        pair = self.pairs.get(key)
        if request.method == "GET":
            return web.json_response([_encode(key, pair)]) if pair else web.Response(status=404)
        if int(request.query["cas"]) != (pair.modify_index if pair else 0):
            return web.json_response(data=False)
        if request.method == "PUT":
            self.set(key, await request.read())
        else:
            self.index += 1
            self.pairs.pop(key, None)
        return web.json_response(data=True)


def _encode(key: str, pair: _Pair) -> dict[str, object]:
    return {
        "LockIndex": 0,
        "Key": key,
        "Flags": 0,
        "Value": base64.b64encode(pair.value).decode() if pair.value else None,
        "CreateIndex": pair.create_index,
        "ModifyIndex": pair.modify_index,
    }
