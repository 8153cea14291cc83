"""What really happened, whatever a fault made the API show: tests of any client assert on it."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from emr_emulator.fleet import Fleet
from emr_emulator.records import ClusterRecord
from emr_emulator.steps import Step
from emr_emulator.values import Reason

_KEPT_REQUESTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """One EMR request. ``done``: whether it was carried out; ``outcome``: "ok" or the error's code."""

    at: float
    api: str
    request_id: str
    region: str
    client: str
    access_key: str
    done: bool
    outcome: str
    fault: str | None


class Ledger:
    """The requests of one emulator, and the view of its clusters that hides nothing."""

    def __init__(self) -> None:
        self._requests: deque[RequestEntry] = deque(maxlen=_KEPT_REQUESTS)
        self._noted = 0

    def note(self, entry: RequestEntry) -> None:
        """Add a request; of very many the oldest are forgotten, and counted."""
        self._requests.append(entry)
        self._noted += 1

    def clear(self) -> None:
        """Forget every request."""
        self._requests.clear()
        self._noted = 0

    def describe(self, fleet: Fleet) -> dict[str, Any]:
        """Return everything as a JSON document."""
        return {
            "requests": [asdict(entry) for entry in self._requests],
            "forgotten_requests": self._noted - len(self._requests),
            "clusters": [_describe_cluster(cluster.record) for cluster in fleet],
        }


def _describe_cluster(record: ClusterRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "number": record.number,
        "name": record.request.name,
        "region": record.region,
        "tags": dict(record.tags),
        "state": str(record.state),
        "reason": _describe_reason(record.reason),
        "created": record.created,
        "ready": record.ready,
        "ended": record.ended,
        "history": [
            {"at": change.at, "state": str(change.state), **_describe_reason(change.reason)}
            for change in record.history
        ],
        "steps": [_describe_step(step) for step in record.steps],
    }


def _describe_step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "number": step.number,
        "name": step.request.name,
        "action_on_failure": str(step.request.action),
        "state": str(step.state),
        "starts": step.starts,
        "created": step.created,
        "started": step.started,
        "ended": step.ended,
        "failure": None if step.failure is None else asdict(step.failure),
    }


def _describe_reason(reason: Reason) -> dict[str, str | None]:
    return {"code": None if reason.code is None else str(reason.code), "message": reason.message}
