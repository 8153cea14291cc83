"""From checked RunJobFlow and AddJobFlowSteps parameters to the core's values, with EMR's limits on them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from emr_emulator.errors import EmrError, refuse_value
from emr_emulator.releases import AUTO_TERMINATION, STEP_CONCURRENCY, can, parse_release
from emr_emulator.states import ActionOnFailure
from emr_emulator.values import BootstrapRequest, ClusterRequest, StepRequest

MAX_ACTIVE_STEPS = 256
MAX_STEP_CHARACTERS = 10_240
MAX_CONCURRENCY = 256
IDLE_TIMEOUT = range(60, 604_801)
DEFAULT_IDLE_TIMEOUT = 3600


def parse_cluster(params: Mapping[str, Any]) -> ClusterRequest:
    """Read RunJobFlow's parameters; EmrError names the limit that is passed."""
    release = _parse_release(params)
    instances = params["Instances"]
    _check_instances(instances)
    concurrency = params.get("StepConcurrencyLevel", 1)
    check_concurrency(concurrency, release, refuse_value)
    policy = params.get("AutoTerminationPolicy")
    return ClusterRequest(
        name=params["Name"],
        release_label=release,
        log_uri=params.get("LogUri") or None,
        keep_alive=instances.get("KeepJobFlowAliveWhenNoSteps", False),
        protected=instances.get("TerminationProtected", False),
        step_concurrency=concurrency,
        idle_timeout=None if policy is None else parse_idle_timeout(policy, release),
        bootstrap=tuple(_parse_action(action) for action in params.get("BootstrapActions", [])),
        steps=parse_steps(params.get("Steps", []), concurrency, params.get("StepExecutionRoleArn")),
        tags=parse_tags(params.get("Tags", [])),
        document={key: value for key, value in params.items() if key not in {"Steps", "Tags"}},
    )


def parse_steps(
    given: Iterable[Mapping[str, Any]], concurrency: int, execution_role: str | None = None
) -> tuple[StepRequest, ...]:
    """Read StepConfigs that are to be sent to a cluster with so many places."""
    steps = tuple(replace(_parse_step(step, concurrency), execution_role=execution_role) for step in given)
    if len(steps) > MAX_ACTIVE_STEPS:
        raise refuse_value(f"Maximum number of steps in a request is {MAX_ACTIVE_STEPS}, found {len(steps)}.")
    return steps


def parse_tags(given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Read tags; a key without a value has an empty one."""
    tags = {}
    for tag in given:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 0 < len(key) <= 128 or len(value) > 256 or key.startswith("aws:"):
            raise refuse_value(f"Invalid tag key or value: '{key}'.")
        tags[key] = value
    return tags


def parse_idle_timeout(policy: Mapping[str, Any], release: str) -> int:
    """Read an auto-termination policy; an empty one means an hour."""
    if not can(release, AUTO_TERMINATION):
        raise refuse_value("Auto-termination is supported in EMR releases 5.30.0 and 6.1.0 and later only.")
    timeout: int = policy.get("IdleTimeout", DEFAULT_IDLE_TIMEOUT)
    if timeout not in IDLE_TIMEOUT:
        raise refuse_value(
            f"IdleTimeout must be from {IDLE_TIMEOUT[0]} to {IDLE_TIMEOUT[-1]} seconds, found {timeout}."
        )
    return timeout


def check_concurrency(level: int, release: str, refuse: Callable[[str], EmrError]) -> None:
    """Refuse a step concurrency that EMR doesn't have; ``refuse`` makes the action's own kind of error."""
    if not 1 <= level <= MAX_CONCURRENCY:
        raise refuse(f"Step concurrency level must be between 1 and {MAX_CONCURRENCY}, found {level}.")
    if level > 1 and not can(release, STEP_CONCURRENCY):
        raise refuse("Step concurrency is supported in EMR releases 5.28.0 and later only.")


def _parse_release(params: Mapping[str, Any]) -> str:
    label, ami = params.get("ReleaseLabel"), params.get("AmiVersion")
    if label is not None and ami is not None:
        raise refuse_value("Only one of ReleaseLabel and AmiVersion can be specified.")
    release = str(label if label is not None else ami or "")
    if label is not None and (parse_release(release) is None or not release.startswith("emr-")):
        raise refuse_value(f"The supplied release label is invalid: {release}.")
    if ami is not None and parse_release(release) is None:
        raise refuse_value(f"The supplied ami version is invalid: {release}.")
    return release


def _check_instances(instances: Mapping[str, Any]) -> None:
    groups, fleets = instances.get("InstanceGroups"), instances.get("InstanceFleets")
    if groups and fleets:
        raise refuse_value("Instance fleets and instance groups are mutually exclusive: the request uses both.")
    roles = [group["InstanceRole"] for group in groups or []] + [fleet["InstanceFleetType"] for fleet in fleets or []]
    if roles and roles.count("MASTER") != 1:
        raise refuse_value(f"Exactly one MASTER instance group or fleet is needed, found {roles.count('MASTER')}.")


def _parse_action(given: Mapping[str, Any]) -> BootstrapRequest:
    script = given["ScriptBootstrapAction"]
    return BootstrapRequest(name=given["Name"], path=script["Path"], arguments=tuple(script.get("Args", [])))


def _parse_step(given: Mapping[str, Any], concurrency: int) -> StepRequest:
    jar = given["HadoopJarStep"]
    properties = {pair.get("Key", ""): pair.get("Value", "") for pair in jar.get("Properties", [])}
    arguments = tuple(jar.get("Args", []))
    texts = (jar["Jar"], jar.get("MainClass", ""), *arguments, *properties, *properties.values())
    if sum(map(len, texts)) > MAX_STEP_CHARACTERS:
        raise refuse_value(
            f"The strings of step '{given['Name']}' exceed the maximum of {MAX_STEP_CHARACTERS} characters in total."
        )
    default = ActionOnFailure.CONTINUE if concurrency > 1 else ActionOnFailure.TERMINATE_CLUSTER
    action = ActionOnFailure(given.get("ActionOnFailure", default))
    if concurrency > 1 and action is not ActionOnFailure.CONTINUE:
        raise refuse_value(
            f"ActionOnFailure {action} is not valid for a cluster whose StepConcurrencyLevel is greater than 1;"
            " use CONTINUE."
        )
    return StepRequest(
        name=given["Name"],
        action=action,
        jar=jar["Jar"],
        main_class=jar.get("MainClass"),
        arguments=arguments,
        properties=properties,
    )
