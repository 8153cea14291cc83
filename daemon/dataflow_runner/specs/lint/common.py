"""Rules that cluster specs and playbooks share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from dataflow_runner.kit.durations import format_duration
from dataflow_runner.specs.findings import Problem, Severity, join, quoted
from dataflow_runner.specs.model import Credentials, Tag

WITHHELD = "(withheld)"
"""Stands in a stored spec where a static secret was."""

WORDS = ("default", "env", "iam")
"""What credentials are when they aren't a static pair."""

MAX_TAGS = 40
"""EMR takes 50; the runner keeps ten for its own."""
IDLE = (timedelta(minutes=1), timedelta(days=7))
"""EMR's range of an auto-termination's idle time."""
MAX_NAME = 256

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+", re.ASCII)
_RESERVED = ("aws:", "dataflow-runner:")


def error(pointer: str, rule: str, message: str, *, at_key: bool = False) -> Problem:
    """A problem that forbids using the spec."""
    return Problem(pointer=pointer, rule=rule, message=message, at_key=at_key)


def warning(pointer: str, rule: str, message: str) -> Problem:
    """A problem that a user should know of."""
    return Problem(pointer=pointer, rule=rule, message=message, severity=Severity.WARNING)


def name(pointer: str, value: str, *, what: str) -> Iterator[Problem]:
    """A name that must say something, and that EMR's console takes."""
    yield from filled(pointer, value, what=what)
    if len(value) > MAX_NAME:
        yield error(pointer, "too-long", f"{what} has {len(value)} characters; at most {MAX_NAME} fit")


def filled(pointer: str, value: str | None, *, what: str) -> Iterator[Problem]:
    """Text that must not be blank; EMR refuses empty strings, so an optional key is left out instead."""
    if value is not None and not value.strip():
        yield error(pointer, "empty", f"{what} is empty; give it, or leave the key out where it is optional")


def region(pointer: str, value: str | None) -> Iterator[Problem]:
    """An AWS region's name."""
    if value is None:
        return
    if value != "".join(value.split()):
        yield error(pointer, "region", f"the region {quoted(value)} has blanks in it")
    elif not _REGION.fullmatch(value):
        yield error(pointer, "region", f"expected a region such as 'eu-central-1', found {quoted(value)}")


def credentials(pointer: str, value: Credentials | None) -> Iterator[Problem]:
    """One word in both fields, or a static pair."""
    if value is None:
        return
    key, secret = value.access_key_id, value.secret_access_key.reveal()
    if not key or not secret:
        yield error(pointer, "credentials", "credentials are empty: write 'default', 'env' or 'iam' in both fields")
    elif secret == WITHHELD:
        yield error(pointer, "credentials", "the static secret of this spec was not stored; start from the file again")
    elif key in WORDS or secret in WORDS:
        if key != secret:
            word = key if key in WORDS else secret
            yield error(pointer, "credentials", f"'{word}' stands in one field only: write the same word in both")
    else:
        message = "static credentials in a file are easily lost; 'default', 'env' and 'iam' need none"
        yield warning(pointer, "static-credentials", message)


def role_arn(pointer: str, value: str | None) -> Iterator[Problem]:
    """The ARN of a role to assume."""
    if value is not None and not _ROLE.fullmatch(value):
        yield error(pointer, "role-arn", "expected a role's ARN such as 'arn:aws:iam::123456789012:role/name'")


def tags(pointer: str, values: Sequence[Tag]) -> Iterator[Problem]:
    """EC2's limits on tags, and the prefixes that are others'."""
    if len(values) > MAX_TAGS:
        message = f"{len(values)} tags; EMR takes 50, of which the runner needs some: at most {MAX_TAGS} here"
        yield error(pointer, "tags", message)
    seen: set[str] = set()
    for at, tag in enumerate(values):
        below = f"{pointer}/{at}/key"
        yield from filled(below, tag.key, what="the tag's key")
        if tag.key.lower().startswith(_RESERVED):
            yield error(below, "tags", f"keys that start with {' or '.join(map(repr, _RESERVED))} are reserved")
        if tag.key in seen:
            yield error(below, "tags", f"a second tag has the key {quoted(tag.key)}")
        if len(tag.key) > 128 or len(tag.value) > 256:
            yield error(below, "tags", "a tag's key has at most 128 characters, and its value 256")
        seen.add(tag.key)


def at_least(pointer: str, value: float | None, least: int, *, what: str) -> Iterator[Problem]:
    """A count that must not be below a bound."""
    if value is not None and value < least:
        yield error(pointer, "out-of-range", f"{what} must be {least} or more, not {value}")


def positive(pointer: str, value: timedelta | None, *, what: str) -> Iterator[Problem]:
    """A length of time that must not be nothing."""
    if value is not None and value <= timedelta(0):
        yield error(pointer, "out-of-range", f"{what} must be longer than 0s")


def idle_time(pointer: str, value: timedelta | None, *, what: str) -> Iterator[Problem]:
    """An idle time that EMR's auto-termination takes: whole seconds, from a minute to a week."""
    if value is None:
        return
    if not IDLE[0] <= value <= IDLE[1]:
        least, most = map(format_duration, IDLE)
        yield error(pointer, "out-of-range", f"{what} is {format_duration(value)}; EMR takes {least} to {most}")
    elif value.microseconds:
        yield error(pointer, "out-of-range", f"{what} must be whole seconds")


def overlay(pointer: str, value: Mapping[str, object], ours: Mapping[str, str]) -> Iterator[Problem]:
    """Raw parameters may not touch what is the runner's; ``ours`` says what to use instead."""
    for key in value:
        if key in ours:
            message = f"an overlay can't set {key}: {ours[key]}"
            yield error(join(pointer, key), "overlay", message, at_key=True)
