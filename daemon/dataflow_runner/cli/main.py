"""The program's entry: which commands there are, and what their errors exit with.

Commands are imported when they are called: ``--help`` must not wait for the AWS library.
"""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches

import click

from dataflow_runner import __version__
from dataflow_runner.cli.output import ExitCode, say
from dataflow_runner.errors import ClusterNotUsable, Held, InputError, JournalBroken, Refused, RunnerError
from dataflow_runner.kit.streams import ensure_streams

_COMMANDS = {
    "up": ("run", "Make a cluster and leave it running."),
    "run": ("run", "Run a playbook on a cluster that is there, or on one made for it."),
    "run-transient": ("run", "Make a cluster, run a playbook on it, end the cluster."),
    "halt": ("halt", "End a cluster."),
    "down": ("halt", "End a cluster (the same as halt)."),
    "runs": ("runs", "List, show, watch, cancel and resume runs, and fetch their logs."),
    "lock": ("lock", "Show who holds a lock, and free it."),
    "reap": ("reap", "List clusters that a run left behind, and end them with --yes."),
    "validate": ("specs", "Check cluster specs and playbooks."),
    "render": ("specs", "Show a spec with its templates expanded."),
    "convert": ("specs", "Turn a spec from JSON to Avro and back."),
    "completion": ("completion", "Print the completion script of a shell."),
}
"""Each command's module in this package, and its line of help."""

_HINTS = {"list": "runs list", "show": "runs show", "watch": "runs watch", "logs": "runs logs"}
_HINTS |= {"cancel": "runs cancel", "resume": "runs resume", "terminate": "halt", "status": "runs show"}

_EXIT_CODES: tuple[tuple[type[RunnerError], ExitCode], ...] = (
    (InputError, ExitCode.USAGE),
    (Held, ExitCode.LOCK_HELD),
    (ClusterNotUsable, ExitCode.CLUSTER_NOT_USABLE),
    (JournalBroken, ExitCode.USAGE),
    (Refused, ExitCode.FAILED),
    (RunnerError, ExitCode.FAILED),
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are needed, and which helps with names it doesn't know."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"dataflow_runner.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name, or say which may be meant."""
        name = args[0]
        if name in _COMMANDS:
            return super().resolve_command(ctx, args)
        near = _HINTS.get(name) or next(iter(get_close_matches(name, _COMMANDS)), None)
        hint = f" Did you mean '{near}'?" if near else " See 'dataflow-runner --help'."
        raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dataflow-runner")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error", "fatal", "panic"]),
    default="info",
    show_default=True,
    envvar="DATAFLOW_RUNNER_LOG_LEVEL",
    help="Least important lines that are shown.",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "console"]),
    envvar="DATAFLOW_RUNNER_LOG_FORMAT",
    help="Progress as log lines; without this, a live table on a terminal and JSON lines elsewhere.",
)
@click.option(
    "--journal",
    metavar="URL",
    envvar="DATAFLOW_RUNNER_JOURNAL",
    help="Where runs are remembered: sqlite:PATH.  [default: a file in the user's state folder]",
)
@click.pass_context
def dataflow_runner(ctx: click.Context, log_level: str, log_format: str | None, journal: str | None) -> None:
    """Run playbooks of steps on dataflow fabrics, AWS EMR first.

    Results go to stdout as JSON, progress to stderr. Exit codes: 0 success or nothing to do, 1 failed,
    2 usage or configuration, 3 no data, 4 a place is not empty, 17 lock held, 18 cluster not usable,
    20 outcome unknown, 21 time limit, 22 cancelled, 130 and 143 left by a signal.
    """
    from dataflow_runner.cli.context import Context

    ctx.obj = Context(log_level=log_level, log_format=log_format, journal_url=journal)


def main() -> None:
    """Run the program; every error that a user can cause is one message and an exit code."""
    ensure_streams()
    try:
        code = dataflow_runner.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = ExitCode.USAGE
    except click.ClickException as error:
        error.show()
        code = ExitCode.FAILED
    except RunnerError as error:
        say(f"Error: {error}")
        code = next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted.")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = ExitCode.FAILED  # whoever read our stdout has gone
        sys.stderr.close()
    sys.exit(code if isinstance(code, int) else ExitCode.SUCCESS)
