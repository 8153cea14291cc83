"""Specs and requests that several tests use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from dataflow_runner.fabrics.base import LaunchRequest, StepRequest
from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs import model as m

ROLES = m.Roles(jobflow="EMR_EC2_DefaultRole", service="EMR_DefaultRole")


def emr(**changes: Any) -> m.Emr:
    fields: dict[str, Any] = {
        "region": "eu-central-1",
        "credentials": m.Credentials(access_key_id="AKIDEXAMPLE", secret_access_key=Secret("hush-hush")),
        "release_label": "7.1.0",
        "roles": ROLES,
        "instances": m.Groups(master=m.Group(type="m5.xlarge")),
    }
    return m.Emr(**{**fields, **changes})


def config(name: str = "nightly", **changes: Any) -> m.ClusterConfig:
    return m.ClusterConfig(name=name, fabric=emr(**changes))


def step(name: str = "copy", *arguments: str, **changes: Any) -> StepRequest:
    fields: dict[str, Any] = {
        "name": name,
        "jar": "command-runner.jar",
        "arguments": arguments or ("true",),
        "action_on_failure": m.ActionOnFailure.CANCEL_AND_WAIT,
    }
    return StepRequest(**{**fields, **changes})


def launch(
    cluster: m.ClusterConfig | None = None,
    *steps: StepRequest,
    keep_alive: bool = True,
    auto_termination: timedelta | None = None,
    tags: Mapping[str, str] | None = None,
) -> LaunchRequest:
    return LaunchRequest(
        config=cluster or config(),
        steps=steps,
        keep_alive=keep_alive,
        auto_termination=auto_termination,
        tags=tags or {},
    )


def smallest() -> LaunchRequest:
    """What a spec must at least say."""
    return launch(keep_alive=False)


def as_the_go_runner() -> LaunchRequest:
    """What a 1-1-0 spec of the Go runner can say."""
    groups = m.Groups(
        master=m.Group(type="m1.medium"),
        core=m.Group(
            type="c4.large",
            count=2,
            ebs=m.Ebs(optimized=False, volumes=(m.Volume(type="io1", size_in_gb=100, iops=300, count=2),)),
        ),
        task=(m.Group(type="m1.medium", count=1, market=m.Market.SPOT, bid="0.015"), m.Group(type="m1.large", count=0)),
    )
    spec = m.ClusterConfig(
        name="dataflow-runner - cluster name",
        tags=(m.Tag(key="hello", value="world"), m.Tag(key="empty")),
        fabric=emr(
            release_label="4.5.0",
            log_uri="s3://logs/",
            network=m.Network(subnet_ids=("subnet-1",), key_name="snowplow"),
            instances=groups,
            bootstrap_actions=(m.BootstrapAction(name="Install", path="s3://boot/install.sh", args=("1.5",)),),
            configurations=(
                m.Configuration(classification="core-site", properties={"io.file.buffer.size": "65536"}),
                m.Configuration(
                    classification="spark-env",
                    configurations=(
                        m.Configuration(classification="export", properties={"PYSPARK_PYTHON": "python3"}),
                    ),
                ),
            ),
            applications=("Hadoop", "Spark"),
        ),
    )
    steps = (
        step("Combine", "s3-dist-cp", "--src", "s3://in/", action_on_failure=m.ActionOnFailure.TERMINATE_CLUSTER),
        StepRequest(
            name="Enrich",
            jar="s3://jars/enrich.jar",
            main_class="com.example.Main",
            arguments=("--x",),
            properties={"k": "v"},
            action_on_failure=m.ActionOnFailure.CONTINUE,
        ),
    )
    return launch(spec, *steps, keep_alive=False, tags={"dataflow-runner:run": "r-1", "hello": "runner"})


def with_fleets() -> LaunchRequest:
    """Fleets over several subnets, with everything that 2-0-0 adds."""
    fleets = m.Fleets(
        master=m.Fleet(on_demand=1, types=(m.FleetType(type="m5.xlarge"),)),
        core=m.Fleet(
            on_demand=2,
            spot=6,
            types=(
                m.FleetType(type="r5.xlarge", bid_percent=80.0),
                m.FleetType(type="r5.2xlarge", weight=2, bid="0.3", custom_ami_id="ami-2"),
            ),
            spot_timeout=timedelta(minutes=20),
            when_spot_is_late=m.SpotTimeoutAction.TERMINATE_CLUSTER,
            spot_strategy="price-capacity-optimized",
            on_demand_strategy="lowest-price",
        ),
        task=m.Fleet(types=(m.FleetType(type="m5.large"),)),
    )
    groups = m.SecurityGroups(master="sg-1", core="sg-2", service="sg-3", additional_master=("sg-4", "sg-5"))
    scaling = m.ManagedScaling(unit=m.ScalingUnit.INSTANCE_FLEET_UNITS, minimum=2, maximum=20, maximum_core=10)
    spec = config(
        release_label="emr-6.15.0",
        os_release_label="2.0.20240131.0",
        custom_ami_id="ami-1",
        roles=m.Roles(jobflow="profile", service="service", auto_scaling="scaling"),
        network=m.Network(subnet_ids=("subnet-1", "subnet-2"), security_groups=groups),
        instances=fleets,
        managed_scaling=scaling,
        step_concurrency=5,
        termination_protected=True,
        security_configuration="at-rest",
        overlay={
            "EbsRootVolumeSize": 100,
            "Instances": {"UnhealthyNodeReplacement": True, "TerminationProtected": None},
            "Tags": [{"Key": "cost", "Value": "42"}],
        },
    )
    return launch(spec, auto_termination=timedelta(hours=6), tags={"dataflow-runner:journal": "j"})


def old_ami() -> LaunchRequest:
    """An AMI version, in a zone."""
    return launch(config(release_label="3.11.0", network=m.Network(availability_zones=("eu-central-1a",))))
