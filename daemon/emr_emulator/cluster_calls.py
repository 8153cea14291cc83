"""EMR's actions on clusters."""

from collections.abc import Iterator
from typing import Any

from emr_emulator import hardware, parse, views
from emr_emulator.calls import Answer, Call, Handler, Params
from emr_emulator.cluster import Cluster
from emr_emulator.errors import no_such_cluster, refuse_request, refuse_value
from emr_emulator.paging import read_marker, take_page
from emr_emulator.states import ENDED

_MAX_TERMINATED = 10


def run_job_flow(call: Call) -> Answer:
    """Launch a cluster."""
    request = parse.parse_cluster(call.params)
    cluster = call.fleet.launch(call.now, request, call.region)
    cluster.record.visible = call.params.get("VisibleToAllUsers", True)
    return {"JobFlowId": cluster.id, "ClusterArn": views.arn(cluster.record)}


def describe_cluster(call: Call) -> Answer:
    """Show a cluster."""
    record = call.cluster().record
    if record.visible_from > call.now:
        raise no_such_cluster(record.id)
    return {"Cluster": views.view_cluster(record, call.now)}


def list_clusters(call: Call) -> Answer:
    """Show a page of clusters, in no order that means anything."""
    found = _select(call, read_marker(call.action, call.params) or "")
    page, marker = take_page(call.action, call.params, found, lambda cluster: cluster.id)
    return {"Clusters": [views.view_summary(cluster.record, call.now) for cluster in page]} | marker


def _select(call: Call, after: str) -> Iterator[Cluster]:
    states = frozenset(call.params.get("ClusterStates", ()))
    since, until = call.params.get("CreatedAfter"), call.params.get("CreatedBefore")
    for cluster in call.fleet.after(after):
        record = cluster.record
        if (
            record.visible_from <= call.now
            and (not states or views.shown_status(record, call.now)[0] in states)
            and (since is None or record.created > since)
            and (until is None or record.created < until)
        ):
            yield cluster


def terminate_job_flows(call: Call) -> Answer:
    """End clusters. One that is protected saves all of the request: they share an availability zone."""
    ids = call.params["JobFlowIds"]
    if len(ids) > _MAX_TERMINATED:
        raise refuse_value(f"A maximum of {_MAX_TERMINATED} job flows can be terminated at once, found {len(ids)}.")
    clusters = [call.job_flow(cluster_id) for cluster_id in ids]
    if any(cluster.record.protected and cluster.is_alive for cluster in clusters):
        raise refuse_value("Could not shut down one or more job flows since they are termination protected.")
    call.change_all(clusters, lambda cluster: cluster.terminate(call.now))
    return None


def modify_cluster(call: Call) -> Answer:
    """Change how many steps may run at once."""
    cluster = call.alive_cluster()
    level = call.params.get("StepConcurrencyLevel")
    if level is not None:
        parse.check_concurrency(level, cluster.record.request.release_label, refuse_request)
        with call.fleet.changing(call.now, cluster):
            cluster.change_concurrency(call.now, level)
    answer: dict[str, Any] = {"StepConcurrencyLevel": cluster.record.step_concurrency}
    if "ExtendedSupport" in call.params:
        cluster.record.request.document["ExtendedSupport"] = call.params["ExtendedSupport"]
        call.fleet.changed.add(cluster.id)
        answer["ExtendedSupport"] = call.params["ExtendedSupport"]
    return answer


def set_termination_protection(call: Call) -> Answer:
    """Protect clusters from being ended, or no longer."""
    protected = call.params["TerminationProtected"]
    call.change_all(call.job_flows(), lambda cluster: cluster.change_protection(call.now, protected=protected))
    return None


def set_keep_alive(call: Call) -> Answer:
    """Let clusters live on with nothing to do, or no longer."""
    keep_alive = call.params["KeepJobFlowAliveWhenNoSteps"]
    call.change_all(call.job_flows(), lambda cluster: cluster.change_keep_alive(call.now, keep_alive=keep_alive))
    return None


def set_visible_to_all_users(call: Call) -> Answer:
    """Show clusters to every user of the account, or no longer."""
    for cluster in call.job_flows():
        cluster.record.visible = call.params["VisibleToAllUsers"]
        call.fleet.changed.add(cluster.id)
    return None


def _taggable(call: Call) -> Cluster:
    cluster = call.named(call.params["ResourceId"])
    if cluster.state in ENDED:
        raise refuse_request("Tags cannot be modified on terminated clusters.")
    return cluster


def add_tags(call: Call) -> Answer:
    """Put tags on a cluster; one that is there already gets the new value."""
    cluster = _taggable(call)
    cluster.record.tags |= parse.parse_tags(call.params["Tags"])
    call.fleet.changed.add(cluster.id)
    return {}


def remove_tags(call: Call) -> Answer:
    """Take tags off a cluster."""
    cluster = _taggable(call)
    for key in call.params["TagKeys"]:
        cluster.record.tags.pop(key, None)
    call.fleet.changed.add(cluster.id)
    return {}


def put_auto_termination_policy(call: Call) -> Answer:
    """Let a cluster end after some idle time."""
    cluster = call.modifiable(call.cluster())
    policy = call.params.get("AutoTerminationPolicy", {})
    timeout = parse.parse_idle_timeout(policy, cluster.record.request.release_label)
    with call.fleet.changing(call.now, cluster):
        cluster.change_idle_timeout(call.now, timeout)
    return {}


def get_auto_termination_policy(call: Call) -> Answer:
    """Show the idle time after which a cluster ends."""
    timeout = call.cluster().record.idle_timeout
    return {} if timeout is None else {"AutoTerminationPolicy": {"IdleTimeout": timeout}}


def remove_auto_termination_policy(call: Call) -> Answer:
    """Let a cluster be idle for ever."""
    cluster = call.modifiable(call.cluster())
    with call.fleet.changing(call.now, cluster):
        cluster.change_idle_timeout(call.now, None)
    return {}


def list_instance_groups(call: Call) -> Answer:
    """Show a cluster's instance groups, of which there are at most 50."""
    return {"InstanceGroups": hardware.view_groups(call.cluster().record)}


def list_instance_fleets(call: Call) -> Answer:
    """Show a cluster's instance fleets, of which there are at most three."""
    return {"InstanceFleets": hardware.view_fleets(call.cluster().record)}


def list_instances(call: Call) -> Answer:
    """Show a page of a cluster's instances."""
    params = call.params
    wanted = {
        "InstanceGroupId": _listed(params, "InstanceGroupId"),
        "InstanceFleetId": _listed(params, "InstanceFleetId"),
        "role": params.get("InstanceGroupTypes") or _listed(params, "InstanceFleetType"),
    }
    states = params.get("InstanceStates")
    start = int(read_marker(call.action, params) or 0)
    found = [
        instance
        for instance in hardware.view_instances(call.cluster().record)
        if all(allowed is None or instance.get(key) in allowed for key, allowed in wanted.items())
        and (not states or instance["Status"]["State"] in states)
    ]
    numbered = list(enumerate(found, 1))[start:]
    page, marker = take_page(call.action, params, numbered, lambda entry: str(entry[0]))
    shown = [{key: value for key, value in instance.items() if key != "role"} for _, instance in page]
    return {"Instances": shown} | marker


def _listed(params: Params, name: str) -> list[Any] | None:
    return [params[name]] if name in params else None


def list_bootstrap_actions(call: Call) -> Answer:
    """Show a cluster's bootstrap actions, of which there are at most 16."""
    shown = [
        {"Name": action.name, "ScriptPath": action.path, "Args": list(action.arguments)}
        for action in call.cluster().record.request.bootstrap
    ]
    return {"BootstrapActions": shown}


HANDLERS: dict[str, Handler] = {
    "RunJobFlow": run_job_flow,
    "DescribeCluster": describe_cluster,
    "ListClusters": list_clusters,
    "TerminateJobFlows": terminate_job_flows,
    "ModifyCluster": modify_cluster,
    "SetTerminationProtection": set_termination_protection,
    "SetKeepJobFlowAliveWhenNoSteps": set_keep_alive,
    "SetVisibleToAllUsers": set_visible_to_all_users,
    "AddTags": add_tags,
    "RemoveTags": remove_tags,
    "PutAutoTerminationPolicy": put_auto_termination_policy,
    "GetAutoTerminationPolicy": get_auto_termination_policy,
    "RemoveAutoTerminationPolicy": remove_auto_termination_policy,
    "ListInstanceGroups": list_instance_groups,
    "ListInstanceFleets": list_instance_fleets,
    "ListInstances": list_instances,
    "ListBootstrapActions": list_bootstrap_actions,
}
