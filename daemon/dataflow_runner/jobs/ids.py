"""Names of things, each of a type of its own so that one is never passed for another."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import NewType

RunId = NewType("RunId", str)
"""A run's name in its journal: unique there, chosen by the submitter or made by new_run_id."""

ClusterId = NewType("ClusterId", str)
"""A cluster's name on its fabric: 'j-…' on EMR."""

StepId = NewType("StepId", str)
"""A step's name on its fabric: 's-…' on EMR."""

InstanceId = NewType("InstanceId", str)
"""One process that drives runs, from its start to its end; never used again."""


def new_run_id(now: datetime) -> RunId:
    """A run id that sorts by time and reads well: '20260102-030405-1f9c2a'."""
    return RunId(f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}")
