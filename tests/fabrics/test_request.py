"""Requests built from specs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fabrics import samples

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import LaunchRequest
from dataflow_runner.fabrics.emr.request import add_job_flow_steps, run_job_flow, step_config
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.specs import model as m

GOLDEN = Path(__file__).parent / "golden"
SPECS = [samples.smallest, samples.as_the_go_runner, samples.with_fleets, samples.old_ami]


@pytest.mark.parametrize("make", SPECS, ids=lambda make: make.__name__)
def test_a_spec_becomes_exactly_this_request(make: Callable[[], LaunchRequest]) -> None:
    golden = json.loads((GOLDEN / f"{make.__name__}.json").read_text())
    assert run_job_flow(make()) == golden


def test_steps_become_exactly_this_request() -> None:
    steps = (*samples.as_the_go_runner().steps, samples.step("x", overlay={"StepMonitoringConfiguration": {}}))
    made = add_job_flow_steps(ClusterId("j-1"), steps, {"ExecutionRoleArn": "arn:aws:iam::1:role/r"})
    assert made == json.loads((GOLDEN / "add_steps.json").read_text())


def test_the_runners_tags_win_over_the_overlays_and_those_over_the_specs() -> None:
    spec = m.ClusterConfig(
        name="n",
        tags=(m.Tag(key="a", value="spec"), m.Tag(key="b", value="spec"), m.Tag(key="c", value="spec")),
        fabric=samples.emr(overlay={"Tags": [{"Key": "b", "Value": "overlay"}, {"Key": "c", "Value": "overlay"}]}),
    )
    made = run_job_flow(samples.launch(spec, tags={"c": "runner"}))
    assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} == {"a": "spec", "b": "overlay", "c": "runner"}


def test_an_overlay_merges_maps_replaces_lists_and_removes_with_null() -> None:
    spec = samples.config(
        applications=("Hadoop", "Spark"),
        log_uri="s3://logs/",
        overlay={"Applications": [{"Name": "Flink"}], "LogUri": None, "Instances": {"HadoopVersion": "2.4"}},
    )
    made = run_job_flow(samples.launch(spec))
    assert made["Applications"] == [{"Name": "Flink"}]
    assert "LogUri" not in made
    assert made["Instances"]["HadoopVersion"] == "2.4"
    assert made["Instances"]["InstanceGroups"][0]["InstanceRole"] == "MASTER"


@pytest.mark.parametrize(
    ("overlay", "place"),
    [
        ({"Steps": []}, "/Steps"),
        ({"Name": "other"}, "/Name"),
        ({"StepConcurrencyLevel": 2}, "/StepConcurrencyLevel"),
        ({"AutoTerminationPolicy": None}, "/AutoTerminationPolicy"),
        ({"Instances": {"KeepJobFlowAliveWhenNoSteps": True}}, "/Instances/KeepJobFlowAliveWhenNoSteps"),
        ({"Instances": None}, "/Instances must be an object"),
        ({"Tags": [{"Key": "dataflow-runner:run", "Value": "mine"}]}, "/Tags/0"),
        ({"Tags": {"a": "b"}}, "/Tags must be a list"),
        ({"Tags": [{"Key": 1}]}, "/Tags/0 must be"),
    ],
)
def test_an_overlay_cant_touch_what_is_the_runners(overlay: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        run_job_flow(samples.launch(samples.config(overlay=overlay)))


@pytest.mark.parametrize("key", ["Name", "ActionOnFailure", "HadoopJarStep"])
def test_a_step_overlay_cant_touch_what_is_the_runners(key: str) -> None:
    with pytest.raises(InputError, match=f"the step 'copy' can't be used:\n  /{key} "):
        step_config(samples.step(overlay={key: None}))


@pytest.mark.parametrize("key", ["JobFlowId", "Steps"])
def test_a_submit_overlay_cant_touch_what_is_the_runners(key: str) -> None:
    with pytest.raises(InputError, match=f"/{key} "):
        add_job_flow_steps(ClusterId("j-1"), [samples.step()], {key: "x"})


def test_every_problem_of_the_final_request_is_told_at_once_in_emrs_names() -> None:
    overlay = {"EbsRootVolumeSiez": 1, "EbsRootVolumeSize": "big", "Instances": {"InstanceGroups": [{"Name": "x"}]}}
    with pytest.raises(InputError) as refusal:
        run_job_flow(samples.launch(samples.config(overlay=overlay)))
    message = str(refusal.value)
    assert "EbsRootVolumeSiez" in message
    assert "Invalid type for parameter EbsRootVolumeSize" in message
    assert 'Instances.InstanceGroups[0]: "InstanceType"' in message


def test_provisioned_operations_go_only_where_the_volume_type_takes_them() -> None:
    volumes = tuple(m.Volume(type=kind, size_in_gb=9, iops=3000, throughput=200) for kind in ("gp2", "gp3", "io1"))
    groups = m.Groups(master=m.Group(type="m5.xlarge", ebs=m.Ebs(volumes=volumes)))
    made = run_job_flow(samples.launch(samples.config(instances=groups)))
    devices = made["Instances"]["InstanceGroups"][0]["EbsConfiguration"]["EbsBlockDeviceConfigs"]
    assert [sorted(device["VolumeSpecification"]) for device in devices] == [
        ["SizeInGB", "VolumeType"],
        ["Iops", "SizeInGB", "Throughput", "VolumeType"],
        ["Iops", "SizeInGB", "VolumeType"],
    ]
