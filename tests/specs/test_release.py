import pytest

from dataflow_runner.specs.release import Release, parse_release, release_label


@pytest.mark.parametrize(
    ("label", "sent", "is_ami"),
    [
        ("3.11.0", "3.11.0", True),
        ("2.4", "2.4", True),
        ("4.5.0", "emr-4.5.0", False),
        ("emr-5.9.0", "emr-5.9.0", False),
        ("10.0.0", "emr-10.0.0", False),
        ("emr-12.1.0", "emr-12.1.0", False),
    ],
)
def test_versions_below_4_are_ami_versions(label: str, sent: str, is_ami: bool) -> None:
    release = parse_release(label)
    assert release is not None
    assert (release_label(label), release.is_ami) == (sent, is_ami)


def test_what_has_another_form_is_emrs_to_judge() -> None:
    assert parse_release("emr-next") is None
    assert release_label("emr-next") == "emr-next"


@pytest.mark.parametrize(
    ("feature", "without", "having"),
    [
        ("has_step_concurrency", ["5.27.1", "4.9.0"], ["5.28.0", "6.0.0", "10.0.0"]),
        ("has_auto_termination", ["5.29.0", "6.0.0", "6.0.1"], ["5.30.0", "6.1.0", "7.1.0"]),
        ("has_managed_scaling", ["5.29.0", "6.0.0"], ["5.30.1", "6.1.0"]),
        ("has_fleets", ["4.7.2", "5.0.0", "5.0.3"], ["4.8.0", "5.1.0", "7.0.0"]),
        ("has_custom_ami", ["5.6.0"], ["5.7.0"]),
        ("has_security_configuration", ["4.7.0"], ["4.8.0"]),
        ("has_os_release_label", ["5.35.0", "6.5.0", "6.0.0"], ["5.36.0", "6.6.0", "7.0.0"]),
    ],
)
def test_features_come_with_releases(feature: str, without: list[str], having: list[str]) -> None:
    assert [getattr(parse_release(label), feature) for label in without] == [False] * len(without)
    assert [getattr(parse_release(label), feature) for label in having] == [True] * len(having)


def test_releases_are_ordered_as_numbers() -> None:
    assert Release(5, 9) < Release(5, 28) < Release(10, 0)
