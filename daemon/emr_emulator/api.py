"""The EMR API without its wire: an action's name and parameters in, an answer or an EmrError out."""

from typing import Any

from emr_emulator import cluster_calls, step_calls
from emr_emulator.calls import Answer, Call, Handler
from emr_emulator.errors import THROTTLED, EmrError
from emr_emulator.fleet import Fleet
from emr_emulator.model import ApiModel
from emr_emulator.quotas import Quotas

HANDLERS: dict[str, Handler] = cluster_calls.HANDLERS | step_calls.HANDLERS


class EmrApi:
    """Answers EMR's actions from a fleet."""

    def __init__(self, fleet: Fleet, model: ApiModel, quotas: Quotas | None = None) -> None:
        self._fleet = fleet
        self._model = model
        self._quotas = quotas

    def call(self, action: str, given: Any, *, now: float, region: str) -> Answer:
        """Check a request and do it, all at one instant. None is the answer of an action that has none."""
        operation = self._model.find(action)
        if operation is None:
            raise EmrError("UnknownOperationException", f"EMR has no action {action!r}.")
        handler = HANDLERS.get(action)
        if handler is None:
            emulated = ", ".join(sorted(HANDLERS))
            message = f"{action} is not emulated by emr-emulator; these are: {emulated}."
            raise EmrError("NotEmulatedException", message)
        if self._quotas is not None and not self._quotas.take(now, region, action):
            raise EmrError("ThrottlingException", THROTTLED)
        params = self._model.check(operation, given)
        self._fleet.advance(now)
        return handler(Call(fleet=self._fleet, action=action, params=params, now=now, region=region))
