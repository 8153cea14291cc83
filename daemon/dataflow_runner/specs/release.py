"""EMR releases: which of EMR's features a cluster of a release has."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = re.compile(r"(?:emr-)?([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """A release as numbers. Below 4 it is an AMI version, EMR's older way to say what runs on the machines."""

    major: int
    minor: int
    patch: int = 0

    @property
    def is_ami(self) -> bool:
        """RunJobFlow takes it as AmiVersion ('3.11.0'), later ones as ReleaseLabel ('emr-7.1.0')."""
        return self.major < 4

    @property
    def has_step_concurrency(self) -> bool:
        """Since 5.28."""
        return self >= Release(5, 28)

    @property
    def has_auto_termination(self) -> bool:
        """Since 5.30, and since 6.1."""
        return self >= Release(5, 30) and (self.major, self.minor) != (6, 0)

    @property
    def has_managed_scaling(self) -> bool:
        """Since 5.30, and since 6.1."""
        return self.has_auto_termination

    @property
    def has_fleets(self) -> bool:
        """Since 4.8, except 5.0.0 and 5.0.3."""
        return self >= Release(4, 8) and self not in (Release(5, 0, 0), Release(5, 0, 3))

    @property
    def has_custom_ami(self) -> bool:
        """Since 5.7."""
        return self >= Release(5, 7)

    @property
    def has_security_configuration(self) -> bool:
        """Since 4.8."""
        return self >= Release(4, 8)

    @property
    def has_os_release_label(self) -> bool:
        """Since 5.36, and since 6.6."""
        return self >= Release(6, 6) or Release(5, 36) <= self < Release(6, 0)


def parse_release(label: str) -> Release | None:
    """Read 'emr-7.1.0', '7.1.0' or '3.11.0'; None for what has another form, which only EMR can judge then."""
    match = _LABEL.fullmatch(label)
    return Release(*(int(number or 0) for number in match.groups())) if match else None


def release_label(label: str) -> str:
    """The label as RunJobFlow wants it, with 'emr-' before it; an AMI version as it is."""
    release = parse_release(label)
    if label.startswith("emr-") or (release is not None and release.is_ami):
        return label
    return f"emr-{label}"
