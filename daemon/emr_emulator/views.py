"""What the API shows of a cluster and its steps: EMR's documents, made from the core's records."""

from collections.abc import Iterable
from typing import Any

from emr_emulator.records import ClusterRecord
from emr_emulator.states import ENDING, ClusterState
from emr_emulator.steps import Step
from emr_emulator.values import Reason

ACCOUNT = "123456789012"

# RunJobFlow's members that DescribeCluster shows under the same name.
_SAME_NAME = (
    "LogEncryptionKmsKeyId",
    "Applications",
    "ServiceRole",
    "Configurations",
    "SecurityConfiguration",
    "AutoScalingRole",
    "ScaleDownBehavior",
    "CustomAmiId",
    "EbsRootVolumeSize",
    "RepoUpgradeOnBoot",
    "KerberosAttributes",
    "OSReleaseLabel",
    "EbsRootVolumeIops",
    "EbsRootVolumeThroughput",
    "ExtendedSupport",
    "MonitoringConfiguration",
    "SessionEnabled",
)
# JobFlowInstancesConfig's members that Ec2InstanceAttributes shows, by its names.
_INSTANCE_ATTRIBUTES = {
    "Ec2KeyName": "Ec2KeyName",
    "Ec2SubnetId": "Ec2SubnetId",
    "Ec2SubnetIds": "RequestedEc2SubnetIds",
    "EmrManagedMasterSecurityGroup": "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup": "EmrManagedSlaveSecurityGroup",
    "ServiceAccessSecurityGroup": "ServiceAccessSecurityGroup",
    "AdditionalMasterSecurityGroups": "AdditionalMasterSecurityGroups",
    "AdditionalSlaveSecurityGroups": "AdditionalSlaveSecurityGroups",
}


def arn(record: ClusterRecord) -> str:
    """Return the cluster's ARN."""
    return f"arn:aws:elasticmapreduce:{record.region}:{ACCOUNT}:cluster/{record.id}"


def shown_status(record: ClusterRecord, now: float) -> tuple[ClusterState, Reason]:
    """Return state and reason as the API tells them, which a fault may have made less than the truth."""
    manner = record.manner
    if record.state not in ENDING:
        return record.state, record.reason
    is_late = manner.reason_after > 0 and (record.ended is None or now < record.ended + manner.reason_after)
    reason = Reason() if manner.silent or manner.plain or is_late else record.reason
    is_hidden = manner.plain and record.state is ClusterState.TERMINATED_WITH_ERRORS
    return ClusterState.TERMINATED if is_hidden else record.state, reason


def view_summary(record: ClusterRecord, now: float) -> dict[str, Any]:
    """Return a ClusterSummary."""
    return {
        "Id": record.id,
        "Name": record.request.name,
        "Status": _view_status(record, now),
        "NormalizedInstanceHours": 0,
        "ClusterArn": arn(record),
    }


def view_cluster(record: ClusterRecord, now: float) -> dict[str, Any]:
    """Return a Cluster."""
    request, document = record.request, record.request.document
    shown = view_summary(record, now) | {
        "AutoTerminate": not record.keep_alive,
        "TerminationProtected": record.protected,
        "VisibleToAllUsers": record.visible,
        "Tags": [{"Key": key, "Value": value} for key, value in record.tags.items()],
        "StepConcurrencyLevel": record.step_concurrency,
        "Ec2InstanceAttributes": _view_attributes(document),
        "InstanceCollectionType": "INSTANCE_FLEET" if document["Instances"].get("InstanceFleets") else "INSTANCE_GROUP",
    }
    shown |= {name: document[name] for name in _SAME_NAME if name in document}
    shown.setdefault("Applications", [])
    shown.setdefault("Configurations", [])
    if request.log_uri is not None:
        shown["LogUri"] = request.log_uri
    if "AmiVersion" in document:
        shown |= {"RequestedAmiVersion": request.release_label, "RunningAmiVersion": request.release_label}
    elif request.release_label:
        shown["ReleaseLabel"] = request.release_label
    if "PlacementGroupConfigs" in document:
        shown["PlacementGroups"] = document["PlacementGroupConfigs"]
    if record.state is not ClusterState.STARTING:
        shown["MasterPublicDnsName"] = "localhost"
    return shown


def view_step(step: Step) -> dict[str, Any]:
    """Return a StepSummary, which is also all that a Step shows here."""
    request = step.request
    config: dict[str, Any] = {
        "Jar": request.jar,
        "Properties": dict(request.properties),
        "Args": list(request.arguments),
    }
    if request.main_class is not None:
        config["MainClass"] = request.main_class
    return {
        "Id": step.id,
        "Name": request.name,
        "Config": config,
        "ActionOnFailure": str(request.action),
        "Status": _view_step_status(step),
    }


def _view_status(record: ClusterRecord, now: float) -> dict[str, Any]:
    state, reason = shown_status(record, now)
    shown: dict[str, str] = {}
    if reason.code is not None:
        shown["Code"] = str(reason.code)
    if reason.message:
        shown["Message"] = reason.message
    times = (
        ("CreationDateTime", record.created),
        ("ReadyDateTime", record.ready),
        ("EndDateTime", record.ended),
    )
    return {"State": str(state), "StateChangeReason": shown, "Timeline": _view_times(times)}


def _view_step_status(step: Step) -> dict[str, Any]:
    times = (("CreationDateTime", step.created), ("StartDateTime", step.started), ("EndDateTime", step.ended))
    shown: dict[str, Any] = {
        "State": str(step.state),
        "StateChangeReason": {},
        "Timeline": _view_times(times),
    }
    if step.failure is not None:
        details = {
            "Reason": step.failure.reason,
            "Message": step.failure.message,
            "LogFile": step.failure.log_file,
        }
        shown["FailureDetails"] = {key: value for key, value in details.items() if value}
    return shown


def _view_times(times: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    # EMR tells times to the millisecond.
    return {name: round(at, 3) for name, at in times if at is not None}


def _view_attributes(document: dict[str, Any]) -> dict[str, Any]:
    instances = document["Instances"]
    shown = {theirs: instances[ours] for ours, theirs in _INSTANCE_ATTRIBUTES.items() if ours in instances}
    if "JobFlowRole" in document:
        shown["IamInstanceProfile"] = document["JobFlowRole"]
    placement = instances.get("Placement", {})
    if "AvailabilityZone" in placement:
        shown["Ec2AvailabilityZone"] = placement["AvailabilityZone"]
    if instances.get("Ec2SubnetIds"):
        shown.setdefault("Ec2SubnetId", instances["Ec2SubnetIds"][0])
    return shown
