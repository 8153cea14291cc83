"""What a command leaves behind: results on stdout, talk on stderr, and an exit code that tells cases apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

import click

from dataflow_runner.kit.text import printable_lines


class ExitCode(IntEnum):
    """The exit codes of dataflow-runner; a precondition may name others."""

    SUCCESS = 0
    """Done, or there was nothing to do."""
    FAILED = 1
    """The run failed."""
    USAGE = 2
    """The command line or a configuration is wrong; nothing was called."""
    NO_DATA = 3
    """A precondition found no data."""
    NOT_EMPTY = 4
    """A precondition found a place in use: another run seems to be going on."""
    LOCK_HELD = 17
    """Somebody else holds the lock, or drives the run."""
    CLUSTER_NOT_USABLE = 18
    """The named cluster can't take steps, or no single cluster answers to the name."""
    UNKNOWN = 20
    """Nobody can say whether the run succeeded."""
    TIMED_OUT = 21
    """A time limit was over."""
    CANCELLED = 22
    """The run was cancelled."""
    INTERRUPTED = 130
    """Left by Ctrl-C; the run can be resumed."""
    TERMINATED = 143
    """Left by SIGTERM; the run can be resumed."""


def print_result(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write a result to stdout as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows to stdout in aligned columns."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    for row in (headings, *rows):
        print_text("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_text(text: str) -> None:
    """Write text for people to stdout."""
    click.echo(printable_lines(text))


def say(text: str) -> None:
    """Write talk to stderr."""
    click.echo(printable_lines(text), err=True)
