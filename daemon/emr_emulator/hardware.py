"""What the API shows of a cluster's machines; they are made up, but always the same for the same cluster."""

from collections.abc import Iterator
from typing import Any

from emr_emulator.ids import derive
from emr_emulator.records import ClusterRecord
from emr_emulator.states import ENDED, ClusterState

_GROUP_STATES = {
    ClusterState.STARTING: "PROVISIONING",
    ClusterState.BOOTSTRAPPING: "BOOTSTRAPPING",
    ClusterState.RUNNING: "RUNNING",
    ClusterState.WAITING: "RUNNING",
    ClusterState.TERMINATING: "TERMINATING",
    ClusterState.TERMINATED: "TERMINATED",
    ClusterState.TERMINATED_WITH_ERRORS: "TERMINATED",
}


def view_groups(record: ClusterRecord) -> list[dict[str, Any]]:
    """Return the cluster's InstanceGroups."""
    return [_view_group(record, number, group) for number, group in enumerate(_find_groups(record))]


def view_fleets(record: ClusterRecord) -> list[dict[str, Any]]:
    """Return the cluster's InstanceFleets."""
    fleets = record.request.document["Instances"].get("InstanceFleets", [])
    return [_view_fleet(record, number, fleet) for number, fleet in enumerate(fleets)]


def view_instances(record: ClusterRecord) -> Iterator[dict[str, Any]]:
    """Go through the cluster's Instances, each with the ``role`` that filters ask for; take it off before answering."""
    for group in view_groups(record):
        for place in range(group["RequestedInstanceCount"]):
            shown = _view_instance(record, group["InstanceGroupType"], place, group["InstanceType"], group["Market"])
            yield shown | {"InstanceGroupId": group["Id"]}
    for fleet in view_fleets(record):
        kinds = fleet["InstanceTypeSpecifications"] or [{"InstanceType": "m5.xlarge"}]
        demand, spot = fleet["TargetOnDemandCapacity"], fleet["TargetSpotCapacity"]
        for place in range(demand + spot):
            market = "ON_DEMAND" if place < demand else "SPOT"
            shown = _view_instance(record, fleet["InstanceFleetType"], place, kinds[0]["InstanceType"], market)
            yield shown | {"InstanceFleetId": fleet["Id"]}


def _find_groups(record: ClusterRecord) -> list[dict[str, Any]]:
    instances = record.request.document["Instances"]
    if "InstanceGroups" in instances:
        return list(instances["InstanceGroups"])
    if "InstanceFleets" in instances or "MasterInstanceType" not in instances:
        return []
    master = {"InstanceRole": "MASTER", "InstanceType": instances["MasterInstanceType"], "InstanceCount": 1}
    others = instances.get("InstanceCount", 1) - 1
    if others < 1:
        return [master]
    kind = instances.get("SlaveInstanceType", instances["MasterInstanceType"])
    return [master, {"InstanceRole": "CORE", "InstanceType": kind, "InstanceCount": others}]


def _view_group(record: ClusterRecord, number: int, group: dict[str, Any]) -> dict[str, Any]:
    is_there = record.state is not ClusterState.STARTING and record.state not in ENDED
    shown = {
        "Id": derive("ig", record.id, number, length=13).upper().replace("IG-", "ig-"),
        "Name": group.get("Name", group["InstanceRole"]),
        "Market": group.get("Market", "ON_DEMAND"),
        "InstanceGroupType": group["InstanceRole"],
        "InstanceType": group["InstanceType"],
        "RequestedInstanceCount": group["InstanceCount"],
        "RunningInstanceCount": group["InstanceCount"] if is_there else 0,
        "Status": _view_status(record, _GROUP_STATES[record.state]),
        "Configurations": group.get("Configurations", []),
    }
    return shown | {name: group[name] for name in ("BidPrice", "CustomAmiId") if name in group}


def _view_fleet(record: ClusterRecord, number: int, fleet: dict[str, Any]) -> dict[str, Any]:
    is_there = record.state is not ClusterState.STARTING and record.state not in ENDED
    demand, spot = fleet.get("TargetOnDemandCapacity", 0), fleet.get("TargetSpotCapacity", 0)
    kinds = [
        {key: value for key, value in kind.items() if key != "EbsConfiguration"}
        for kind in fleet.get("InstanceTypeConfigs", [])
    ]
    shown = {
        "Id": derive("if", record.id, number, length=13).upper().replace("IF-", "if-"),
        "Name": fleet.get("Name", fleet["InstanceFleetType"]),
        "Status": _view_status(record, _GROUP_STATES[record.state]),
        "InstanceFleetType": fleet["InstanceFleetType"],
        "TargetOnDemandCapacity": demand,
        "TargetSpotCapacity": spot,
        "ProvisionedOnDemandCapacity": demand if is_there else 0,
        "ProvisionedSpotCapacity": spot if is_there else 0,
        "InstanceTypeSpecifications": kinds,
    }
    return shown | {
        name: fleet[name] for name in ("LaunchSpecifications", "ResizeSpecifications", "Context") if name in fleet
    }


def _view_instance(record: ClusterRecord, role: str, place: int, kind: str, market: str) -> dict[str, Any]:
    is_master = role == "MASTER" and place == 0
    state = _GROUP_STATES[record.state]
    return {
        "role": role,
        "Id": derive("ci", record.id, role, place, length=13),
        "Ec2InstanceId": record.master_instance if is_master else derive("i", record.id, role, place),
        "PublicDnsName": "localhost",
        "PrivateDnsName": "localhost",
        "PublicIpAddress": "127.0.0.1",
        "PrivateIpAddress": "127.0.0.1",
        "Status": _view_status(record, "RUNNING" if state == "TERMINATING" else state),
        "Market": market,
        "InstanceType": kind,
        "EbsVolumes": [],
    }


def _view_status(record: ClusterRecord, state: str) -> dict[str, Any]:
    times = {"CreationDateTime": record.created, "ReadyDateTime": record.ready, "EndDateTime": record.ended}
    return {
        "State": state,
        "StateChangeReason": {},
        "Timeline": {name: round(at, 3) for name, at in times.items() if at is not None},
    }
