"""The tags that say whose a cluster is, who ended it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

PREFIX = "dataflow-runner:"
JOURNAL = f"{PREFIX}journal"
RUN = f"{PREFIX}run"
ATTEMPT = f"{PREFIX}attempt"
PURPOSE = f"{PREFIX}purpose"
OWNER = f"{PREFIX}owner"
ENDED_BY = f"{PREFIX}ended-by"
ENDED_BECAUSE = f"{PREFIX}ended-because"
KEPT_UNTIL = f"{PREFIX}kept-until"

TRANSIENT = "transient"
"""Purpose of a cluster that ends with its run."""
UP = "up"
"""Purpose of a cluster that was made to stay."""
KEPT = "kept"
"""Purpose of a cluster kept after a failure, for somebody to look at."""

_VALUE_LIMIT = 256
"""EMR's limit for a tag's value, in characters."""


def tag_value(text: str) -> str:
    """Text as a tag can hold it: EC2 allows letters, digits, spaces and ``_.:/=+-@``, 256 of them at most."""
    safe = "".join(char if char.isalnum() or char in " _.:/=+-@" else "_" for char in " ".join(text.split()))
    return safe[:_VALUE_LIMIT]


def launch_tags(*, journal: str, run_id: str, attempt: int, purpose: str, owner: str) -> Mapping[str, str]:
    """The tags that a cluster is born with."""
    return {
        JOURNAL: journal,
        RUN: tag_value(run_id),
        ATTEMPT: str(attempt),
        PURPOSE: purpose,
        OWNER: tag_value(owner),
    }


def ending_tags(*, by: str, because: str) -> Mapping[str, str]:
    """The tags that a cluster dies with."""
    return {ENDED_BY: tag_value(by), ENDED_BECAUSE: tag_value(because)}


def keeping_tags(*, until: datetime, because: str) -> Mapping[str, str]:
    """The tags of a cluster that is kept after a failure."""
    return {PURPOSE: KEPT, KEPT_UNTIL: f"{until:%Y-%m-%dT%H:%M:%SZ}", ENDED_BECAUSE: tag_value(because)}
