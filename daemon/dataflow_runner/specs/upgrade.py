"""From the 1-x generation to 2-0-0: what the Go runner makes of a spec, said in the current schema."""

from __future__ import annotations

import re
from typing import Any

from dataflow_runner.specs import registry
from dataflow_runner.specs.jsontext import Json
from dataflow_runner.specs.registry import SchemaKey

_NO_IOPS = ("gp2", "gp3")
_ACTIONS = ("CANCEL_AND_WAIT", "CONTINUE", "TERMINATE_CLUSTER")


def upgraded(key: SchemaKey) -> SchemaKey:
    """The schema that a 1-x spec becomes one of."""
    return registry.key(key.name, "2-0-0")


def upgrade(key: SchemaKey, tree: Any) -> Json:
    """The 2-0-0 tree of a 1-x tree that ``shape`` completed. Template actions in strings stay as they are."""
    return _cluster(tree) if key.name == "ClusterConfig" else _playbook(tree)


def old_pointer(pointer: str) -> str:
    """Where in the 1-x spec the value stands that a pointer into its 2-0-0 form names."""
    for pattern, replacement in _PLACES:
        pointer = pattern.sub(replacement, pointer)
    return pointer


def _cluster(old: Any) -> Json:
    ec2 = old["ec2"]
    emr = {
        "region": old["region"],
        "credentials": old["credentials"],
        "logUri": old["logUri"] or None,
        "releaseLabel": ec2["amiVersion"],
        "roles": old["roles"],
        "network": _network(ec2),
        "instances": {"groups": _groups(ec2["instances"])},
        "applications": old["applications"] or [],
        "bootstrapActions": [
            {"name": action["name"], **action["scriptBootstrapAction"]}
            for action in old["bootstrapActionConfigs"] or []
        ],
        "configurations": old["configurations"] or [],
        "securityConfiguration": old["securityConfiguration"] or None,
    }
    return {"name": old["name"], "tags": old["tags"] or [], "fabric": {"emr": emr}}


def _network(ec2: Any) -> Json:
    classic, vpc = ec2["location"]["classic"], ec2["location"]["vpc"]
    return {
        "subnetIds": [vpc["subnetId"]] if vpc else [],
        "availabilityZones": [classic["availabilityZone"]] if classic and not vpc else [],
        "keyName": ec2["keyName"] or None,
    }


def _groups(instances: Any) -> Json:
    """A core or task group of none is no group; a bid makes the task group a spot one."""
    groups: dict[str, Json] = {"master": _group(instances["master"])}
    core, task = instances["core"], instances["task"]
    if core["count"] > 0:
        groups["core"] = {**_group(core), "count": core["count"]}
    if task["count"] > 0:
        spot = {"market": "SPOT", "bid": task["bid"]} if task["bid"] else {}
        groups["task"] = [{**_group(task), "count": task["count"], **spot}]
    return groups


def _group(machine: Any) -> dict[str, Json]:
    ebs = machine["ebsConfiguration"]
    if ebs is None:
        return {"type": machine["type"]}
    volumes: list[Json] = [_volume(config) for config in ebs["ebsBlockDeviceConfigs"]]
    return {"type": machine["type"], "ebs": {"optimized": ebs["ebsOptimized"], "volumes": volumes}}


def _volume(config: Any) -> Json:
    old = config["volumeSpecification"]
    iops = None if old["volumeType"] in _NO_IOPS else old["iops"] or None
    volume = {"type": old["volumeType"], "sizeInGB": old["sizeInGB"], "iops": iops}
    return {**volume, "count": config["volumesPerInstance"] or 1}


def _playbook(old: Any) -> Json:
    credentials = old["credentials"]
    return {
        "region": old["region"] or None,
        "credentials": credentials if any(credentials.values()) else None,
        "steps": [_step(step) for step in old["steps"]],
        "tags": old["tags"] or [],
    }


def _step(old: Any) -> Json:
    action = old["actionOnFailure"]
    usable = action in _ACTIONS or "{{" in action
    return {
        "name": old["name"],
        "actionOnFailure": action if usable else "CANCEL_AND_WAIT",
        "jar": old["jar"],
        "arguments": old["arguments"],
    }


_PLACES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("^/data/fabric/emr/", "/data/"),
        ("^/data/releaseLabel", "/data/ec2/amiVersion"),
        ("^/data/network/keyName", "/data/ec2/keyName"),
        ("^/data/network/subnetIds.*", "/data/ec2/location/vpc/subnetId"),
        ("^/data/network/availabilityZones.*", "/data/ec2/location/classic/availabilityZone"),
        ("^/data/network", "/data/ec2/location"),
        ("^/data/bootstrapActions/([0-9]+)/(path|args)", r"/data/bootstrapActionConfigs/\1/scriptBootstrapAction/\2"),
        ("^/data/bootstrapActions", "/data/bootstrapActionConfigs"),
        ("^/data/instances/groups/task/0", "/data/ec2/instances/task"),
        ("^/data/instances/groups", "/data/ec2/instances"),
        ("(^/data/ec2/instances/[a-z]+)/market", r"\1/bid"),
        ("(^/data/ec2/instances/[a-z]+)/ebs/optimized", r"\1/ebsConfiguration/ebsOptimized"),
        ("(^/data/ec2/instances/[a-z]+)/ebs/volumes", r"\1/ebsConfiguration/ebsBlockDeviceConfigs"),
        ("(/ebsBlockDeviceConfigs/[0-9]+)/type", r"\1/volumeSpecification/volumeType"),
        ("(/ebsBlockDeviceConfigs/[0-9]+)/(sizeInGB|iops)", r"\1/volumeSpecification/\2"),
        ("(/ebsBlockDeviceConfigs/[0-9]+)/count", r"\1/volumesPerInstance"),
        ("(^/data/ec2/instances/[a-z]+)/ebs$", r"\1/ebsConfiguration"),
    )
)
