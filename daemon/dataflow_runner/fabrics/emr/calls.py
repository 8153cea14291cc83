"""EMR's API, called within its quotas: repeatable calls repeated a few times, creates sent once."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dataflow_runner.errors import FabricError, Unavailable
from dataflow_runner.fabrics.emr.quota import Buckets
from dataflow_runner.fabrics.emr.session import AwsSession
from dataflow_runner.fabrics.emr.translate import (
    THROTTLE_CODES,
    translate_before_create,
    translate_create,
    translate_read,
)
from dataflow_runner.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How often a repeatable call is made again within one look, so that page 7 failing doesn't cost pages 1 to 6.

    Patience beyond that is the caller's: it gets Unavailable.
    """

    attempts: int = 4
    """Calls in all."""
    first_wait: timedelta = timedelta(seconds=1)
    """The longest wait before the second call; it doubles from there. Each wait is drawn from its upper half."""
    longest_wait: timedelta = timedelta(seconds=20)
    """Where doubling ends."""

    def wait_after(self, attempt: int) -> timedelta:
        """The wait after so many calls."""
        longest: timedelta = min(self.longest_wait, self.first_wait * 2 ** (attempt - 1))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing


class EmrCalls:
    """Makes calls on a session; every one takes its token first."""

    def __init__(self, session: AwsSession, *, clock: Clock, buckets: Buckets, persistence: Persistence) -> None:
        self._session = session
        self._clock = clock
        self._buckets = buckets
        self._persistence = persistence

    async def connect(self) -> None:
        """Make the clients and have the credentials; raises InputError or Unavailable."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await self._session.freshen()
            await self._session.reader("emr")
            await self._session.creator()
        except (BotoCoreError, ClientError) as error:
            raise translate_read(error, "the connection to AWS") from error

    async def ask(self, call: str, **parameters: object) -> Mapping[str, Any]:
        """A call that may be repeated without harm; raises Unavailable after a few tries, or Refused at once."""
        for attempt in range(1, self._persistence.attempts):
            try:
                return await self._ask_once(call, parameters)
            except Unavailable:
                await self._clock.sleep_until(self._clock.now() + self._persistence.wait_after(attempt))
        return await self._ask_once(call, parameters)

    async def fetch(self, call: str, key: str, **parameters: object) -> Any:
        """One value of a call's answer."""
        return _held(await self.ask(call, **parameters), key, call)

    async def pages(self, call: str, items: str, **parameters: object) -> AsyncIterator[Mapping[str, Any]]:
        """The items of every page."""
        while True:
            answer = await self.ask(call, **parameters)
            for item in _held(answer, items, call):
                yield item
            if not answer.get("Marker"):
                return
            parameters["Marker"] = answer["Marker"]

    async def create(self, call: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        """A call that is sent once, whatever becomes of it; raises NotSent, Refused or Unanswered."""
        from botocore.exceptions import BotoCoreError, ClientError

        await self._buckets.take(call)
        try:
            await self._session.freshen()
            client = await self._session.creator()
        except (BotoCoreError, ClientError) as error:
            raise translate_before_create(error, call) from error
        try:
            return await client.call(call, parameters)
        except (BotoCoreError, ClientError) as error:
            failure = translate_create(error, call)
            self._note_throttle(failure)
            raise failure from error

    async def _ask_once(self, call: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        await self._buckets.take(call)
        client = await self._session.reader("emr")
        try:
            return await client.call(call, parameters)
        except (BotoCoreError, ClientError) as error:
            failure = translate_read(error, call)
            self._note_throttle(failure)
            raise failure from error

    def _note_throttle(self, failure: FabricError) -> None:
        if failure.code in THROTTLE_CODES:
            self._buckets.throttled(failure.call)


def _held(answer: Mapping[str, Any], key: str, call: str) -> Any:
    """What an answer holds. botocore reads a body that isn't JSON, a proxy's page say, as an answer with nothing in it.

    That must not pass for "there are no steps": raises Unavailable.
    """
    if key not in answer:
        raise Unavailable(f"{call}: the answer holds no {key!r}, so it isn't EMR's", call=call)
    return answer[key]
