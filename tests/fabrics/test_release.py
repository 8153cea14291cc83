"""Releases in EMR's terms."""

from __future__ import annotations

import pytest

from dataflow_runner.fabrics.emr.request import release_parameters


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
