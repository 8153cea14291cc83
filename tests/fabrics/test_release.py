"""Releases in EMR's terms."""

from __future__ import annotations

import pytest

from dataflow_runner.fabrics.emr.release import release_parameters, supports_auto_termination, supports_step_cancel


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("3.11.0", {"AmiVersion": "3.11.0"}),
        ("4.5.0", {"ReleaseLabel": "emr-4.5.0"}),
        ("7.1.0", {"ReleaseLabel": "emr-7.1.0"}),
        ("emr-6.15.0", {"ReleaseLabel": "emr-6.15.0"}),
        ("10.0.0", {"ReleaseLabel": "emr-10.0.0"}),
        ("emr-spark-8.0-preview", {"ReleaseLabel": "emr-spark-8.0-preview"}),
    ],
)
def test_a_release_is_sent_as_emr_names_it(written: str, sent: dict[str, str]) -> None:
    assert release_parameters(written) == sent


@pytest.mark.parametrize(
    ("release", "has_it"),
    [("5.29.0", False), ("5.30.0", True), ("6.0.0", False), ("emr-6.1.0", True), ("10.0.0", True), ("odd", False)],
)
def test_auto_termination_is_known_from_5_30_and_6_1(release: str, has_it: bool) -> None:
    assert supports_auto_termination(release) is has_it


@pytest.mark.parametrize(("release", "has_it"), [("5.27.1", False), ("5.28.0", True), ("emr-6.0.0", True)])
def test_running_steps_can_be_cancelled_from_5_28(release: str, has_it: bool) -> None:
    assert supports_step_cancel(release) is has_it
