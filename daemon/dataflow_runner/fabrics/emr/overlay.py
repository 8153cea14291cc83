"""Raw parameters that a user lays over a request, and what they can't touch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dataflow_runner.errors import InputError

RUNNER_PREFIX = "dataflow-runner:"
"""Tags that start so say whose a cluster is; nobody else may set them."""

_ITS_OWN = "the runner decides it; take it out of the overlay"
_LAUNCH_GUARDS: Mapping[tuple[str, ...], str] = {
    ("Steps",): "steps belong in the playbook",
    ("AutoTerminationPolicy",): "use the spec's autoTermination",
    ("Name",): "use the spec's name: a cluster is found again by it",
    ("StepConcurrencyLevel",): "use the spec's stepConcurrency: failure actions depend on it",
    ("Instances", "KeepJobFlowAliveWhenNoSteps"): _ITS_OWN,
}
_STEP_GUARDS: Mapping[tuple[str, ...], str] = {
    ("Name",): "use the step's name",
    ("ActionOnFailure",): "use the step's actionOnFailure",
    ("HadoopJarStep",): "use the step's jar, mainClass, arguments and properties",
}
_SUBMIT_GUARDS: Mapping[tuple[str, ...], str] = {("JobFlowId",): _ITS_OWN, ("Steps",): "steps belong in the playbook"}


def plain(value: object) -> Any:
    """A value made of dict, list and scalars only, as botocore wants it."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(part) for part in value]
    return value


def lay_over_launch(parameters: dict[str, Any], overlay: Mapping[str, object]) -> dict[str, Any]:
    """RunJobFlow parameters with an overlay merged in; its tags join those that are there.

    Maps are merged, lists replaced, and null takes a parameter out. Raises InputError that lists every place of the
    overlay that is the runner's.
    """
    problems = [*_guarded(overlay, _LAUNCH_GUARDS), *_tag_problems(overlay.get("Tags", []))]
    _refuse("RunJobFlow", problems)
    rest = {key: value for key, value in overlay.items() if key != "Tags"}
    merged = _merge(parameters, plain(rest))
    tags = join_tags(_as_tags(parameters.get("Tags", [])), _as_tags(plain(overlay.get("Tags", []))))
    return {**merged, "Tags": tags} if tags else merged


def lay_over_step(parameters: dict[str, Any], overlay: Mapping[str, object]) -> dict[str, Any]:
    """A StepConfig with an overlay merged in; raises InputError for what is the runner's."""
    _refuse(f"the step {parameters.get('Name')!r}", _guarded(overlay, _STEP_GUARDS))
    return _merge(parameters, plain(overlay))


def lay_over_submit(parameters: dict[str, Any], overlay: Mapping[str, object]) -> dict[str, Any]:
    """AddJobFlowSteps parameters with an overlay merged in; raises InputError for what is the runner's."""
    _refuse("AddJobFlowSteps", _guarded(overlay, _SUBMIT_GUARDS))
    return _merge(parameters, plain(overlay))


def join_tags(*layers: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags of several sources as EMR takes them; a later source wins over an earlier one."""
    joined: dict[str, str] = {}
    for layer in layers:
        joined.update(layer)
    return [{"Key": key, "Value": value} for key, value in joined.items()]


def _as_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _guarded(overlay: Mapping[str, object], guards: Mapping[tuple[str, ...], str]) -> list[str]:
    problems = []
    for path, remedy in guards.items():
        inner: object = overlay
        for depth, part in enumerate(path, start=1):
            if not isinstance(inner, Mapping) or part not in inner:
                break
            inner = inner[part]
            place = "/" + "/".join(path[:depth])
            if depth == len(path):
                problems.append(f"{place} can't be set by an overlay: {remedy}")
            elif not isinstance(inner, Mapping):
                problems.append(f"{place} must be an object with what is to be changed in it")
    return problems


def _tag_problems(tags: object) -> list[str]:
    if not isinstance(tags, Sequence) or isinstance(tags, str):
        return ['/Tags must be a list of {"Key": …, "Value": …}']
    problems = []
    for index, tag in enumerate(tags):
        match tag:
            case {"Key": str(key)} if key.startswith(RUNNER_PREFIX):
                problems.append(
                    f"/Tags/{index} can't be set by an overlay: tags starting with {RUNNER_PREFIX!r} are the runner's"
                )
            case {"Key": str(), "Value": str()}:
                pass
            case {"Key": str()} if "Value" not in tag:
                pass
            case _:
                problems.append(f'/Tags/{index} must be {{"Key": …, "Value": …}} with texts in it')
    return problems


def _refuse(what: str, problems: list[str]) -> None:
    if problems:
        raise InputError(f"the overlay of {what} can't be used:\n" + "\n".join(f"  {problem}" for problem in problems))
