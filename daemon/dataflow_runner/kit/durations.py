"""Lengths of time as users write them: '90s', '15m', '1h30m', '2d'."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|d|h|m|s)", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)

EXPECTED = "a length of time such as '90s', '15m', '1h30m' or '2d'"


def parse_duration(text: str) -> timedelta:
    """Read a length of time; raises ValueError that says what was expected.

    The notation is Go's (as in its command lines) with 'd' for days added; no sign, since no wait is negative.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not {EXPECTED}")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def format_duration(duration: timedelta) -> str:
    """Write a length of time so that parse_duration reads it back: '1h30m', '0s'."""
    seconds, rest = divmod(round(duration.total_seconds() * 1000), 1000)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    if rest:
        parts.append(f"{rest}ms")
    return "".join(parts) or "0s"
