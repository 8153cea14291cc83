"""What an EMR release can do, from its label (``emr-6.15.0``) or its AMI version (``3.11.0``)."""

import re

AUTO_TERMINATION = "auto-termination"
STEP_CONCURRENCY = "step concurrency"
CANCEL_RUNNING = "cancelling a running step"

_LABEL = re.compile(r"emr-(\d+)\.(\d+)\.(\d+)(?:-[\w.-]+)?")
_AMI = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?|latest")

Version = tuple[int, int, int]


def parse_release(label: str) -> Version | None:
    """Return the version of a release label or an AMI version, or None when it is neither."""
    match = _LABEL.fullmatch(label) or _AMI.fullmatch(label)
    if match is None:
        return None
    major, minor, patch = (int(part or 0) for part in match.groups())
    return (major, minor, patch)


def can(label: str, feature: str) -> bool:
    """Tell whether a release has a feature; a cluster without a release is the oldest AMI and has none."""
    version = parse_release(label)
    if version is None:
        return False
    if feature == AUTO_TERMINATION:
        # 5.30.0 and 6.1.0 onwards; 6.0.0 came out before 5.30.0 and lacks it.
        return version >= (6, 1, 0) or (5, 30, 0) <= version < (6, 0, 0)
    return version >= (5, 28, 0)
