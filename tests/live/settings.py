"""What the live tests need to know about the account they run in: all of it from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

SWITCH = "DATAFLOW_RUNNER_LIVE"
PREFIX = f"{SWITCH}_"
NEEDED = ("REGION", "SUBNET", "BUCKET", "SERVICE_ROLE", "JOBFLOW_ROLE", "RELEASE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where clusters are made, and as what."""

    region: str
    subnet: str
    bucket: str
    """A bucket of that region; everything is put below `dataflow-runner-live/`."""
    service_role: str
    jobflow_role: str
    release: str
    """A release label with auto-termination and step concurrency: emr-5.30.0, emr-6.1.0 or later."""
    instance_type: str
    old_release: str
    """A release label without auto-termination that the account may still launch."""
    endpoint: str | None = field(default=None)
    """AWS_ENDPOINT_URL: an emulator instead of AWS."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read them; raises KeyError for one that is missing."""
        needed: dict[str, Any] = {name.lower(): environment[PREFIX + name] for name in NEEDED}
        return cls(
            **needed,
            instance_type=environment.get(f"{PREFIX}INSTANCE_TYPE") or "m5.xlarge",
            old_release=environment.get(f"{PREFIX}OLD_RELEASE") or "emr-5.29.0",
            endpoint=environment.get("AWS_ENDPOINT_URL") or None,
        )

    @property
    def poll(self) -> float:
        """Seconds between two looks at AWS, whose quotas are the whole account's."""
        return 15.0 if self.endpoint is None else 0.1

    @property
    def patience(self) -> float:
        """Seconds after which a cluster's or a step's next state counts as never coming."""
        return 2400.0 if self.endpoint is None else 60.0


def is_on(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody asked for the live tests."""
    return environment.get(SWITCH) == "1"


def missing(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Names of the variables that are needed and not set."""
    return [PREFIX + name for name in NEEDED if not environment.get(PREFIX + name)]
