"""That the live tests work: on an emulator as far as that goes, and that no death of theirs leaves a cluster."""

from __future__ import annotations

import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.program import bare_environment, until
from tests.live.account import ENDED, TAG, open_client
from tests.live.settings import PREFIX, SWITCH

from emr_emulator.testing import EmulatorProcess, running_emulator

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
BUCKET = "live"
LIVE_TESTS = ("pytest", "tests/live", "-m", "live", "-p", "no:cacheprovider")
SETTINGS = {
    "REGION": REGION,
    "SUBNET": "subnet-1",
    "BUCKET": BUCKET,
    "SERVICE_ROLE": "EMR_DefaultRole",
    "JOBFLOW_ROLE": "EMR_EC2_DefaultRole",
    "RELEASE": "emr-7.1.0",
}
# An emulator throttles nothing by itself; what is asked 60 times at once is throttled here after the first ten.
FAULTS: list[dict[str, Any]] = [{"do": "throttle", "api": "DescribeStep", "skip": 10, "count": 30}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The live tests in a process of their own, with an emulator for AWS."""

    emulator: EmulatorProcess
    folder: Path

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start something in the checkout, with the settings that the live tests need."""
        bare = bare_environment(self.folder)
        settings = {f"{PREFIX}{name}": value for name, value in SETTINGS.items()}
        aws = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": self.emulator.endpoint}
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=bare | settings | aws | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start_tests(self, *arguments: str, switch: str = "1") -> subprocess.Popen[str]:
        """Start the live tests."""
        return self.start(
            "pytest", "tests/live", "-m", "live", "-p", "no:cacheprovider", *arguments, **{SWITCH: switch}
        )

    def clusters(self) -> list[dict[str, Any]]:
        """The clusters as they really are."""
        return list(self.emulator.ledger()["clusters"])

    def alive(self) -> list[str]:
        """Those that somebody would pay for."""
        return [each["id"] for each in self.clusters() if each["state"] not in ENDED | {"TERMINATING"}]

    def objects(self) -> int:
        """How many objects are in the bucket."""
        s3 = open_client("s3", region=REGION, endpoint=self.emulator.endpoint, attempts=1)
        return int(s3.list_objects_v2(Bucket=BUCKET)["KeyCount"])


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    # Clusters take a second to boot, so that what a user does to a starting one is done in time.
    scenario = tmp_path / "scenario.yml"
    scenario.write_text("cluster: {start: 0.5, bootstrap: 0.2, terminate: 0.2, cancel: 0.1}\n")
    with running_emulator("--scenario", str(scenario)) as emulator:
        s3 = open_client("s3", region=REGION, endpoint=emulator.endpoint, attempts=1)
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Suite(emulator=emulator, folder=tmp_path)


def test_all_live_tests_pass_on_an_emulator_or_say_why_they_can_not(suite: Suite) -> None:
    suite.emulator.put_faults(FAULTS)
    report = suite.folder / "report.xml"
    said = finish(suite.start_tests("-q", f"--junitxml={report}"), code=0)
    cases = ET.parse(report).getroot().iter("testcase")
    outcomes = {case.attrib["name"]: [child.tag for child in case if child.tag == "skipped"] for case in cases}
    assert len(outcomes) > 30
    skipped = [name for name, outcome in outcomes.items() if outcome]
    assert skipped == ["test_a_subnet_that_is_not_there_is_refused_or_ends_the_cluster_as_a_validation_error"]
    assert "a running step that was cancelled ended: CANCELLED" in said
    assert suite.clusters()
    assert all(TAG in cluster["tags"] for cluster in suite.clusters())
    assert (suite.alive(), suite.objects()) == ([], 0)


@pytest.mark.parametrize("switch", ["", "0"])
def test_none_of_them_runs_unless_it_is_asked_for(suite: Suite, switch: str) -> None:
    no_tests_ran = 5
    assert "deselected" in finish(suite.start_tests(switch=switch), code=no_tests_ran)
    assert suite.emulator.ledger()["requests"] == []


def test_a_setting_that_is_missing_is_named_and_no_request_is_made(suite: Suite) -> None:
    running = suite.start(*LIVE_TESTS, **{SWITCH: "1", f"{PREFIX}SUBNET": ""})
    assert f"{PREFIX}SUBNET" in finish(running, code=0)
    assert suite.emulator.ledger()["requests"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_suite_that_is_stopped_ends_its_clusters_first(suite: Suite, number: signal.Signals) -> None:
    running = suite.start_tests("-k", "test_waiting_cluster")
    until(lambda: bool(suite.clusters()), "a cluster")
    running.send_signal(number)
    finish(running, code=2)
    assert suite.clusters()
    assert suite.alive() == []


def test_what_a_killed_suite_left_is_ended_by_its_tag_and_nothing_else_is(suite: Suite) -> None:
    emr = open_client("emr", region=REGION, endpoint=suite.emulator.endpoint, attempts=1)
    instances = {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
    another = emr.run_job_flow(Name="dataflow-runner-live but of another", Instances=instances)["JobFlowId"]
    running = suite.start_tests("-k", "test_waiting_cluster")
    until(lambda: len(suite.clusters()) > 1, "a cluster")
    running.kill()
    finish(running, code=-signal.SIGKILL)
    assert len(suite.alive()) == 2
    said = finish(suite.start("tests.live.cleanup"), code=0)
    assert "no cluster of the live tests is alive" in said
    assert suite.alive() == [another]


def finish(running: subprocess.Popen[str], *, code: int) -> str:
    """Wait for a process that must end with this code; what it said."""
    try:
        said, _ = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == code, said
    return said
