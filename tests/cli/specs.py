"""Specs for the command line's tests, as documents of the 2-0-0 and 1-x schemas."""

from __future__ import annotations

from typing import Any

VENDOR = "iglu:com.snowplowanalytics.dataflowrunner"
REGION = "eu-central-1"
Document = dict[str, Any]


def cluster(*, launch: Document | None = None, name: str = "nightly", **emr: Any) -> Document:
    """A cluster spec; a failed launch is repeated at once."""
    fabric: Document = {
        "region": REGION,
        "releaseLabel": "emr-7.1.0",
        "roles": {"jobflow": "EMR_EC2_DefaultRole", "service": "EMR_DefaultRole"},
        "network": {"subnetIds": ["subnet-1"]},
        "instances": {"groups": {"master": {"type": "m5.xlarge"}}},
    }
    data = {"name": name, "launch": {"backoff": "0s"} | (launch or {}), "fabric": {"emr": fabric | emr}}
    return {"schema": f"{VENDOR}/ClusterConfig/avro/2-0-0", "data": data}


def playbook(*steps: Document | str, **more: Any) -> Document:
    """A playbook; a step may be a name alone, which is then what the scenario or the machine makes of it."""
    whole = [step(each) if isinstance(each, str) else each for each in steps]
    data = {"name": "book", "region": REGION, "steps": whole} | more
    return {"schema": f"{VENDOR}/PlaybookConfig/avro/2-0-0", "data": data}


def step(name: str, *arguments: str, **more: Any) -> Document:
    """A step that runs a program: 'true' if none is given."""
    return {"name": name, "jar": "command-runner.jar", "arguments": list(arguments or ("true",)), **more}


def old_cluster() -> Document:
    """A cluster spec as the Go runner has it."""
    machines: Document = {"master": {"type": "m5.xlarge"}, "core": {"type": "m5.xlarge", "count": 1}}
    machines |= {"task": {"type": "m5.xlarge", "count": 0, "bid": "0.015"}}
    ec2 = {"amiVersion": "6.15.0", "keyName": "", "location": {"vpc": {"subnetId": "subnet-1"}}, "instances": machines}
    data = {
        "name": "nightly",
        "logUri": "s3://logs/emr/",
        "region": REGION,
        "credentials": {"accessKeyId": "env", "secretAccessKey": "env"},
        "roles": {"jobflow": "EMR_EC2_DefaultRole", "service": "EMR_DefaultRole"},
        "ec2": ec2,
        "tags": [{"key": "team", "value": "{{.team}}"}],
        "bootstrapActionConfigs": [],
        "configurations": [],
        "applications": ["Hadoop", "Spark"],
    }
    return {"schema": f"{VENDOR}/ClusterConfig/avro/1-1-0", "data": data}


def old_playbook() -> Document:
    """A playbook as the Go runner has it."""
    steps = [
        {
            "type": "CUSTOM_JAR",
            "name": name,
            "actionOnFailure": "CANCEL_AND_WAIT",
            "jar": "command-runner.jar",
            "arguments": ["true", "{{.team}}"],
        }
        for name in ("first", "second")
    ]
    credentials = {"accessKeyId": "env", "secretAccessKey": "env"}
    data = {"region": REGION, "credentials": credentials, "steps": steps, "tags": []}
    return {"schema": f"{VENDOR}/PlaybookConfig/avro/1-0-1", "data": data}
