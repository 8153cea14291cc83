"""Which steps of a cluster are the ones that were sent: EMR gives no token to tell by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from dataflow_runner.fabrics.base import StepView
from dataflow_runner.jobs.ids import StepId
from dataflow_runner.specs.model import Step


class AmbiguousMatch(Exception):
    """More, or only some, of the steps that were sent stand on the cluster."""


def match_steps(sent: Sequence[Step], views: Sequence[StepView], known: Iterable[StepId]) -> tuple[StepId, ...] | None:
    """The ids of steps that were sent together, in their order; None when none of them is there.

    A step is one of them when its id wasn't there before and its name, jar and arguments are the same. Identical
    steps are told apart by their order. Raises AmbiguousMatch when not exactly the number sent is found: EMR takes
    a submission whole or not at all, so then somebody else sent the like.
    """
    seen_before = frozenset(known)
    wanted = Counter(_identity(step) for step in sent)
    found = [view for view in views if view.step_id not in seen_before and _identity(view) in wanted]
    if not found:
        return None
    if Counter(_identity(view) for view in found) != wanted:
        raise AmbiguousMatch(f"{len(sent)} steps were sent, and {len(found)} new ones on the cluster look like them")
    by_identity: dict[tuple[str, str, tuple[str, ...]], list[StepId]] = {}
    for view in found:
        by_identity.setdefault(_identity(view), []).append(view.step_id)
    return tuple(by_identity[_identity(step)].pop(0) for step in sent)


def _identity(step: Step | StepView) -> tuple[str, str, tuple[str, ...]]:
    return step.name, step.jar, step.arguments
