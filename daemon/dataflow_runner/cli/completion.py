"""The command that prints a shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    Bash, say: eval "$(dataflow-runner completion bash)" in ~/.bashrc.
    """
    from dataflow_runner.cli.main import dataflow_runner

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"No completion for {shell}.")
    click.echo(kind(dataflow_runner, {}, "dataflow-runner", "_DATAFLOW_RUNNER_COMPLETE").source())
