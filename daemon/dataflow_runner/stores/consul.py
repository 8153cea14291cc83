"""Locks as keys in Consul's KV store, where the Go runner keeps its own.

A lock is there when its key is. The value is the holder as JSON; the Go runner writes a process id and looks at
nothing but the key's existence, so each runner sees the other's locks. Neither uses a Consul session: the lock
stays when its holder dies, as a hard lock must.

Facts of the HTTP API (/v1/kv/KEY): a PUT with cas=0 writes only when the key isn't there, with another index only
when that is the key's ModifyIndex; DELETE with cas alike; both answer 'true' or 'false'. GET answers 404 when there
is no such key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import msgspec

from dataflow_runner.errors import InputError, StoreUnavailable
from dataflow_runner.jobs.ids import RunId
from dataflow_runner.jobs.lock import LockHolder
from dataflow_runner.kit.secret import Secret
from dataflow_runner.stores.holders import (
    decode_holder,
    describe_foreign,
    encode_holder,
    is_held_by,
    renew,
)

if TYPE_CHECKING:
    from aiohttp import ClientSession

_TIMEOUT_S = 10.0
_ROUNDS = 20
"""How often a key that changes between our look and our write is looked at again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    holder: LockHolder
    index: int
    """The key's ModifyIndex: changes with every write of it."""


class _Pair(msgspec.Struct, frozen=True, rename="pascal"):
    """A key's entry as Consul sends it; msgspec turns base64 into bytes."""

    modify_index: int
    value: bytes | None = None


class ConsulLocks:
    """Locks named by key, at an address 'host:port' or 'http(s)://host:port'.

    The token, CONSUL_HTTP_TOKEN of the environment as a rule, needs key:read and key:write on the keys. A call raises
    StoreUnavailable when Consul can't be reached or has no leader, InputError when it refuses. After an answer that
    was lost, the same call tells how things stand.
    """

    def __init__(self, address: str, token: Secret | None = None, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._url = _base_url(address)
        self._token = token
        self._timeout_s = timeout_s

    async def acquire(self, name: str, holder: LockHolder) -> LockHolder:
        """Take a lock; see Locks."""
        async with self._key(name) as key:
            for _ in range(_ROUNDS):
                if await key.put(holder, index=0):
                    return holder
                found = await key.get()
                if found is None:
                    continue
                if not is_held_by(found.holder, holder.run_id):
                    return found.holder
                renewed = renew(found.holder, holder)
                if renewed == found.holder or await key.put(renewed, index=found.index):
                    return renewed
            raise key.restless()

    async def release(self, name: str, run_id: RunId) -> bool:
        """Let go of a run's lock; see Locks."""
        async with self._key(name) as key:
            for _ in range(_ROUNDS):
                found = await key.get()
                if found is None or not is_held_by(found.holder, run_id):
                    return False
                if await key.delete(index=found.index):
                    return True
            raise key.restless()

    async def holder(self, name: str) -> LockHolder | None:
        """Who holds a lock now."""
        async with self._key(name) as key:
            found = await key.get()
            return found.holder if found else None

    async def break_lock(self, name: str) -> LockHolder | None:
        """Free a lock whoever holds it, and tell who did."""
        async with self._key(name) as key:
            for _ in range(_ROUNDS):
                found = await key.get()
                if found is None:
                    return None
                if await key.delete(index=found.index):
                    return found.holder
            raise key.restless()

    @asynccontextmanager
    async def _key(self, name: str) -> AsyncIterator[_Key]:
        import aiohttp

        if not name or name.startswith("/"):
            raise InputError(f"{name!r} is not a Consul key; give one that doesn't begin with '/'")
        headers = {"X-Consul-Token": self._token.reveal().strip()} if self._token else {}
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            yield _Key(session, self._url, name)


class _Key:
    """One key, over one session."""

    def __init__(self, session: ClientSession, url: str, name: str) -> None:
        self._session = session
        self._url = url
        self._name = name

    async def get(self) -> _Found | None:
        """What is at the key; from the leader itself, which knows of every write."""
        answer = await self._send("GET", {"consistent": ""}, None)
        if answer is None:
            return None
        try:
            (pair,) = msgspec.json.decode(answer, type=tuple[_Pair])
        except msgspec.DecodeError as error:
            raise self._foreign() from error
        value = pair.value or b""
        holder = decode_holder(value) or describe_foreign(value, None)
        return _Found(holder=holder, index=pair.modify_index)

    async def put(self, holder: LockHolder, *, index: int) -> bool:
        """Write the key if it is at that index, or with 0 if it isn't there; whether it was written."""
        return self._verdict(await self._send("PUT", {"cas": str(index)}, encode_holder(holder)))

    async def delete(self, *, index: int) -> bool:
        """Remove the key if it is at that index; whether it was."""
        return self._verdict(await self._send("DELETE", {"cas": str(index)}, None))

    def restless(self) -> StoreUnavailable:
        """The error of a key that others write all the time."""
        return StoreUnavailable(f"the key {self._name!r} in Consul changes all the time; see who writes it")

    def _verdict(self, answer: bytes | None) -> bool:
        match answer and answer.strip():
            case b"true":
                return True
            case b"false":
                return False
            case _:
                raise self._foreign()

    async def _send(self, method: str, query: dict[str, str], body: bytes | None) -> bytes | None:
        """Consul's answer; None when there is no such key."""
        import aiohttp
        from yarl import URL

        # Encoded here, so that a key is sent as it is: a library might take '..' or '%' in it for its own.
        url = URL(f"{self._url}/v1/kv/{quote(self._name, safe='/')}", encoded=True).with_query(query)
        try:
            # A redirect isn't followed: it would carry the token to another host.
            async with self._session.request(method, url, data=body, allow_redirects=False) as answer:
                status, text = answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or f"no answer within {self._session.timeout.total:g} s"
            raise StoreUnavailable(
                f"Consul at {self._url} can't be reached: {reason}; see that it runs and that this host may reach it"
            ) from error
        if method == "GET" and status == 404:
            return None
        self._check(status)
        return text

    def _check(self, status: int) -> None:
        if status == 200:
            return
        if status in {401, 403}:
            raise InputError(
                f"Consul at {self._url} refused its key {self._name!r} (HTTP {status}); give a token with key:read and "
                f"key:write on it in CONSUL_HTTP_TOKEN"
            )
        if status == 429 or status >= 500:
            raise StoreUnavailable(
                f"Consul at {self._url} can't serve now (HTTP {status}); see that it has a leader, then try again"
            )
        raise self._foreign(status)

    def _foreign(self, status: int = 200) -> InputError:
        return InputError(
            f"what answers at {self._url} (HTTP {status}) doesn't speak Consul's KV API; check the address of Consul"
        )


def _base_url(address: str) -> str:
    expected = "give 'host:port', 'http://host:port' or 'https://host:port'"
    if "@" in address:
        raise InputError(
            f"the address of Consul holds a name or password; put a token in CONSUL_HTTP_TOKEN, {expected}"
        )
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or any(map(str.isspace, address)))
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and is_bare:
            return f"{parts.scheme}://{parts.netloc}"
    except ValueError:  # a port that is no number, a bracket left open
        pass
    raise InputError(f"{address!r} is not an address of Consul; {expected}")
