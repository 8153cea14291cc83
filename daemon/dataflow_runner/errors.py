"""The errors, split by what a caller does about them.

::

    RunnerError
    ├── InputError                mend the input and start again
    │   ├── SpecError             a cluster spec or playbook has findings
    │   └── UnknownRun            the journal has no such run
    ├── Held                      somebody else is at it
    │   └── RunHeld               the run is driven by another, living process
    ├── ClusterNotUsable          the cluster that was named can't run steps
    ├── FabricError               the fabric's answer to a call
    │   ├── Unavailable           wait and ask again: throttled, 5xx, no connection; nothing was changed
    │   ├── NotSent               a create that never left this machine: send it again
    │   ├── Refused               a call refused for its content: asking again won't help
    │   └── Unanswered            a create that may or may not have happened: look before anything else
    ├── StoreUnavailable          a journal or a place of locks can't be used now: wait and ask again
    ├── JournalBroken             the journal's file or table is not one, or of another version
    └── LeaseLost                 another process owns the run now: let go of it at once

Library errors are translated once, at the adapter, with ``from``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataflow_runner.specs.findings import Finding


class RunnerError(Exception):
    """Base of every error that this program raises on purpose."""


class InputError(RunnerError):
    """Something that the user gave is wrong; the message says what, where, and what to do."""


class SpecError(InputError):
    """A cluster spec or playbook can't be used; carries every finding of the file at once."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class UnknownRun(InputError):
    """The journal knows no run of that id."""

    def __init__(self, run_id: str, journal: str) -> None:
        self.run_id = run_id
        super().__init__(f"no run {run_id!r} in the journal {journal}; 'dataflow-runner runs list' shows those it has")


class Held(RunnerError):
    """Somebody else holds what is needed."""


class RunHeld(Held):
    """A run is being driven by another living process."""

    def __init__(self, run_id: str, owner: str) -> None:
        self.run_id = run_id
        self.owner = owner
        super().__init__(f"run {run_id} is being driven by {owner}; stop that process first, or watch the run")


class ClusterNotUsable(RunnerError):
    """The cluster that was named can't take steps, or no single cluster answers to the name."""


class FabricError(RunnerError):
    """A fabric's answer to a call, with the code that it gave (empty where there was no answer)."""

    def __init__(self, message: str, *, call: str = "", code: str = "") -> None:
        self.call = call
        self.code = code
        super().__init__(message)


class Unavailable(FabricError):
    """The call changed nothing and may be made again later: throttled, overloaded or unreachable."""

    def __init__(self, message: str, *, call: str = "", code: str = "", throttled: bool = False) -> None:
        super().__init__(message, call=call, code=code)
        self.throttled = throttled


class NotSent(FabricError):
    """A create that certainly never reached the fabric; it may be sent again."""


class Refused(FabricError):
    """A call that the fabric refused for its content or for lack of permission."""


class Unanswered(FabricError):
    """A create that may have been carried out; only looking tells."""


class StoreUnavailable(RunnerError):
    """A journal or a place of locks is locked, full or unreachable; the same call may succeed later."""


class JournalBroken(RunnerError):
    """The journal is not one that this program can use."""


class LeaseLost(RunnerError):
    """A conditional write was refused: another process owns the run now."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"run {run_id} is owned by another process now")
