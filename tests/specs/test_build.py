from datetime import timedelta

import pytest
from tests.specs.support import DATA, cluster, loaded, playbook

from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs import registry
from dataflow_runner.specs.build import CLUSTER, PLAYBOOK, build, unbuild
from dataflow_runner.specs.load import Source, read_source
from dataflow_runner.specs.model import (
    ActionOnFailure,
    Check,
    ClusterConfig,
    Configuration,
    FailureAction,
    Fleets,
    LockKind,
    PlaybookConfig,
    Retry,
    Step,
    WhenHeld,
)
from dataflow_runner.specs.shape import shape


def test_a_playbook_becomes_frozen_values() -> None:
    value = loaded(read_source(DATA / "playbook-2-0-0.json"), run="today").value
    assert isinstance(value, PlaybookConfig)
    assert value.steps[0] == Step(
        name="transform",
        jar="s3://acme-jars/transform.jar",
        main_class="com.acme.Main",
        arguments=("--run", "today"),
        properties={"b": "1", "a": "2"},
        retry=Retry(max_attempts=2, delay=timedelta(seconds=90)),
        timeout=timedelta(hours=6),
        overlay={"ExecutionRoleArn": "arn:aws:iam::123456789012:role/step"},
    )
    assert value.steps[1].action_on_failure is ActionOnFailure.TERMINATE_CLUSTER
    assert (value.preconditions[0].check, value.preconditions[0].exit_code) == (Check.S3_NOT_EMPTY, 3)
    assert value.lock is not None
    assert (value.lock.kind, value.lock.when_held) == (LockKind.HARD, WhenHeld.WAIT)
    assert (value.on_failure.action, value.on_failure.keep_for) == (FailureAction.KEEP, timedelta(hours=8))
    assert (value.timeout, value.pending_timeout) == (timedelta(days=1), timedelta(hours=1))


def test_a_cluster_spec_becomes_frozen_values() -> None:
    value = loaded(read_source(DATA / "cluster-2-0-0.json"), patience="2h", a="b").value
    assert isinstance(value, ClusterConfig)
    assert value.launch.timeout == timedelta(hours=2)
    assert isinstance(value.fabric.instances, Fleets)
    assert value.fabric.instances.core is not None
    assert value.fabric.instances.core.types[1].bid_percent == 80
    assert value.fabric.configurations == (
        Configuration(
            classification="spark-env",
            configurations=(Configuration(classification="export", properties={"Z": "1", "A": "b"}),),
        ),
    )
    assert value.fabric.overlay == {"ManagedScalingPolicy": {"x": [1, 2.5, 1000.0, None, True]}, "Note": "2026"}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("file", [cluster(autoTermination="90s"), playbook(timeout="1d12h")])
def test_a_value_goes_back_to_a_tree_and_returns_the_same(file: Source, full: bool) -> None:
    value = loaded(file).value
    key = CLUSTER if isinstance(value, ClusterConfig) else PLAYBOOK
    tree = unbuild(value, secrets=Secret.reveal, full=full)
    shaped = shape(registry.schema(key), tree)
    assert (shaped.problems, build(key, shaped.tree)) == ((), value)


def test_the_caller_decides_what_is_written_for_a_secret() -> None:
    value = loaded(cluster(credentials={"accessKeyId": "AKIA", "secretAccessKey": "hunter2"})).value
    assert "hunter2" in str(unbuild(value, secrets=Secret.reveal))
    assert "hunter2" not in str(unbuild(value, secrets=lambda _: "…"))
    assert "hunter2" not in repr(value)
