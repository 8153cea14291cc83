"""The 1-x generation: read as the Go runner reads it, and made a 2-0-0 one."""

import copy
import json
from typing import Any

import pytest
from tests.specs.support import DATA, loaded, refused, rules, source, spec

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.convert import Encoding, convert
from dataflow_runner.specs.findings import Severity
from dataflow_runner.specs.load import Source, read_source
from dataflow_runner.specs.model import ActionOnFailure, ClusterConfig, Groups, Market, PlaybookConfig

CLUSTER: dict[str, Any] = {
    "name": "old",
    "region": "eu-west-1",
    "credentials": {"accessKeyId": "iam", "secretAccessKey": "iam"},
    "roles": {"jobflow": "machines", "service": "emr"},
    "ec2": {
        "amiVersion": "4.5.0",
        "location": {"vpc": {"subnetId": "subnet-1"}},
        "instances": {"master": {"type": "m1.medium"}},
    },
}
STEP = {"name": "a", "type": "CUSTOM_JAR", "actionOnFailure": "CONTINUE", "jar": "x.jar", "arguments": ["1"]}


def changed(path: str, value: Any, version: str = "1-1-0") -> Source:
    """The old cluster spec with another value at a path."""
    data = copy.deepcopy(CLUSTER)
    *parents, last = path.split(".")
    here = data
    for key in parents:
        here = here.setdefault(key, {})
    here[last] = value
    return spec("ClusterConfig", version, data)


def cluster_of(file: Source) -> ClusterConfig:
    value = loaded(file).value
    assert isinstance(value, ClusterConfig)
    return value


def groups_of(file: Source) -> Groups:
    instances = cluster_of(file).fabric.instances
    assert isinstance(instances, Groups)
    return instances


def playbook_of(**members: Any) -> PlaybookConfig:
    value = loaded(spec("PlaybookConfig", "1-0-1", members)).value
    assert isinstance(value, PlaybookConfig)
    return value


def step(**members: Any) -> Source:
    return spec("PlaybookConfig", "1-0-0", steps=[{**STEP, **members}])


@pytest.mark.parametrize("name", ["cluster-1-1-0", "playbook-1-0-1"])
def test_an_upgraded_file_is_the_golden_one(name: str) -> None:
    upgraded = convert(read_source(DATA / f"{name}.json"), Encoding.JSON, upgrade=True)
    assert upgraded.decode() == (DATA / f"{name}.upgraded.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "variables"), [("cluster-1-1-0", {"team": "data"}), ("playbook-1-0-1", {"config": "{}"})]
)
def test_a_file_means_the_same_upgraded_or_not(name: str, variables: dict[str, str]) -> None:
    old = loaded(read_source(DATA / f"{name}.json"), **variables)
    new = loaded(read_source(DATA / f"{name}.upgraded.json"), **variables)
    assert old.value == new.value
    assert (old.key.model, new.key.model) == (1, 2)


def test_missing_keys_and_nulls_take_zero_values_and_empty_strings_are_unset() -> None:
    value = cluster_of(changed("logUri", None))
    assert (value.fabric.log_uri, value.fabric.security_configuration, value.fabric.network.key_name) == (None,) * 3
    assert (value.tags, value.fabric.applications, value.fabric.configurations) == ((), (), ())


def test_the_case_of_keys_is_ignored() -> None:
    data = {"NAME": "x", **{key.upper(): value for key, value in CLUSTER.items() if key != "name"}}
    text = json.dumps({"Schema": "iglu:com.snowplowanalytics.dataflowrunner/ClusterConfig/avro/1-0-0", "DATA": data})
    found = loaded(source(text))
    assert (found.value.name, found.findings) == ("x", ())


def test_the_line_of_a_key_in_another_case_is_found() -> None:
    file = source(changed("name", "").content.decode().replace('"region"', '"Region"').replace("eu-west-1", "eu west"))
    found = {finding.pointer: finding.line for finding in refused(file)}
    assert found == {"/data/name": 4, "/data/region": 5}


def test_a_key_in_two_cases_means_its_last_value_and_warns() -> None:
    found = loaded(changed("Name", "second"))
    assert found.value.name == "second"
    assert rules(found.findings) == [("duplicate-key", "/data/Name")]


def test_a_whole_number_with_a_fraction_of_nothing_is_one() -> None:
    assert groups_of(changed("ec2.instances.core", {"type": "m4.large", "count": 2.0})).core is not None


def test_fields_of_1_1_0_count_in_a_1_0_0_file() -> None:
    assert cluster_of(changed("applications", ["Spark"], version="1-0-0")).fabric.applications == ("Spark",)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("ec2.instances.core.bid", "0.1", "these machines are on demand"),
        ("ec2.instances.master.bid", "0.1", 'For spot machines use version 2-0-0 ("market": "SPOT")'),
        ("aplications", [], "(did you mean 'applications'?)"),
        ("customAmiId", "ami-1", "version 2-0-0 has a key of that name"),
        ("colour", 1, "there is no key 'colour' here, and it is ignored as by the Go runner"),
        ("configurations", [{"configurations": [], "classification": "a"}], "nested configurations are ignored"),
    ],
)
def test_a_key_that_vanishes_is_a_warning_that_says_what_it_meant(path: str, value: Any, said: str) -> None:
    [finding] = loaded(changed(path, value)).findings
    assert (finding.rule, finding.severity) == ("unknown-key", Severity.WARNING)
    assert said in finding.message


def test_other_keys_of_the_envelope_are_ignored_with_a_warning() -> None:
    text = changed("name", "x").content.decode().replace('"data"', '"comment": 1, "data"')
    assert rules(loaded(source(text)).findings) == [("unknown-key", "/comment")]


@pytest.mark.parametrize(
    "location", [{}, {"vpc": None}, {"vpc": {"subnetId": "a"}, "classic": {"availabilityZone": "b"}}]
)
def test_exactly_one_location_is_given(location: dict[str, Any]) -> None:
    assert rules(refused(changed("ec2.location", location))) == [("location", "/data/ec2/location")]


def test_a_classic_location_is_an_availability_zone() -> None:
    network = cluster_of(changed("ec2.location", {"classic": {"availabilityZone": "eu-west-1a"}})).fabric.network
    assert (network.availability_zones, network.subnet_ids) == (("eu-west-1a",), ())


def test_groups_of_none_are_no_groups() -> None:
    data = {"master": {"type": "m4"}, "core": {"type": "m4", "count": 0}, "task": {"count": 0, "bid": "0.1"}}
    groups = groups_of(changed("ec2.instances", data))
    assert (groups.core, groups.task) == (None, ())


def test_a_bid_makes_the_task_group_a_spot_one() -> None:
    [task] = groups_of(changed("ec2.instances.task", {"type": "m4", "count": 1, "bid": "0.1"})).task
    assert (task.market, task.bid) == (Market.SPOT, "0.1")
    [task] = groups_of(changed("ec2.instances.task", {"type": "m4", "count": 1, "bid": ""})).task
    assert (task.market, task.bid) == (Market.ON_DEMAND, None)


def test_problems_of_values_have_the_pointers_of_the_old_file() -> None:
    volume = {"volumesPerInstance": -1, "volumeSpecification": {"volumeType": "io1", "sizeInGB": 0}}
    data = copy.deepcopy(CLUSTER) | {"bootstrapActionConfigs": [{"name": "", "scriptBootstrapAction": {}}]}
    data["ec2"] |= {"amiVersion": "", "location": {"vpc": {"subnetId": " "}}}
    data["ec2"]["instances"] = {
        "master": {"ebsConfiguration": {"ebsBlockDeviceConfigs": [volume]}},
        "task": {"type": "m4", "count": 1, "bid": "cheap"},
    }
    ebs = "/data/ec2/instances/master/ebsConfiguration/ebsBlockDeviceConfigs/0"
    found = refused(spec("ClusterConfig", "1-1-0", data))
    assert {pointer for _, pointer in rules(found)} == {
        "/data/ec2/amiVersion",
        "/data/ec2/location/vpc/subnetId",
        "/data/ec2/instances/master/type",
        "/data/ec2/instances/task/bid",
        "/data/bootstrapActionConfigs/0/name",
        "/data/bootstrapActionConfigs/0/scriptBootstrapAction/path",
        f"{ebs}/volumesPerInstance",
        f"{ebs}/volumeSpecification/sizeInGB",
        f"{ebs}/volumeSpecification/iops",
    }


def test_a_wrong_type_hides_its_consequences_alone() -> None:
    assert rules(refused(changed("ec2.location", "vpc"))) == [("wrong-type", "/data/ec2/location")]
    assert rules(refused(changed("ec2.location.vpc", "subnet-1"))) == [("wrong-type", "/data/ec2/location/vpc")]


def test_terminating_the_cluster_is_taken_with_a_warning() -> None:
    found = loaded(step(actionOnFailure="TERMINATE_CLUSTER"))
    assert isinstance(found.value, PlaybookConfig)
    assert found.value.steps[0].action_on_failure is ActionOnFailure.TERMINATE_CLUSTER
    assert rules(found.findings) == [("legacy-action", "/data/steps/0/actionOnFailure")]


@pytest.mark.parametrize("action", ["", "continue", "STOP"])
def test_an_action_that_is_none_is_refused(action: str) -> None:
    assert rules(refused(step(actionOnFailure=action))) == [("wrong-value", "/data/steps/0/actionOnFailure")]


def test_the_type_of_a_step_is_ignored() -> None:
    assert loaded(step(type="")).findings == ()
    assert rules(loaded(step(type="SPARK")).findings) == [("ignored-value", "/data/steps/0/type")]


def test_no_steps_are_refused() -> None:
    assert rules(refused(spec("PlaybookConfig", "1-0-0"))) == [("no-steps", "/data/steps")]


def test_a_playbook_without_credentials_takes_the_clusters() -> None:
    value = playbook_of(steps=[STEP])
    assert (value.credentials, value.region) == (None, None)


def test_a_cluster_without_credentials_is_refused() -> None:
    assert rules(refused(changed("credentials", {}))) == [("credentials", "/data/credentials")]


def test_an_upgrade_refuses_what_it_would_lose() -> None:
    with pytest.raises(SpecError, match="a conversion would lose it"):
        convert(changed("ec2.instances.core.bid", "0.1"), Encoding.JSON, upgrade=True)
    with pytest.raises(SpecError, match="location"):
        convert(changed("ec2.location", {}), Encoding.JSON, upgrade=True)


def test_an_upgrade_of_an_upgraded_file_changes_nothing() -> None:
    content = convert(changed("name", "x"), Encoding.JSON, upgrade=True)
    assert convert(source(content), Encoding.JSON, upgrade=True) == content
