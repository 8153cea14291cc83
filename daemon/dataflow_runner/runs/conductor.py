"""Performs what the machine decides, and journals it first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from dataflow_runner.errors import (
    FabricError,
    InputError,
    NotSent,
    Refused,
    RunnerError,
    StoreUnavailable,
    Unanswered,
)
from dataflow_runner.jobs.journal import Journal
from dataflow_runner.jobs.record import Entry, EntryKind, RequestKind, RunRecord
from dataflow_runner.runs import events as ev
from dataflow_runner.runs.codec import decode_state, encode_state
from dataflow_runner.runs.decide import decide
from dataflow_runner.runs.hands import Hands, Surroundings
from dataflow_runner.runs.machine import apply
from dataflow_runner.runs.narrate import narrate
from dataflow_runner.runs.plan import Plan
from dataflow_runner.runs.state import Intent, State

_LISTEN = timedelta(seconds=1)
"""How often the journal is asked whether anything was asked of the run."""

_JOURNAL_RETRY = timedelta(seconds=2)


class Conductor:
    """Drives one run that this process owns, to its end or until it is told to leave."""

    def __init__(self, plan: Plan, record: RunRecord, journal: Journal, surroundings: Surroundings) -> None:
        self._plan = plan
        self._record = record
        self._journal = journal
        self._hands = Hands(plan, surroundings)
        self._fabric = surroundings.fabric
        self._clock = surroundings.clock
        self._observer = surroundings.observer
        self._redact = surroundings.redact
        self._state = decode_state(record.state)
        self._leaving = asyncio.Event()
        self._heard = 0

    @property
    def state(self) -> State:
        """What is known of the run now."""
        return self._state

    def leave(self) -> None:
        """Stop driving as soon as the call in the air is answered; the cluster is not touched."""
        self._leaving.set()

    async def drive(self, *, is_resumed: bool) -> State:
        """Drive the run until it has ended, or until leave() was called; tells by state.phase which.

        Raises LeaseLost when another process has taken the run over, and StoreUnavailable when it is told to leave
        while the journal can't be written.
        """
        if is_resumed:
            await self._learn(ev.Resumed(), EntryKind.NOTE)
        while not self._leaving.is_set():
            await self._listen()
            await self._learn(ev.Tick(), EntryKind.NOTE)
            decision = decide(self._plan, self._state, self._clock.now())
            match decision:
                case ev.Finish():
                    return self._state
                case ev.Wait(until=until):
                    await self._wait(until)
                case _:
                    await self._learn(await self._perform(decision), EntryKind.OUTCOME)
        note = Entry(at=self._clock.now(), kind=EntryKind.NOTE, text="left by its driver; the cluster runs on")
        await self._journal.hand_back(self._record, note)
        return self._state

    async def _wait(self, until: datetime) -> None:
        """Wait until an instant, but no longer than what others may ask of the run can wait, nor past a leave()."""
        instant = min(until, self._clock.now() + _LISTEN)
        sleeping = asyncio.ensure_future(self._clock.sleep_until(instant))
        leaving = asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait({sleeping, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            leaving.cancel()

    async def _listen(self) -> None:
        try:
            requests = await self._journal.requests(self._record.run_id)
        except StoreUnavailable as error:
            self._observer.troubled(str(error))
            return
        fresh, self._heard = requests[self._heard :], len(requests)
        for request in fresh:
            if request.kind is RequestKind.CANCEL:
                await self._learn(ev.CancelRequested(by=request.by), EntryKind.NOTE)

    async def _learn(self, event: ev.Event, kind: EntryKind) -> None:
        """Turn the state over; journal it and tell the observer when that makes a difference."""
        before = self._state
        after = apply(self._plan, before, event, self._clock.now())
        self._state = after
        if after == before:
            return
        lines = narrate(self._plan, before, after)
        await self._save("; ".join(lines) or type(event).__name__, kind)
        if lines:
            self._observer.changed(self._plan, after, lines)
        if after.cluster and not before.cluster:
            await self._sign_locks(after)

    async def _sign_locks(self, state: State) -> None:
        """Write the cluster on the locks that are held; they hold without it."""
        if state.cluster is None:
            return
        try:
            await self._hands.write_cluster_on_locks(state.cluster.cluster_id, self._plan.locks[: state.locks])
        except RunnerError as error:
            self._observer.troubled(f"the locks don't show the cluster: {error}")

    async def _save(self, text: str, kind: EntryKind) -> None:
        """Write the state; nothing else is done until it is written."""
        state, now = self._state, self._clock.now()
        cluster = state.cluster.cluster_id if state.cluster else self._record.cluster_id
        record = replace(
            self._record,
            state=encode_state(state),
            phase=str(state.phase),
            verdict=str(state.verdict) if state.verdict else None,
            exit_code=state.exit_code,
            cluster_id=cluster,
            reason=state.failure.message if state.failure else "",
            updated_at=now,
        )
        while True:
            try:
                await self._journal.save(record, Entry(at=now, kind=kind, text=text))
            except StoreUnavailable as error:
                self._observer.troubled(str(error))
                if self._leaving.is_set():
                    raise
                await self._clock.sleep_until(self._clock.now() + _JOURNAL_RETRY)
            else:
                break
        self._record = record

    async def _perform(self, effect: ev.Effect) -> ev.Event:
        """Make one call, and say what came of it."""
        try:
            match effect:
                case ev.Launch():
                    await self._intend(effect.intent)
                    return ev.Launched(cluster_id=await self._fabric.launch(effect.request))
                case ev.Submit():
                    return await self._submit(effect)
                case _:
                    return await self._hands.perform(effect)
        except (FabricError, StoreUnavailable, InputError) as error:
            message = self._redact(str(error))
            self._observer.troubled(message)
            return _event_of(error, effect, message)

    async def _submit(self, effect: ev.Submit) -> ev.Event:
        """Submit steps, after noting which ids the cluster had before: what isn't among them later is new."""
        views = await self._fabric.list_steps(effect.cluster_id)
        if views is None:
            return ev.Seen(cluster_id=effect.cluster_id, is_unknown=True)
        await self._intend(replace(effect.intent, known=tuple(view.step_id for view in views)))
        step_ids = await self._fabric.submit(effect.cluster_id, effect.requests, self._plan.overlay)
        return ev.Submitted(step_ids=step_ids)

    async def _intend(self, intent: Intent) -> None:
        await self._learn(ev.IntentWritten(intent=intent), EntryKind.INTENT)


def _event_of(error: FabricError | StoreUnavailable | InputError, effect: ev.Effect, message: str) -> ev.Event:
    """What a call that went wrong means for the run."""
    match error:
        case NotSent():
            return ev.CreateNotSent(message=message)
        case Unanswered():
            return ev.CreateUnanswered(message=message)
        case Refused() | InputError():
            return ev.CallRefused(effect=effect, message=message)
        case _:
            return ev.CallFailed(message=message)
