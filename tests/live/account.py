"""An AWS account while live tests run in it: clusters that can be told from all others and don't outlive the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

TAG = "dataflow-runner-live"
"""On every cluster of these tests; its value is the session that made it."""
FOLDER = "dataflow-runner-live"
"""Every object of these tests is below it, and every cluster's name begins with it."""
IDLE = 900
"""Seconds without work after which a cluster that is kept alive ends itself: longer than logs take to arrive."""

ALIVE = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
LIVING_OR_DYING = (*ALIVE, "TERMINATING")
ENDED = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
ENDING = ENDED | {"TERMINATING"}

Document = Mapping[str, Any]
T = TypeVar("T")


def open_client(service: str, *, region: str, endpoint: str | None, attempts: int) -> Any:
    """An AWS client with the credentials of the environment; typed Any because botocore ships no types."""
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    return botocore.session.get_session().create_client(
        service, region_name=region, endpoint_url=endpoint, config=config
    )


class Account:
    """EMR and S3 of one account and region. Reads are repeated when throttled; creates are sent once."""

    def __init__(self, *, region: str, endpoint: str | None) -> None:
        self.emr = open_client("emr", region=region, endpoint=endpoint, attempts=10)
        self.once = open_client("emr", region=region, endpoint=endpoint, attempts=1)
        self.s3 = open_client("s3", region=region, endpoint=endpoint, attempts=10)

    def cluster(self, cluster_id: str) -> Document:
        """What DescribeCluster says."""
        found: Document = self.emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        return found

    def shown(self, cluster_id: str) -> Document | None:
        """What DescribeCluster says; None for a cluster that it doesn't show, which a new one may be for a while."""
        try:
            return self.cluster(cluster_id)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"InvalidRequestException", "ValidationException"}:
                return None
            raise

    def state(self, cluster_id: str) -> str:
        """A cluster's state."""
        return str(self.cluster(cluster_id)["Status"]["State"])

    def steps(self, cluster_id: str) -> list[Document]:
        """A cluster's steps in the order in which they were added (EMR lists the newest first)."""
        pages = self.emr.get_paginator("list_steps").paginate(ClusterId=cluster_id)
        return [step for page in pages for step in page["Steps"]][::-1]

    def marked(self, *, states: Iterable[str] = LIVING_OR_DYING, session: str | None = None) -> Iterator[Document]:
        """The clusters with our tag, of one session or of all; the name spares a DescribeCluster for all others."""
        pages = self.emr.get_paginator("list_clusters").paginate(ClusterStates=list(states))
        for summary in (summary for page in pages for summary in page["Clusters"]):
            if summary["Name"].startswith(FOLDER):
                cluster = self.cluster(summary["Id"])
                value = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}.get(TAG)
                if value is not None and session in (None, value):
                    yield cluster

    def is_clear(self, session: str | None = None) -> bool:
        """Whether no cluster with our tag is there any more; one that shows late is asked to end by each look."""
        self.end_all(session)
        return not any(self.marked(session=session))

    def end_all(self, session: str | None = None) -> list[str]:
        """Ask for the end of every living cluster with our tag; their ids."""
        ids = [str(cluster["Id"]) for cluster in self.marked(states=ALIVE, session=session)]
        for cluster_id in ids:
            self.emr.terminate_job_flows(JobFlowIds=[cluster_id])
        return ids

    def delete_objects(self, bucket: str, prefix: str) -> int:
        """Delete every object below a prefix; how many there were."""
        count = 0
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                self.s3.delete_object(Bucket=bucket, Key=item["Key"])
                count += 1
        return count


def wait_until(look: Callable[[], T | None], what: str, *, poll: float, patience: float) -> T:
    """Look again and again until there is something to see; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(poll)
    return found


def step(name: str, *arguments: str, action: str = "CONTINUE") -> dict[str, Any]:
    """A StepConfig that runs a program of the cluster's first machine; 'true' if none is given."""
    jar = {"Jar": "command-runner.jar", "Args": list(arguments or ("true",))}
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": jar}


def failing(name: str, action: str) -> dict[str, Any]:
    """A step that says something and fails."""
    return step(name, "bash", "-c", "echo said; echo no such table >&2; exit 3", action=action)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and message of the refusal that a call must end with: status 400, so nothing on AWS's side broke."""
    with pytest.raises(ClientError) as raised:
        call()
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400, answer
    return str(answer["Error"]["Code"]), str(answer["Error"]["Message"])


def states(steps: Sequence[Document]) -> dict[str, str]:
    """Steps' states by name."""
    return {str(one["Name"]): str(one["Status"]["State"]) for one in steps}


def new_session() -> str:
    """A name for one go of the live tests."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
