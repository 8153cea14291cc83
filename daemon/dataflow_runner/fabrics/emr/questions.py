"""What a spec takes for granted about an AWS account, as calls that would show it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dataflow_runner.fabrics.places import Place, read_place
from dataflow_runner.specs.model import ClusterConfig, Emr, Fleets, Groups, Network, PlaybookConfig

_NO_SUCH_OBJECT = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
_EMR = "/data/fabric/emr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call that succeeds when something is there."""

    pointer: str
    """The JSON pointer of what names it, in the spec's 2-0-0 form."""
    what: str
    """What is asked for: "the EC2 key pair 'ops'"."""
    service: str
    operation: str
    parameters: Mapping[str, object]
    absent: frozenset[str]
    """The error codes that say that it isn't there."""


def questions_about(config: ClusterConfig | None, playbook: PlaybookConfig | None) -> Iterator[Question]:
    """Everything that can be asked about a spec and a playbook without changing anything."""
    if config is not None:
        yield from _about_cluster(config.fabric)
    if playbook is not None:
        yield from _about_playbook(playbook)


def _about_cluster(emr: Emr) -> Iterator[Question]:
    if emr.log_uri:
        yield _bucket(f"{_EMR}/logUri", "the log bucket", read_place(emr.log_uri))
    yield _profile(f"{_EMR}/roles/jobflow", emr.roles.jobflow)
    yield _role(f"{_EMR}/roles/service", emr.roles.service)
    if emr.roles.auto_scaling:
        yield _role(f"{_EMR}/roles/autoScaling", emr.roles.auto_scaling)
    yield from _about_network(emr.network)
    for pointer, image in _images(emr):
        yield _ec2(pointer, f"the AMI {image!r}", "DescribeImages", "ImageIds", image, "InvalidAMIID")
    if emr.security_configuration:
        yield Question(
            pointer=f"{_EMR}/securityConfiguration",
            what=f"the EMR security configuration {emr.security_configuration!r}",
            service="emr",
            operation="DescribeSecurityConfiguration",
            parameters={"Name": emr.security_configuration},
            absent=frozenset({"InvalidRequestException"}),
        )
    for index, action in enumerate(emr.bootstrap_actions):
        yield from _object(f"{_EMR}/bootstrapActions/{index}/path", "the bootstrap script", action.path)


def _about_network(network: Network) -> Iterator[Question]:
    for index, subnet in enumerate(network.subnet_ids):
        pointer = f"{_EMR}/network/subnetIds/{index}"
        yield _ec2(pointer, f"the subnet {subnet!r}", "DescribeSubnets", "SubnetIds", subnet, "InvalidSubnetID")
    if key := network.key_name:
        pointer = f"{_EMR}/network/keyName"
        yield _ec2(pointer, f"the EC2 key pair {key!r}", "DescribeKeyPairs", "KeyNames", key, "InvalidKeyPair")
    if (groups := network.security_groups) is None:
        return
    single = {"master": groups.master, "core": groups.core, "service": groups.service}
    further = {"additionalMaster": groups.additional_master, "additionalCore": groups.additional_core}
    named = [(key, group) for key, group in single.items() if group]
    named += [(f"{key}/{index}", group) for key, ids in further.items() for index, group in enumerate(ids)]
    for place, group in named:
        pointer = f"{_EMR}/network/securityGroups/{place}"
        what = f"the security group {group!r}"
        yield _ec2(pointer, what, "DescribeSecurityGroups", "GroupIds", group, "InvalidGroup", "InvalidGroupId")


def _about_playbook(playbook: PlaybookConfig) -> Iterator[Question]:
    for index, precondition in enumerate(playbook.preconditions):
        pointer = f"/data/preconditions/{index}/place"
        yield _bucket(pointer, "the bucket of a precondition", read_place(precondition.place))
    for index, step in enumerate(playbook.steps):
        yield from _object(f"/data/steps/{index}/jar", "the jar", step.jar)


def _images(emr: Emr) -> Iterator[tuple[str, str]]:
    named = [("customAmiId", emr.custom_ami_id)]
    match emr.instances:
        case Groups() as groups:
            at = "instances/groups"
            named.append((f"{at}/master/customAmiId", groups.master.custom_ami_id))
            named.append((f"{at}/core/customAmiId", groups.core.custom_ami_id if groups.core else None))
            named += [(f"{at}/task/{n}/customAmiId", group.custom_ami_id) for n, group in enumerate(groups.task)]
        case Fleets() as fleets:
            for role, fleet in (("master", fleets.master), ("core", fleets.core), ("task", fleets.task)):
                at = f"instances/fleets/{role}/types"
                types = fleet.types if fleet else ()
                named += [(f"{at}/{n}/customAmiId", kind.custom_ami_id) for n, kind in enumerate(types)]
    return ((f"{_EMR}/{place}", image) for place, image in named if image)


def _bucket(pointer: str, what: str, place: Place) -> Question:
    return Question(
        pointer=pointer,
        what=f"{what} 's3://{place.bucket}'",
        service="s3",
        operation="HeadBucket",
        parameters={"Bucket": place.bucket},
        absent=_NO_SUCH_OBJECT,
    )


def _object(pointer: str, what: str, address: str) -> Iterator[Question]:
    """A file in S3; one with another address lies on the machines and can't be asked for."""
    if address.partition("://")[0] not in {"s3", "s3n", "s3a"}:
        return
    place = read_place(address)
    yield Question(
        pointer=pointer,
        what=f"{what} {address!r}",
        service="s3",
        operation="HeadObject",
        parameters={"Bucket": place.bucket, "Key": place.key},
        absent=_NO_SUCH_OBJECT,
    )


def _role(pointer: str, role: str) -> Question:
    """A role is named by its name, its path and name, or its ARN; IAM asks for the name alone."""
    return _iam(pointer, f"the role {role!r}", "GetRole", {"RoleName": role.rpartition("/")[2]})


def _profile(pointer: str, profile: str) -> Question:
    name = profile.rpartition("/")[2]
    return _iam(pointer, f"the instance profile {profile!r}", "GetInstanceProfile", {"InstanceProfileName": name})


def _iam(pointer: str, what: str, operation: str, parameters: Mapping[str, object]) -> Question:
    absent = frozenset({"NoSuchEntity"})
    return Question(
        pointer=pointer, what=what, service="iam", operation=operation, parameters=parameters, absent=absent
    )


def _ec2(pointer: str, what: str, operation: str, key: str, value: str, *families: str) -> Question:
    absent = frozenset(f"{family}.{end}" for family in families for end in ("NotFound", "Malformed", "Unavailable"))
    return Question(
        pointer=pointer, what=what, service="ec2", operation=operation, parameters={key: [value]}, absent=absent
    )
