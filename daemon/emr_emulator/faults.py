"""Faults as data: what goes wrong, where, and how often.

A faults document is a list. Every fault says what it does with ``do`` and may say ``count`` (at most so often),
``skip`` (let so many pass first) and ``probability``. ``_KEYS`` holds each kind's own keys.

    - {do: lose-answer, api: RunJobFlow, count: 1}
    - {do: throttle, api: "List*", probability: 0.2}
    - {do: bootstrap-failure, number: 1, message: "bootstrap action 1 returned a non-zero return code"}
    - {do: cluster-dies, cluster: "nightly*", step: "Enrich*", after: 5, code: INSTANCE_FAILURE}
    - {do: step-fails, step: "Load*", count: 2, reason: "Unknown Error.", message: "exit code 1"}

``after`` is in the cluster's own seconds, which ``--speed`` shortens; ``seconds`` is in real ones.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from emr_emulator.documents import Value, read_document
from emr_emulator.states import ENDED, ClusterState, ReasonCode


class FaultKind(StrEnum):
    """What a fault does."""

    THROTTLE = "throttle"  # ThrottlingException, 400
    ERROR = "error"  # an answer with this status, code and message
    LOSE_REQUEST = "lose-request"  # the connection is closed, nothing was done
    LOSE_ANSWER = "lose-answer"  # the work is done, the connection is closed
    RESET = "reset"  # the work is done, the connection is reset in the middle of the answer
    HANG = "hang"  # nothing is done, the connection stays silent for ``seconds`` and is closed
    DELAY = "delay"  # the request is dealt with after ``seconds``
    BOOTSTRAP_FAILURE = "bootstrap-failure"  # the cluster ends as it boots
    CLUSTER_DIES = "cluster-dies"  # the cluster ends ``after`` its creation, or after a step has started
    STEP_FAILS = "step-fails"  # the step ends FAILED; its process isn't run
    STEP_INTERRUPTED = "step-interrupted"  # the step ends INTERRUPTED; its process isn't run
    LATE_REASON = "late-reason"  # the reason of the cluster's end appears ``seconds`` late
    MISSING_REASON = "missing-reason"  # the reason of the cluster's end never appears
    TERMINATED_PLAIN = "terminated-plain"  # TERMINATED_WITH_ERRORS is shown as TERMINATED, without a reason
    EVENTUAL_LIST = "eventual-list"  # ListClusters and DescribeCluster don't know a new cluster for ``seconds``
    LOG_LOSS = "log-loss"  # a step's logs never arrive
    LOG_LAG = "log-lag"  # a step's logs arrive ``seconds`` later than they would


_COMMON = ("do", "count", "skip", "probability")
_CLUSTER = ("cluster", "number")
_STEP = (*_CLUSTER, "step")
_KEYS: dict[FaultKind, tuple[str, ...]] = {
    FaultKind.THROTTLE: ("api", "message"),
    FaultKind.ERROR: ("api", "status", "code", "message"),
    FaultKind.LOSE_REQUEST: ("api",),
    FaultKind.LOSE_ANSWER: ("api",),
    FaultKind.RESET: ("api",),
    FaultKind.HANG: ("api", "seconds"),
    FaultKind.DELAY: ("api", "seconds"),
    FaultKind.BOOTSTRAP_FAILURE: (*_CLUSTER, "message"),
    FaultKind.CLUSTER_DIES: (*_STEP, "after", "state", "code", "message"),
    FaultKind.STEP_FAILS: (*_STEP, "after", "reason", "message"),
    FaultKind.STEP_INTERRUPTED: (*_STEP, "after", "reason", "message"),
    FaultKind.LATE_REASON: (*_CLUSTER, "seconds"),
    FaultKind.MISSING_REASON: _CLUSTER,
    FaultKind.TERMINATED_PLAIN: _CLUSTER,
    FaultKind.EVENTUAL_LIST: (*_CLUSTER, "seconds"),
    FaultKind.LOG_LOSS: _STEP,
    FaultKind.LOG_LAG: (*_STEP, "seconds"),
}
API_FAULTS = frozenset(kind for kind, keys in _KEYS.items() if "api" in keys)
_NEEDS_SECONDS = frozenset(
    {FaultKind.HANG, FaultKind.DELAY, FaultKind.LATE_REASON, FaultKind.EVENTUAL_LIST, FaultKind.LOG_LAG}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. ``api``, ``cluster`` and ``step`` are shell-like patterns; None fits everything."""

    do: FaultKind
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    api: str | None = None
    cluster: str | None = None
    number: int | None = None
    step: str | None = None
    seconds: float = 0.0
    after: float = 0.0
    status: int = 500
    code: str | None = None
    state: ClusterState | None = None
    reason: str | None = None
    message: str | None = None

    def fits_api(self, api: str) -> bool:
        """Tell whether it concerns an EMR action."""
        return self.api is None or fnmatchcase(api, self.api)

    def fits_cluster(self, name: str, number: int) -> bool:
        """Tell whether it concerns a cluster, by its name and its number since the start."""
        return (self.cluster is None or fnmatchcase(name, self.cluster)) and self.number in (None, number)

    def fits_step(self, name: str) -> bool:
        """Tell whether it concerns a step."""
        return self.step is None or fnmatchcase(name, self.step)


class FaultBook:
    """The faults in force, each with how often it could have struck and how often it did."""

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 (a seed must repeat the faults)
        self._entries: list[_Entry] = []
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put other faults into force; all counts begin anew."""
        self._entries = [_Entry(fault) for fault in faults]

    def strike(self, kinds: Iterable[FaultKind], fits: Callable[[Fault], bool]) -> Fault | None:
        """Return the first fault of these kinds that strikes here and now, and count it."""
        wanted = frozenset(kinds)
        for entry in self._entries:
            if entry.fault.do in wanted and fits(entry.fault) and entry.strikes(self._random):
                return entry.fault
        return None

    def strike_api(self, api: str) -> Fault | None:
        """Return the fault that strikes a request."""
        return self.strike(API_FAULTS, lambda fault: fault.fits_api(api))

    def describe(self) -> list[dict[str, Any]]:
        """Return the faults in force as the control API shows them."""
        return [entry.describe() for entry in self._entries]


class _Entry:
    """A fault with its counts."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._seen = 0
        self._struck = 0

    def strikes(self, source: random.Random) -> bool:
        fault = self.fault
        self._seen += 1
        if self._seen <= fault.skip or (fault.count is not None and self._struck >= fault.count):
            return False
        if fault.probability < 1.0 and source.random() >= fault.probability:
            return False
        self._struck += 1
        return True

    def describe(self) -> dict[str, Any]:
        keys = (*_COMMON, *_KEYS[self.fault.do])
        shown = {key: getattr(self.fault, key) for key in keys}
        return {key: value for key, value in shown.items() if value is not None} | {
            "seen": self._seen,
            "struck": self._struck,
        }


def read_faults(path: Path) -> tuple[Fault, ...]:
    """Read a faults file; DocumentError names what is wrong and where."""
    return parse_faults(read_document(path))


def parse_faults(document: Value) -> tuple[Fault, ...]:
    """Read a list of faults; an empty document is an empty list."""
    if document.raw == {}:
        return ()
    return tuple(_parse_fault(value) for value in document.as_list())


def _parse_fault(value: Value) -> Fault:
    given = value.as_section(*_COMMON, *sorted({key for keys in _KEYS.values() for key in keys}))
    if "do" not in given:
        raise value.refuse("a fault needs a key 'do'")
    kind = FaultKind(given["do"].as_choice([kind.value for kind in FaultKind]))
    keys = value.as_section(*_COMMON, *_KEYS[kind])
    if kind in _NEEDS_SECONDS and "seconds" not in keys:
        raise value.refuse(f"{kind.value} needs a key 'seconds'")
    if kind is FaultKind.CLUSTER_DIES and "code" in keys:
        keys["code"].as_choice([code.value for code in ReasonCode])
    return Fault(do=kind, **{key: _READERS[key](found) for key, found in keys.items() if key != "do"})


def _read_state(value: Value) -> ClusterState:
    return ClusterState(value.as_choice(sorted(ENDED)))


_READERS: dict[str, Callable[[Value], Any]] = {
    "count": Value.as_count,
    "skip": Value.as_count,
    "number": lambda value: value.as_count(least=1),
    "probability": lambda value: value.as_number(most=1.0),
    "seconds": Value.as_number,
    "after": Value.as_number,
    "status": lambda value: int(value.as_number(least=400, most=599)),
    "state": _read_state,
    "api": Value.as_text,
    "cluster": Value.as_text,
    "step": Value.as_text,
    "code": Value.as_text,
    "reason": Value.as_text,
    "message": Value.as_text,
}
