"""Options that several commands take, and the types of their values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from dataflow_runner.kit.durations import parse_duration

F = TypeVar("F", bound=Callable[..., Any])


class DurationType(click.ParamType[timedelta]):
    """A length of time, '15s' or '1h30m'."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it, or fail with what was expected."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = DurationType()


def variable_options(command: F) -> F:
    """--vars and --var."""
    many = click.option("--vars", "lists", multiple=True, metavar="K,V,…", help="Template variables, as pairs.")
    one = click.option("--var", "pairs", multiple=True, metavar="K=V", help="A template variable; may hold commas.")
    return many(one(command))


def patience_options(command: F) -> F:
    """How long things are waited for."""
    poll = click.option(
        "--poll-interval",
        type=DURATION,
        default="15s",
        show_default=True,
        envvar="DATAFLOW_RUNNER_POLL_INTERVAL",
        help="Between two looks at the cluster.",
    )
    logs = click.option(
        "--log-deadline",
        type=DURATION,
        default="7m",
        show_default=True,
        envvar="DATAFLOW_RUNNER_LOG_DEADLINE",
        help="How long the logs of failed steps are waited for.",
    )
    settle = click.option(
        "--create-settle",
        type=DURATION,
        default="15m",
        show_default=True,
        envvar="DATAFLOW_RUNNER_CREATE_SETTLE",
        help="How late a launch whose answer was lost may still show, before it is sent again.",
    )
    return poll(logs(settle(command)))


def lock_options(command: F) -> F:
    """The Go runner's locks."""
    hard = click.option("--lock", "hard_lock", metavar="PATH", help="Lock file, kept when the run fails.")
    soft = click.option("--softLock", "soft_lock", metavar="PATH", help="Lock file, never kept.")
    consul = click.option("--consul", metavar="ADDRESS", help="Keep the lock in Consul, under that key.")
    return hard(soft(consul(command)))


def region_option(command: F) -> F:
    """--region, for commands that need no spec."""
    return click.option(
        "--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region, where no cluster spec names one."
    )(command)
