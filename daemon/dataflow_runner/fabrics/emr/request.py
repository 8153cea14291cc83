"""Specs as the parameters of EMR's two creating calls. Pure: no connection, no clock.

What the spec leaves unset is left out, since EMR refuses some empty values and has defaults of its own. The final
request, overlay included, is checked against botocore's model of the API before anything is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import LaunchRequest, StepRequest
from dataflow_runner.fabrics.emr import api_model
from dataflow_runner.fabrics.emr.machines import instances, managed_scaling, without_unset
from dataflow_runner.fabrics.emr.overlay import join_tags, lay_over_launch, lay_over_step, lay_over_submit
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.specs.model import BootstrapAction, ClusterConfig, Configuration
from dataflow_runner.specs.release import parse_release, release_label

Parameters = dict[str, Any]


def run_job_flow(request: LaunchRequest) -> Parameters:
    """RunJobFlow's parameters for a launch; raises InputError that lists everything EMR's API has no place for."""
    config, emr = request.config, request.config.fabric
    parameters = {
        **_cluster(config),
        "Instances": instances(emr, keep_alive=request.keep_alive),
        "Steps": [step_config(step) for step in request.steps],
        "Tags": join_tags({tag.key: tag.value for tag in config.tags}),
    }
    if request.auto_termination is not None:
        parameters["AutoTerminationPolicy"] = auto_termination_policy(request.auto_termination.total_seconds())
    laid_over = lay_over_launch(without_unset(parameters), emr.overlay)
    overlay_tags = {tag["Key"]: tag["Value"] for tag in laid_over.get("Tags", [])}
    final = without_unset({**laid_over, "Tags": join_tags(overlay_tags, request.tags)})
    _check("RunJobFlow", final)
    return final


def add_job_flow_steps(
    cluster_id: ClusterId, steps: Sequence[StepRequest], overlay: Mapping[str, object]
) -> Parameters:
    """AddJobFlowSteps' parameters; raises InputError as run_job_flow does."""
    parameters = {"JobFlowId": cluster_id, "Steps": [step_config(step) for step in steps]}
    final = lay_over_submit(parameters, overlay)
    _check("AddJobFlowSteps", final)
    return final


def step_config(step: StepRequest) -> Parameters:
    """A step as EMR's StepConfig, its overlay merged in."""
    jar = without_unset(
        {
            "Jar": step.jar,
            "MainClass": step.main_class,
            "Args": list(step.arguments),
            "Properties": [{"Key": key, "Value": value} for key, value in step.properties.items()],
        }
    )
    parameters = {"Name": step.name, "ActionOnFailure": step.action_on_failure.value, "HadoopJarStep": jar}
    return lay_over_step(parameters, step.overlay)


def auto_termination_policy(idle_seconds: float) -> Parameters:
    """The AutoTerminationPolicy parameter; EMR counts in whole seconds."""
    return {"IdleTimeout": math.ceil(idle_seconds)}


def release_parameters(release: str) -> dict[str, str]:
    """The parameter that asks for a release: AmiVersion below 4, ReleaseLabel from there on."""
    parsed = parse_release(release)
    if parsed is not None and parsed.is_ami and not release.startswith("emr-"):
        return {"AmiVersion": release}
    return {"ReleaseLabel": release_label(release)}


def _cluster(config: ClusterConfig) -> Parameters:
    emr = config.fabric
    return {
        "Name": config.name,
        **release_parameters(emr.release_label),
        "LogUri": emr.log_uri,
        "CustomAmiId": emr.custom_ami_id,
        "OSReleaseLabel": emr.os_release_label,
        "JobFlowRole": emr.roles.jobflow,
        "ServiceRole": emr.roles.service,
        "AutoScalingRole": emr.roles.auto_scaling,
        "SecurityConfiguration": emr.security_configuration,
        "Applications": [{"Name": name} for name in emr.applications],
        "BootstrapActions": [_bootstrap_action(action) for action in emr.bootstrap_actions],
        "Configurations": [_configuration(configuration) for configuration in emr.configurations],
        "ManagedScalingPolicy": managed_scaling(emr.managed_scaling) if emr.managed_scaling else None,
        # Releases that run one step at a time don't know the parameter, and 1 is its default.
        "StepConcurrencyLevel": emr.step_concurrency if emr.step_concurrency > 1 else None,
        "VisibleToAllUsers": True,
    }


def _bootstrap_action(action: BootstrapAction) -> Parameters:
    script = without_unset({"Path": action.path, "Args": list(action.args)})
    return {"Name": action.name, "ScriptBootstrapAction": script}


def _configuration(configuration: Configuration) -> Parameters:
    return without_unset(
        {
            "Classification": configuration.classification,
            "Properties": dict(configuration.properties),
            "Configurations": [_configuration(inner) for inner in configuration.configurations],
        }
    )


def _check(operation: str, parameters: Parameters) -> None:
    problems = api_model.problems_of("emr", operation, parameters)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise InputError(f"EMR's {operation} can't be called like this; mend the spec or its overlay:\n{lines}")
