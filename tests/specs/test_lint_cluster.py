from typing import Any

import pytest
from tests.specs.support import cluster, loaded, refused, rules

from dataflow_runner.specs.findings import Severity

EMR = "/data/fabric/emr"
GROUP = {"type": "m5.xlarge"}
FLEET = {"onDemand": 1, "types": [{"type": "m5.xlarge"}]}


def errors(**emr: Any) -> list[tuple[str, str]]:
    """Rule and place, below the fabric, of each finding."""
    return [(rule, pointer.removeprefix(EMR)) for rule, pointer in rules(refused(cluster(**emr)))]


def volume(**members: Any) -> dict[str, Any]:
    ebs = {"volumes": [{"type": "gp3", "sizeInGB": 10, **members}]}
    return {"groups": {"master": {**GROUP, "ebs": ebs}}}


def tags(*keys: str) -> list[dict[str, str]]:
    return [{"key": key, "value": ""} for key in keys]


def test_a_right_spec_has_no_finding() -> None:
    assert loaded(cluster()).findings == ()


@pytest.mark.parametrize(
    ("emr", "found"),
    [
        ({"region": "eu central-1"}, ("region", "/region")),
        ({"region": " eu-central-1"}, ("region", "/region")),
        ({"region": "frankfurt"}, ("region", "/region")),
        ({"region": ""}, ("empty", "/region")),
        ({"logUri": "/var/log"}, ("log-uri", "/logUri")),
        ({"logUri": ""}, ("empty", "/logUri")),
        ({"roles": {"jobflow": " ", "service": "x"}}, ("empty", "/roles/jobflow")),
        ({"assumeRoleArn": "admin"}, ("role-arn", "/assumeRoleArn")),
        ({"releaseLabel": ""}, ("empty", "/releaseLabel")),
        ({"customAmiId": ""}, ("empty", "/customAmiId")),
        ({"securityConfiguration": ""}, ("empty", "/securityConfiguration")),
        ({"applications": ["Spark", ""]}, ("empty", "/applications/1")),
        ({"network": {"subnetIds": [""]}}, ("empty", "/network/subnetIds/0")),
        ({"network": {"subnetIds": ["a", "b"]}}, ("location", "/network/subnetIds")),
        ({"network": {"subnetIds": ["a"], "availabilityZones": ["b"]}}, ("location", "/network")),
        ({"network": {"keyName": ""}}, ("empty", "/network/keyName")),
        ({"network": {"securityGroups": {"master": ""}}}, ("empty", "/network/securityGroups/master")),
        ({"autoTermination": "59s"}, ("out-of-range", "/autoTermination")),
        ({"autoTermination": "8d"}, ("out-of-range", "/autoTermination")),
        ({"autoTermination": "90.5s"}, ("out-of-range", "/autoTermination")),
        ({"stepConcurrency": 0}, ("out-of-range", "/stepConcurrency")),
        ({"stepConcurrency": 257}, ("out-of-range", "/stepConcurrency")),
        ({"bootstrapActions": [{"name": "a", "path": ""}]}, ("empty", "/bootstrapActions/0/path")),
        ({"bootstrapActions": [{"name": "a", "path": "b"}] * 17}, ("too-many", "/bootstrapActions")),
        (
            {"configurations": [{"classification": "a", "configurations": [{"classification": ""}]}]},
            ("empty", "/configurations/0/configurations/0/classification"),
        ),
    ],
)
def test_values_that_emr_would_refuse(emr: dict[str, Any], found: tuple[str, str]) -> None:
    assert errors(**emr) == [found]


@pytest.mark.parametrize(
    ("release", "emr", "place"),
    [
        ("emr-5.29.0", {"autoTermination": "1h"}, "/autoTermination"),
        ("6.0.0", {"autoTermination": "1h"}, "/autoTermination"),
        ("5.27.0", {"stepConcurrency": 2}, "/stepConcurrency"),
        ("5.29.0", {"managedScaling": {"minimum": 1, "maximum": 2}}, "/managedScaling"),
        ("4.7.0", {"instances": {"fleets": {"master": FLEET}}}, "/instances/fleets"),
        ("5.6.0", {"customAmiId": "ami-1"}, "/customAmiId"),
        ("6.5.0", {"osReleaseLabel": "2.0"}, "/osReleaseLabel"),
        ("4.7.0", {"securityConfiguration": "x"}, "/securityConfiguration"),
        ("3.11.0", {"applications": ["Hive"]}, "/applications"),
        ("3.11.0", {"configurations": [{"classification": "a"}]}, "/configurations"),
    ],
)
def test_what_a_release_lacks_is_refused(release: str, emr: dict[str, Any], place: str) -> None:
    assert errors(releaseLabel=release, **emr) == [("release", place)]


def test_a_release_of_unknown_form_is_a_warning() -> None:
    [finding] = loaded(cluster(releaseLabel="emr-next", autoTermination="1h")).findings
    assert (finding.rule, finding.severity) == ("release", Severity.WARNING)


@pytest.mark.parametrize(
    ("group", "found"),
    [
        ({"type": ""}, ("empty", "/type")),
        ({"count": 2}, ("out-of-range", "/count")),
        ({"count": 0}, ("out-of-range", "/count")),
        ({"bid": "0.1"}, ("bid", "/bid")),
        ({"bid": "cheap", "market": "SPOT"}, ("bid", "/bid")),
        ({"bid": "-1", "market": "SPOT"}, ("bid", "/bid")),
        ({"bid": "NaN", "market": "SPOT"}, ("bid", "/bid")),
        ({"customAmiId": ""}, ("empty", "/customAmiId")),
    ],
)
def test_groups_that_emr_would_refuse(group: dict[str, Any], found: tuple[str, str]) -> None:
    rule, place = found
    wrong = {"groups": {"master": {**GROUP, **group}}}
    assert errors(instances=wrong) == [(rule, f"/instances/groups/master{place}")]


def test_three_primary_nodes_and_spot_at_any_price_are_right() -> None:
    assert loaded(cluster(instances={"groups": {"master": {**GROUP, "count": 3, "market": "SPOT"}}})).findings == ()


def test_a_negative_number_of_machines_is_refused() -> None:
    groups = {"groups": {"master": GROUP, "core": {**GROUP, "count": -1}}}
    assert errors(instances=groups) == [("out-of-range", "/instances/groups/core/count")]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"type": "io1"}, ("volume", "/iops")),
        ({"type": "gp2", "iops": 100}, ("volume", "/iops")),
        ({"type": "st1", "iops": 100}, ("volume", "/iops")),
        ({"type": "gp2", "throughput": 100}, ("volume", "/throughput")),
        ({"sizeInGB": 0}, ("out-of-range", "/sizeInGB")),
        ({"count": 0}, ("out-of-range", "/count")),
        ({"iops": 0}, ("out-of-range", "/iops")),
    ],
)
def test_volumes_that_ec2_would_refuse(members: dict[str, Any], found: tuple[str, str]) -> None:
    rule, place = found
    assert errors(instances=volume(**members)) == [(rule, f"/instances/groups/master/ebs/volumes/0{place}")]


def test_a_volume_of_an_unknown_type_is_a_warning() -> None:
    assert [finding.rule for finding in loaded(cluster(instances=volume(type="gp9"))).findings] == ["volume"]


@pytest.mark.parametrize(
    ("fleets", "found"),
    [
        ({"master": {**FLEET, "onDemand": 2}}, ("fleet", "/master")),
        ({"core": {**FLEET, "onDemand": 0}}, ("fleet", "/core")),
        ({"core": {**FLEET, "types": []}}, ("fleet", "/core/types")),
        ({"core": {**FLEET, "types": [GROUP] * 31, "spotStrategy": "lowest-price"}}, ("fleet", "/core/types")),
        ({"core": {**FLEET, "spot": -1, "onDemand": 3}}, ("out-of-range", "/core/spot")),
        ({"core": {**FLEET, "spotTimeout": "4m"}}, ("out-of-range", "/core/spotTimeout")),
        ({"core": {**FLEET, "spotTimeout": "330s"}}, ("out-of-range", "/core/spotTimeout")),
        ({"core": {**FLEET, "spotTimeout": "1441m"}}, ("out-of-range", "/core/spotTimeout")),
        ({"core": {**FLEET, "types": [{**GROUP, "weight": 0}]}}, ("out-of-range", "/core/types/0/weight")),
        ({"core": {**FLEET, "types": [{**GROUP, "bidPercent": 0}]}}, ("bid", "/core/types/0/bidPercent")),
        ({"core": {**FLEET, "types": [{**GROUP, "bidPercent": 9, "bid": "1"}]}}, ("bid", "/core/types/0/bidPercent")),
    ],
)
def test_fleets_that_emr_would_refuse(fleets: dict[str, Any], found: tuple[str, str]) -> None:
    rule, place = found
    assert errors(instances={"fleets": {"master": FLEET, **fleets}}) == [(rule, f"/instances/fleets{place}")]


def test_fleets_may_stand_in_several_subnets() -> None:
    file = cluster(instances={"fleets": {"master": FLEET}}, network={"subnetIds": ["a", "b"]})
    assert loaded(file).findings == ()


def test_many_types_without_a_strategy_are_a_warning() -> None:
    fleets = {"master": FLEET, "core": {**FLEET, "types": [GROUP] * 6}}
    assert [finding.rule for finding in loaded(cluster(instances={"fleets": fleets})).findings] == ["fleet"]


@pytest.mark.parametrize(
    ("scaling", "place"),
    [
        ({"minimum": 0, "maximum": 2}, "minimum"),
        ({"minimum": 3, "maximum": 2}, "maximum"),
        ({"minimum": 1, "maximum": 2, "maximumCore": 3}, "maximumCore"),
        ({"minimum": 1, "maximum": 2, "maximumOnDemand": -1}, "maximumOnDemand"),
        ({"minimum": 1, "maximum": 2, "unit": "InstanceFleetUnits"}, "unit"),
    ],
)
def test_limits_of_scaling_that_contradict_each_other(scaling: dict[str, Any], place: str) -> None:
    assert [pointer for _, pointer in errors(managedScaling=scaling)] == [f"/managedScaling/{place}"]


@pytest.mark.parametrize(
    ("overlay", "place"),
    [
        ({"Steps": []}, "/Steps"),
        ({"Name": "x"}, "/Name"),
        ({"AutoTerminationPolicy": {}}, "/AutoTerminationPolicy"),
        ({"StepConcurrencyLevel": 2}, "/StepConcurrencyLevel"),
        ({"Instances": {"KeepJobFlowAliveWhenNoSteps": True}}, "/Instances/KeepJobFlowAliveWhenNoSteps"),
        ({"Tags": [{"Key": "a"}, {"Key": "dataflow-runner:run"}]}, "/Tags/1"),
    ],
)
def test_an_overlay_leaves_what_is_the_runners(overlay: dict[str, Any], place: str) -> None:
    assert errors(overlay=overlay) == [("overlay", f"/overlay{place}")]


def test_an_overlay_may_hold_anything_else() -> None:
    assert loaded(cluster(overlay={"Instances": {"HadoopVersion": "1"}, "Tags": [{"Key": "a"}]})).findings == ()


@pytest.mark.parametrize(
    ("key", "secret", "rule"),
    [
        ("iam", "env", "credentials"),
        ("iam", "abc", "credentials"),
        ("AKIA", "default", "credentials"),
        ("", "abc", "credentials"),
    ],
)
def test_mixed_words_of_credentials_are_refused(key: str, secret: str, rule: str) -> None:
    assert errors(credentials={"accessKeyId": key, "secretAccessKey": secret}) == [(rule, "/credentials")]


@pytest.mark.parametrize("word", ["iam", "env", "default"])
def test_one_word_in_both_fields_is_right(word: str) -> None:
    assert loaded(cluster(credentials={"accessKeyId": word, "secretAccessKey": word})).findings == ()


def test_a_static_pair_is_a_warning() -> None:
    found = loaded(cluster(credentials={"accessKeyId": "AKIA", "secretAccessKey": "abc"}))
    assert [finding.rule for finding in found.findings] == ["static-credentials"]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (tags("aws:x"), "/0/key"),
        (tags("AWS:x"), "/0/key"),
        (tags("dataflow-runner:run"), "/0/key"),
        (tags("a", "a"), "/1/key"),
        (tags("k" * 129), "/0/key"),
        ([{"key": "a", "value": "v" * 257}], "/0/key"),
        (tags(*(f"k{at}" for at in range(41))), ""),
    ],
)
def test_tags_that_aws_or_the_runner_would_not_have(given: list[dict[str, str]], place: str) -> None:
    found = refused(cluster({"tags": given}))
    assert rules(found) == [("tags", f"/data/tags{place}")]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"name": ""}, ("empty", "/data/name")),
        ({"name": "n" * 257}, ("too-long", "/data/name")),
        ({"launch": {"maxAttempts": 0}}, ("out-of-range", "/data/launch/maxAttempts")),
        ({"launch": {"timeout": "0s"}}, ("out-of-range", "/data/launch/timeout")),
    ],
)
def test_names_and_launches_that_make_no_sense(members: dict[str, Any], found: tuple[str, str]) -> None:
    assert rules(refused(cluster(members))) == [found]
