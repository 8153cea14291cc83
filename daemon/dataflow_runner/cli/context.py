"""What every command shares: how it talks, and where its journal is."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dataflow_runner.kit.redaction import Redactor

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from dataflow_runner.jobs.journal import Journal


F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True, kw_only=True)
class Context:
    """The choices that hold for every command, wherever on the command line they stand."""

    log_level: str = "info"
    log_format: str | None = None
    journal_url: str | None = None
    redactor: Redactor = field(default_factory=Redactor)

    @property
    def has_terminal(self) -> bool:
        """Whether progress is shown as a live table."""
        return self.log_format is None and sys.stderr.isatty()

    @property
    def line_format(self) -> str:
        """The form of log lines: 'json' or 'console'."""
        return self.log_format or ("console" if sys.stderr.isatty() else "json")

    def logger(self) -> FilteringBoundLogger:
        """The logger to stderr."""
        from dataflow_runner.kit.logs import make_logger

        return make_logger(self.line_format, self.log_level, self.redactor)

    def resume_command(self, run_id: str) -> str:
        """What to type to go on with a run of this journal."""
        journal = f" --journal {shlex.quote(self.journal_url)}" if self.journal_url else ""
        return f"dataflow-runner runs resume {shlex.quote(run_id)}{journal}"

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        """The journal that was chosen, closed at the end."""
        from dataflow_runner.stores.catalog import default_journal, open_journal

        journal = open_journal(self.journal_url or default_journal())
        try:
            yield journal
        finally:
            await journal.close()


def whoami() -> str:
    """Who acts, for locks, tags and requests: 'user@host, process 123'."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id need not have a name
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def _keep(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def keep(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            setattr(ctx.ensure_object(Context), name, value)

    return keep


def common_options(command: F) -> F:
    """The options that every command takes, besides the program itself."""
    journal = click.option(
        "--journal", metavar="URL", expose_value=False, callback=_keep("journal_url"), help="Where runs are remembered."
    )
    style = click.option(
        "--log-format",
        type=click.Choice(["json", "console"]),
        expose_value=False,
        callback=_keep("log_format"),
        help="Progress as log lines of this form.",
    )
    return journal(style(command))


pass_context = click.make_pass_decorator(Context, ensure=True)
