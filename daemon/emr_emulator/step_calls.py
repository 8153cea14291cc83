"""EMR's actions on steps."""

from collections.abc import Iterator
from typing import Any

from emr_emulator import parse, views
from emr_emulator.calls import Answer, Call, Handler
from emr_emulator.cluster import Cluster
from emr_emulator.errors import no_such_step, refuse_request, refuse_value
from emr_emulator.paging import read_marker, take_page
from emr_emulator.releases import CANCEL_RUNNING, can
from emr_emulator.states import StepState
from emr_emulator.steps import Step

_VISIBLE = 1_000
_MAX_STEP_IDS = 10
_MAX_CANCELLED = 256


def add_job_flow_steps(call: Call) -> Answer:
    """Put steps into a cluster's queue: all of them, or none."""
    cluster = call.modifiable(call.job_flow(call.params["JobFlowId"]))
    requests = parse.parse_steps(
        call.params["Steps"], cluster.record.step_concurrency, call.params.get("ExecutionRoleArn")
    )
    if sum(1 for _ in cluster.open_steps) + len(requests) > parse.MAX_ACTIVE_STEPS:
        raise refuse_value(
            "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') for cluster exceeded."
        )
    with call.fleet.changing(call.now, cluster):
        added = cluster.add_steps(call.now, requests, lambda: call.fleet.make_step_id(cluster))
    return {"StepIds": [step.id for step in added]}


def list_steps(call: Call) -> Answer:
    """Show a page of the last 1,000 steps: the newest first, or in their own order where a filter is given."""
    cluster = call.cluster()
    ids, states = call.params.get("StepIds", []), call.params.get("StepStates", [])
    if len(ids) > _MAX_STEP_IDS:
        raise refuse_request(f"A maximum of {_MAX_STEP_IDS} step IDs can be specified, found {len(ids)}.")
    for step_id in ids:
        if cluster.find_step(step_id) is None:
            raise no_such_step(step_id)
    found = _select(cluster, frozenset(ids), frozenset(states), read_marker(call.action, call.params))
    page, marker = take_page(call.action, call.params, found, lambda step: str(step.number))
    return {"Steps": [views.view_step(step) for step in page]} | marker


def _select(cluster: Cluster, ids: frozenset[str], states: frozenset[str], after: str | None) -> Iterator[Step]:
    visible = cluster.record.steps[-_VISIBLE:]
    if ids or states:
        start = int(after or 0)
        for step in visible:
            if step.number > start and (not ids or step.id in ids) and (not states or step.state in states):
                yield step
        return
    end = len(cluster.record.steps) + 1 if after is None else int(after)
    for step in reversed(visible):
        if step.number < end:
            yield step


def describe_step(call: Call) -> Answer:
    """Show a step."""
    step = call.cluster().find_step(call.params["StepId"])
    if step is None:
        raise no_such_step(call.params["StepId"])
    shown = views.view_step(step)
    if step.request.execution_role is not None:
        shown["ExecutionRoleArn"] = step.request.execution_role
    return {"Step": shown}


def cancel_steps(call: Call) -> Answer:
    """Call steps off; each is answered for itself."""
    cluster = call.cluster()
    ids = call.params["StepIds"]
    if len(ids) > _MAX_CANCELLED:
        raise refuse_request(f"A maximum of {_MAX_CANCELLED} steps can be cancelled at once, found {len(ids)}.")
    with call.fleet.changing(call.now, cluster):
        return {"CancelStepsInfoList": [_cancel(call, cluster, step_id) for step_id in ids]}


def _cancel(call: Call, cluster: Cluster, step_id: str) -> dict[str, Any]:
    step = cluster.find_step(step_id)
    if step is None:
        return {"StepId": step_id, "Status": "FAILED", "Reason": f"Step id '{step_id}' is not valid."}
    # A repeated request for a step that is being cancelled already is as good as the first.
    cancellable = {StepState.PENDING, StepState.CANCEL_PENDING}
    if can(cluster.record.request.release_label, CANCEL_RUNNING):
        cancellable.add(StepState.RUNNING)
    if step.state not in cancellable:
        return {
            "StepId": step_id,
            "Status": "FAILED",
            "Reason": f"A step in state {step.state} can not be cancelled.",
        }
    cluster.cancel_step(call.now, step)
    return {"StepId": step_id, "Status": "SUBMITTED"}


HANDLERS: dict[str, Handler] = {
    "AddJobFlowSteps": add_job_flow_steps,
    "ListSteps": list_steps,
    "DescribeStep": describe_step,
    "CancelSteps": cancel_steps,
}
