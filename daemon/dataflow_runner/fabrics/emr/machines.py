"""The machines of a spec as RunJobFlow's Instances parameter. Pure."""

from __future__ import annotations

import math
from typing import Any

from dataflow_runner.specs.model import (
    Ebs,
    Emr,
    Fleet,
    Fleets,
    FleetType,
    Group,
    Groups,
    ManagedScaling,
    Market,
    Network,
    SecurityGroups,
    Volume,
)

Parameters = dict[str, Any]

_TYPES_WITH_IOPS = frozenset({"io1", "io2", "gp3"})
_TYPES_WITH_THROUGHPUT = frozenset({"gp3"})


def without_unset(parameters: Parameters) -> Parameters:
    """A copy without None, empty text, lists and maps: EMR refuses some of those where it takes an absent key."""
    return {key: value for key, value in parameters.items() if value not in (None, "", [], {})}


def instances(emr: Emr, *, keep_alive: bool) -> Parameters:
    """The Instances parameter: machines, network, and whether the cluster outlives its steps."""
    return without_unset(
        {
            **_machines(emr.instances),
            **_network(emr.network, fleets=isinstance(emr.instances, Fleets)),
            "KeepJobFlowAliveWhenNoSteps": keep_alive,
            "TerminationProtected": emr.termination_protected or None,
        }
    )


def managed_scaling(scaling: ManagedScaling) -> Parameters:
    """The ManagedScalingPolicy parameter."""
    limits = {
        "UnitType": scaling.unit.value,
        "MinimumCapacityUnits": scaling.minimum,
        "MaximumCapacityUnits": scaling.maximum,
        "MaximumOnDemandCapacityUnits": scaling.maximum_on_demand,
        "MaximumCoreCapacityUnits": scaling.maximum_core,
    }
    return {"ComputeLimits": without_unset(limits)}


def _machines(machines: Groups | Fleets) -> Parameters:
    match machines:
        case Groups():
            wanted = [
                ("MASTER", machines.master),
                ("CORE", machines.core),
                *(("TASK", group) for group in machines.task),
            ]
            return {"InstanceGroups": [_group(role, group) for role, group in wanted if group and group.count > 0]}
        case Fleets():
            fleets = [("MASTER", machines.master), ("CORE", machines.core), ("TASK", machines.task)]
            return {
                "InstanceFleets": [
                    _fleet(role, fleet) for role, fleet in fleets if fleet and fleet.on_demand + fleet.spot > 0
                ]
            }


def _group(role: str, group: Group) -> Parameters:
    return without_unset(
        {
            "InstanceRole": role,
            "InstanceType": group.type,
            "InstanceCount": group.count,
            "Market": group.market.value,
            "BidPrice": group.bid if group.market is Market.SPOT else None,
            "EbsConfiguration": _ebs(group.ebs),
            "CustomAmiId": group.custom_ami_id,
        }
    )


def _fleet(role: str, fleet: Fleet) -> Parameters:
    return without_unset(
        {
            "InstanceFleetType": role,
            "TargetOnDemandCapacity": fleet.on_demand or None,
            "TargetSpotCapacity": fleet.spot or None,
            "InstanceTypeConfigs": [_fleet_type(kind) for kind in fleet.types],
            "LaunchSpecifications": _launch_specifications(fleet),
        }
    )


def _launch_specifications(fleet: Fleet) -> Parameters:
    specifications: Parameters = {}
    if fleet.spot:
        specifications["SpotSpecification"] = without_unset(
            {
                "TimeoutDurationMinutes": math.ceil(fleet.spot_timeout.total_seconds() / 60),
                "TimeoutAction": fleet.when_spot_is_late.value,
                "AllocationStrategy": fleet.spot_strategy,
            }
        )
    if fleet.on_demand and fleet.on_demand_strategy:
        specifications["OnDemandSpecification"] = {"AllocationStrategy": fleet.on_demand_strategy}
    return specifications


def _fleet_type(kind: FleetType) -> Parameters:
    return without_unset(
        {
            "InstanceType": kind.type,
            "WeightedCapacity": kind.weight,
            "BidPrice": kind.bid,
            "BidPriceAsPercentageOfOnDemandPrice": kind.bid_percent,
            "EbsConfiguration": _ebs(kind.ebs),
            "CustomAmiId": kind.custom_ami_id,
        }
    )


def _ebs(ebs: Ebs | None) -> Parameters:
    if ebs is None:
        return {}
    return without_unset(
        {"EbsOptimized": ebs.optimized, "EbsBlockDeviceConfigs": [_volume(volume) for volume in ebs.volumes]}
    )


def _volume(volume: Volume) -> Parameters:
    return {
        "VolumesPerInstance": volume.count,
        "VolumeSpecification": without_unset(
            {
                "VolumeType": volume.type,
                "SizeInGB": volume.size_in_gb,
                "Iops": volume.iops if volume.type in _TYPES_WITH_IOPS else None,
                "Throughput": volume.throughput if volume.type in _TYPES_WITH_THROUGHPUT else None,
            }
        ),
    }


def _network(network: Network, *, fleets: bool) -> Parameters:
    """Several subnets go into the plural parameters; a single one into the singular, which groups know as well."""
    subnets, zones = list(network.subnet_ids), list(network.availability_zones)
    placement: Parameters = {}
    if zones:
        placement = {"AvailabilityZones": zones} if fleets or len(zones) > 1 else {"AvailabilityZone": zones[0]}
    return {
        "Ec2KeyName": network.key_name,
        "Ec2SubnetId": subnets[0] if len(subnets) == 1 else None,
        "Ec2SubnetIds": subnets if len(subnets) > 1 else None,
        "Placement": placement,
        **_security_groups(network.security_groups),
    }


def _security_groups(groups: SecurityGroups | None) -> Parameters:
    if groups is None:
        return {}
    return {
        "EmrManagedMasterSecurityGroup": groups.master,
        "EmrManagedSlaveSecurityGroup": groups.core,
        "ServiceAccessSecurityGroup": groups.service,
        "AdditionalMasterSecurityGroups": list(groups.additional_master),
        "AdditionalSlaveSecurityGroups": list(groups.additional_core),
    }
