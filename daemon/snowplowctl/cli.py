"""The program's entry."""

from __future__ import annotations

import sys
from typing import Any

import click

from dataflow_runner import __version__
from dataflow_runner.errors import RunnerError
from dataflow_runner.kit.streams import ensure_streams


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="snowplowctl")
def snowplowctl() -> None:
    """The tool that knows Snowplow, for the runner that doesn't."""


@snowplowctl.command("lint")
@click.option("--cluster", "clusters", multiple=True, metavar="FILE", help="A cluster spec; may be repeated.")
@click.option("--playbook", "playbooks", multiple=True, metavar="FILE", help="A playbook; may be repeated.")
@click.option("--vars", "lists", multiple=True, metavar="K,V,…", help="Template variables, as pairs.")
@click.option("--var", "pairs", multiple=True, metavar="K=V", help="A template variable; may hold commas.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--skip", "skipped", multiple=True, metavar="RULE", help="Leave the findings of a rule out.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="warning",
    show_default=True,
    help="Least severe finding that makes the exit code 1.",
)
def lint(**options: Any) -> int:
    """Check cluster specs and playbooks.

    Exits with 0 when they are clean, 1 when there are findings, 2 when it could not run. A cluster spec and a
    playbook given together are also checked together.
    """
    from snowplowctl.lint import lint_files, report

    if not (options["clusters"] or options["playbooks"]):
        raise click.UsageError("Name something to check, with --cluster or --playbook.")
    findings = lint_files(
        clusters=options["clusters"],
        playbooks=options["playbooks"],
        lists=options["lists"],
        pairs=options["pairs"],
        skipped=frozenset(options["skipped"]),
    )
    return report(findings, style=options["style"], fail_on=options["fail_on"])


def main() -> None:
    """Run the program; every error that a user can cause is one message and exit code 2."""
    ensure_streams()
    try:
        code = snowplowctl.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except RunnerError as error:
        click.echo(f"Error: {error}", err=True)
        code = 2
    except (KeyboardInterrupt, click.Abort):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
