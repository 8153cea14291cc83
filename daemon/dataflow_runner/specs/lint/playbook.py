"""Rules for playbooks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from dataflow_runner.specs.findings import Problem, quoted
from dataflow_runner.specs.lint import common
from dataflow_runner.specs.lint.common import error
from dataflow_runner.specs.model import ActionOnFailure, PlaybookConfig, Precondition, Step, Unmet

MAX_STEPS = 256
"""Of one RunJobFlow, and PENDING or RUNNING on one cluster."""
MAX_STEP_TEXT = 10_240
"""Characters of all strings of one HadoopJarStep together."""

_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", re.ASCII | re.DOTALL)
_OUR_STEP = {
    "Name": "use 'name'",
    "ActionOnFailure": "use 'actionOnFailure', from which the runner derives it",
    "HadoopJarStep": "use 'jar', 'mainClass', 'arguments' and 'properties'",
}
_OUR_CALL = {"JobFlowId": "the runner knows the cluster", "Steps": "use 'steps'"}


def lint_playbook(config: PlaybookConfig, pointer: str = "/data") -> tuple[Problem, ...]:
    """Everything wrong with a playbook of the right shape."""
    return (
        *common.name(f"{pointer}/name", config.name, what="the playbook's name"),
        *common.region(f"{pointer}/region", config.region),
        *common.credentials(f"{pointer}/credentials", config.credentials),
        *common.role_arn(f"{pointer}/assumeRoleArn", config.assume_role_arn),
        *_steps(config, f"{pointer}/steps"),
        *common.tags(f"{pointer}/tags", config.tags),
        *chain.from_iterable(
            _precondition(each, f"{pointer}/preconditions/{at}") for at, each in enumerate(config.preconditions)
        ),
        *common.filled(f"{pointer}/lock/name", config.lock.name if config.lock else None, what="the lock's name"),
        *common.positive(f"{pointer}/timeout", config.timeout, what="the time for the run"),
        *common.positive(f"{pointer}/pendingTimeout", config.pending_timeout, what="the time to be pending"),
        *common.idle_time(f"{pointer}/onFailure/keepFor", config.on_failure.keep_for, what="the time to keep"),
        *common.overlay(f"{pointer}/overlay", config.overlay, _OUR_CALL),
    )


def step_text(step: Step) -> int:
    """Characters of all strings of a step that EMR counts together."""
    strings = (step.jar, step.main_class or "", *step.arguments, *chain.from_iterable(step.properties.items()))
    return sum(map(len, strings))


def _steps(config: PlaybookConfig, pointer: str) -> Iterator[Problem]:
    if not config.steps:
        yield error(pointer, "no-steps", "a playbook needs at least one step")
    if len(config.steps) > MAX_STEPS:
        yield error(pointer, "too-many", f"{len(config.steps)} steps; EMR takes {MAX_STEPS} at a time")
    for at, step in enumerate(config.steps):
        yield from _step(step, f"{pointer}/{at}")


def _step(step: Step, pointer: str) -> Iterator[Problem]:
    yield from common.name(f"{pointer}/name", step.name, what="the step's name")
    yield from common.filled(f"{pointer}/jar", step.jar, what="the jar")
    yield from common.filled(f"{pointer}/mainClass", step.main_class, what="the main class")
    if (length := step_text(step)) > MAX_STEP_TEXT:
        message = (
            f"jar, arguments, main class and properties have {length:,} characters together; EMR takes "
            f"{MAX_STEP_TEXT:,}. Put long lists into a file in S3 and pass its name"
        )
        yield error(pointer, "too-long", message)
    if step.retry is not None:
        yield from common.at_least(
            f"{pointer}/retry/maxAttempts", step.retry.max_attempts, 1, what="the number of tries"
        )
        if step.action_on_failure is ActionOnFailure.CONTINUE:
            message = "retry and CONTINUE exclude each other: the steps behind this one don't wait for another try"
            yield error(f"{pointer}/retry", "retry", message)
    yield from common.positive(f"{pointer}/timeout", step.timeout, what="the time for a step")
    yield from common.overlay(f"{pointer}/overlay", step.overlay, _OUR_STEP)


def _precondition(precondition: Precondition, pointer: str) -> Iterator[Problem]:
    if not _PLACE.fullmatch(precondition.place):
        message = f"expected an S3 folder such as 's3://bucket/folder/', found {quoted(precondition.place)}"
        yield error(f"{pointer}/place", "place", message)
    if precondition.pattern is not None:
        try:
            re.compile(precondition.pattern)
        except (re.error, OverflowError, RecursionError) as fault:
            yield error(f"{pointer}/pattern", "pattern", f"it is no regular expression: {fault}")
    code = precondition.exit_code
    if code is not None and not 0 <= code <= 255:
        yield error(f"{pointer}/exitCode", "out-of-range", f"an exit code is 0 to 255, not {code}")
    if code == 0 and precondition.unmet is Unmet.FAIL:
        message = 'a failed run can\'t exit with 0; write \'"unmet": "NO_OP"\' if there is merely nothing to do'
        yield error(f"{pointer}/exitCode", "out-of-range", message)
