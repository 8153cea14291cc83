"""What RunJobFlow calls a release, and what EMR can do there."""

from __future__ import annotations

from dataflow_runner.specs.release import Release, parse_release, release_label


def release_parameters(release: str) -> dict[str, str]:
    """The RunJobFlow parameter that asks for a release: AmiVersion below 4, ReleaseLabel from there on."""
    parsed = parse_release(release)
    if parsed is not None and parsed.is_ami and not release.startswith("emr-"):
        return {"AmiVersion": release}
    return {"ReleaseLabel": release_label(release)}


def supports_auto_termination(release: str) -> bool:
    """Whether EMR can end an idle cluster by itself: from 5.30 and 6.1. False where the name holds no version."""
    parsed = parse_release(release)
    return parsed is not None and parsed.has_auto_termination


def supports_step_cancel(release: str) -> bool:
    """Whether CancelSteps stops a step that runs: from 5.28. False where the name holds no version."""
    parsed = parse_release(release)
    return parsed is not None and parsed >= Release(5, 28)
