"""Rules for cluster specs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from dataflow_runner.specs.findings import Problem, quoted
from dataflow_runner.specs.lint import common
from dataflow_runner.specs.lint.common import error, warning
from dataflow_runner.specs.lint.machines import lint_instances
from dataflow_runner.specs.model import ClusterConfig, Configuration, Emr, Fleets, Groups, Network, ScalingUnit
from dataflow_runner.specs.release import Release, parse_release

_S3 = ("s3://", "s3a://", "s3n://")
_OURS = {
    "Name": "use 'name', by which the runner finds its clusters",
    "Steps": "steps come from the playbook",
    "AutoTerminationPolicy": "use 'autoTermination'",
    "StepConcurrencyLevel": "use 'stepConcurrency', on which the runner's own doings depend",
}
_OUR_INSTANCES = {"KeepJobFlowAliveWhenNoSteps": "the runner decides whether the cluster outlives its steps"}
_MAX_BOOTSTRAP_ACTIONS = 16


def lint_cluster(config: ClusterConfig, pointer: str = "/data") -> tuple[Problem, ...]:
    """Everything wrong with a cluster spec of the right shape."""
    emr, below = config.fabric, f"{pointer}/fabric/emr"
    return (
        *common.name(f"{pointer}/name", config.name, what="the cluster's name"),
        *common.tags(f"{pointer}/tags", config.tags),
        *common.at_least(f"{pointer}/launch/maxAttempts", config.launch.max_attempts, 1, what="the number of tries"),
        *common.positive(f"{pointer}/launch/timeout", config.launch.timeout, what="the time for a launch"),
        *_account(emr, below),
        *_release(emr, below),
        *_network(emr, f"{below}/network"),
        *lint_instances(emr.instances, f"{below}/instances"),
        *_scaling(emr, f"{below}/managedScaling"),
        *_life(emr, below),
        *_software(emr, below),
        *_overlay(emr.overlay, f"{below}/overlay"),
    )


def _account(emr: Emr, pointer: str) -> Iterator[Problem]:
    yield from common.filled(f"{pointer}/region", emr.region, what="the region")
    if emr.region.strip():
        yield from common.region(f"{pointer}/region", emr.region)
    yield from common.credentials(f"{pointer}/credentials", emr.credentials)
    yield from common.role_arn(f"{pointer}/assumeRoleArn", emr.assume_role_arn)
    yield from common.filled(f"{pointer}/roles/jobflow", emr.roles.jobflow, what="the instance profile")
    yield from common.filled(f"{pointer}/roles/service", emr.roles.service, what="the service role")
    yield from common.filled(f"{pointer}/roles/autoScaling", emr.roles.auto_scaling, what="the scaling role")
    yield from common.filled(f"{pointer}/logUri", emr.log_uri, what="the folder for logs")
    if emr.log_uri and emr.log_uri.strip() and not emr.log_uri.startswith(_S3):
        yield error(f"{pointer}/logUri", "log-uri", f"expected an S3 folder, 's3://…', found {quoted(emr.log_uri)}")


def _release(emr: Emr, pointer: str) -> Iterator[Problem]:
    """Features that were asked for and that the release doesn't have."""
    yield from common.filled(f"{pointer}/releaseLabel", emr.release_label, what="the release")
    release = parse_release(emr.release_label)
    if release is None:
        if emr.release_label.strip():
            message = (
                f"{quoted(emr.release_label)} looks like no release ('emr-7.1.0'); whether EMR knows it is unknown"
            )
            yield warning(f"{pointer}/releaseLabel", "release", message)
        return
    for key, asked, has, since in _features(emr, release):
        if asked and not has:
            message = f"EMR {emr.release_label} doesn't have this: it came with {since}"
            yield error(f"{pointer}/{key}", "release", message)


def _features(emr: Emr, release: Release) -> tuple[tuple[str, bool, bool, str], ...]:
    """Key, whether it is used, whether the release has it, and since when releases have it."""
    return (
        ("autoTermination", emr.auto_termination is not None, release.has_auto_termination, "5.30 and 6.1"),
        ("stepConcurrency", emr.step_concurrency > 1, release.has_step_concurrency, "5.28"),
        ("managedScaling", emr.managed_scaling is not None, release.has_managed_scaling, "5.30 and 6.1"),
        ("instances/fleets", isinstance(emr.instances, Fleets), release.has_fleets, "4.8 (but not 5.0.0 and 5.0.3)"),
        ("customAmiId", emr.custom_ami_id is not None, release.has_custom_ami, "5.7"),
        ("osReleaseLabel", emr.os_release_label is not None, release.has_os_release_label, "5.36 and 6.6"),
        (
            "securityConfiguration",
            emr.security_configuration is not None,
            release.has_security_configuration,
            "4.8",
        ),
        ("configurations", bool(emr.configurations), not release.is_ami, "4.0"),
        ("applications", bool(emr.applications), not release.is_ami, "4.0"),
    )


def _network(emr: Emr, pointer: str) -> Iterator[Problem]:
    network: Network = emr.network
    if network.subnet_ids and network.availability_zones:
        yield error(pointer, "location", "subnets and availability zones exclude each other: a subnet has its zone")
    for key, places in (("subnetIds", network.subnet_ids), ("availabilityZones", network.availability_zones)):
        for at, place in enumerate(places):
            yield from common.filled(f"{pointer}/{key}/{at}", place, what="the place")
        if len(places) > 1 and isinstance(emr.instances, Groups):
            message = "instance groups stand in one place; several are for instance fleets, from which EMR picks"
            yield error(f"{pointer}/{key}", "location", message)
    yield from common.filled(f"{pointer}/keyName", network.key_name, what="the key pair")
    if groups := network.security_groups:
        for key, group in (("master", groups.master), ("core", groups.core), ("service", groups.service)):
            yield from common.filled(f"{pointer}/securityGroups/{key}", group, what="the security group")


def _scaling(emr: Emr, pointer: str) -> Iterator[Problem]:
    scaling = emr.managed_scaling
    if scaling is None:
        return
    yield from common.at_least(f"{pointer}/minimum", scaling.minimum, 1, what="the minimum")
    if scaling.maximum < scaling.minimum:
        yield error(f"{pointer}/maximum", "out-of-range", "the maximum is below the minimum")
    for key, limit in (("maximumOnDemand", scaling.maximum_on_demand), ("maximumCore", scaling.maximum_core)):
        yield from common.at_least(f"{pointer}/{key}", limit, 0, what="the limit")
        if limit is not None and limit > scaling.maximum:
            yield error(f"{pointer}/{key}", "out-of-range", "it is above the maximum of all units")
    if (scaling.unit is ScalingUnit.INSTANCE_FLEET_UNITS) != isinstance(emr.instances, Fleets):
        message = "fleets are counted in InstanceFleetUnits, groups in Instances or VCPU"
        yield error(f"{pointer}/unit", "wrong-value", message)


def _life(emr: Emr, pointer: str) -> Iterator[Problem]:
    yield from common.idle_time(f"{pointer}/autoTermination", emr.auto_termination, what="the idle time")
    if not 1 <= emr.step_concurrency <= 256:
        message = f"EMR runs 1 to 256 steps at a time, not {emr.step_concurrency}"
        yield error(f"{pointer}/stepConcurrency", "out-of-range", message)


def _software(emr: Emr, pointer: str) -> Iterator[Problem]:
    for key, value in (
        ("customAmiId", emr.custom_ami_id),
        ("osReleaseLabel", emr.os_release_label),
        ("securityConfiguration", emr.security_configuration),
    ):
        yield from common.filled(f"{pointer}/{key}", value, what="the value")
    for at, application in enumerate(emr.applications):
        yield from common.filled(f"{pointer}/applications/{at}", application, what="the application's name")
    if len(emr.bootstrap_actions) > _MAX_BOOTSTRAP_ACTIONS:
        message = f"{len(emr.bootstrap_actions)} bootstrap actions; EMR takes {_MAX_BOOTSTRAP_ACTIONS}"
        yield error(f"{pointer}/bootstrapActions", "too-many", message)
    for at, action in enumerate(emr.bootstrap_actions):
        below = f"{pointer}/bootstrapActions/{at}"
        yield from common.name(f"{below}/name", action.name, what="the bootstrap action's name")
        yield from common.filled(f"{below}/path", action.path, what="the script's path")
    yield from chain.from_iterable(
        _configuration(each, f"{pointer}/configurations/{at}") for at, each in enumerate(emr.configurations)
    )


def _configuration(configuration: Configuration, pointer: str) -> Iterator[Problem]:
    yield from common.filled(f"{pointer}/classification", configuration.classification, what="the classification")
    for at, nested in enumerate(configuration.configurations):
        yield from _configuration(nested, f"{pointer}/configurations/{at}")


def _overlay(overlay: Mapping[str, object], pointer: str) -> Iterator[Problem]:
    yield from common.overlay(pointer, overlay, _OURS)
    instances, tags = overlay.get("Instances"), overlay.get("Tags")
    if isinstance(instances, dict):
        yield from common.overlay(f"{pointer}/Instances", instances, _OUR_INSTANCES)
    for at, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, dict) and str(tag.get("Key", "")).startswith("dataflow-runner:"):
            yield error(f"{pointer}/Tags/{at}", "overlay", "tags that start with 'dataflow-runner:' are the runner's")
