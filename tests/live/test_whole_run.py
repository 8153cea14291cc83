"""One run by the command line as a user gives it, from specs to verdict."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.cli.program import PROGRAM
from tests.live.account import ENDING, FOLDER, TAG, states
from tests.live.workshop import Workshop

pytestmark = pytest.mark.live

VENDOR = "iglu:com.snowplowanalytics.dataflowrunner"


def test_a_transient_run_makes_a_cluster_runs_its_steps_and_leaves_nothing(workshop: Workshop, tmp_path: Path) -> None:
    write_specs(workshop, tmp_path)
    command = [str(PROGRAM), "--journal", f"sqlite:{tmp_path}/journal.db", "run-transient", "--log-failed-steps"]
    command += ["--emr-config", "cluster.json", "--emr-playbook", "playbook.json"]
    if workshop.settings.endpoint is not None:
        command += ["--poll-interval", "200ms"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["verdict"] == "SUCCEEDED"
    cluster = workshop.account.cluster(result["cluster-id"])
    assert cluster["Status"]["State"] in ENDING
    tags = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}
    assert tags[TAG] == workshop.session
    assert tags["dataflow-runner:run"] == result["run-id"]
    assert states(workshop.account.steps(result["cluster-id"])) == {"first": "COMPLETED", "second": "COMPLETED"}


def write_specs(workshop: Workshop, folder: Path) -> None:
    """A cluster of one machine with this session's tag, and two steps."""
    settings = workshop.settings
    emr = {
        "region": settings.region,
        "logUri": workshop.log_uri,
        "releaseLabel": settings.release,
        "roles": {"jobflow": settings.jobflow_role, "service": settings.service_role},
        "network": {"subnetIds": [settings.subnet]},
        "instances": {"groups": {"master": {"type": settings.instance_type}}},
        "applications": ["Hadoop"],
    }
    cluster = {
        "name": f"{FOLDER} whole run",
        "tags": [{"key": TAG, "value": workshop.session}],
        "launch": {"maxAttempts": 1, "timeout": "40m"},
        "fabric": {"emr": emr},
    }
    steps = [{"name": name, "jar": "command-runner.jar", "arguments": ["true"]} for name in ("first", "second")]
    playbook = {"name": f"{FOLDER} playbook", "timeout": "50m", "steps": steps}
    for name, schema, data in (("cluster", "ClusterConfig", cluster), ("playbook", "PlaybookConfig", playbook)):
        document = {"schema": f"{VENDOR}/{schema}/avro/2-0-0", "data": data}
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2))
