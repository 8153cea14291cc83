"""The commands about spec files: validate, render, convert."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from dataflow_runner.cli.context import common_options
from dataflow_runner.cli.options import variable_options
from dataflow_runner.cli.output import ExitCode, print_result, say
from dataflow_runner.errors import InputError
from dataflow_runner.specs.variables import variables_of


@click.command("validate")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--online", is_flag=True, help="Also ask AWS whether buckets, roles, key, subnets and jars exist.")
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON, one object a line.")
@variable_options
@common_options
def validate(files: tuple[str, ...], *, online: bool, as_json: bool, **options: Any) -> int:
    """Check cluster specs and playbooks; a cluster spec and a playbook given together are also checked together.

    Every finding is one line on stdout. Exits with 2 when there is an error among them.
    """
    from dataflow_runner.cli import checking

    variables = variables_of(options["pairs"], options["lists"])
    findings = asyncio.run(checking.check(files, variables, online=online))
    for finding in findings:
        if as_json:
            print_result(checking.as_dict(finding))
        else:
            click.echo(str(finding))
    errors = sum(finding.severity == "error" for finding in findings)
    say(f"{len(files)} checked: {errors} errors, {len(findings) - errors} warnings")
    return ExitCode.USAGE if errors else ExitCode.SUCCESS


@click.command("render")
@click.argument("file")
@click.option("--show-secrets", is_flag=True, help="Fetch secrets and write them out, instead of masking them.")
@variable_options
@common_options
def render(file: str, *, show_secrets: bool, **options: Any) -> None:
    """Write a spec with its templates expanded to stdout."""
    from dataflow_runner.cli import checking

    variables = variables_of(options["pairs"], options["lists"])
    click.echo(asyncio.run(checking.render(file, variables, show_secrets=show_secrets)), nl=False)


@click.command("convert")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--upgrade", is_flag=True, help="Write the 2-0-0 form of a 1-x spec.")
@click.option("--to", "encoding", type=click.Choice(["json", "avro"]), help="Form of OUT.  [default: by its ending]")
@common_options
def convert(source: str, target: str, encoding: str | None, *, upgrade: bool) -> None:
    """Turn a spec from JSON to Avro or back, without loss; templates stay in it as they are.

    OUT ends in .avro or .json, or is '-' for stdout (with --to).
    """
    from dataflow_runner.specs.convert import Encoding
    from dataflow_runner.specs.convert import convert as convert_spec
    from dataflow_runner.specs.load import read_source

    form = encoding or Path(target).suffix.removeprefix(".")
    if form not in {"json", "avro"}:
        raise InputError(f"is {target!r} to be JSON or Avro? End it with .json or .avro, or give --to")
    content = convert_spec(read_source(source, stdin=sys.stdin.buffer), Encoding(form), upgrade=upgrade)
    write_whole(target, content)


def write_whole(target: str, content: bytes) -> None:
    """Write a file as a whole or not at all: a reader never sees half of it."""
    if target == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        with click.open_file(target, "wb", atomic=True) as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{target} can't be written: {error.strerror}; choose another place") from error
