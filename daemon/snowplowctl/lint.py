"""Checks files for their authors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from dataflow_runner.kit.redaction import MASK
from dataflow_runner.specs.checking import Loader, check_files
from dataflow_runner.specs.findings import Finding, Severity
from dataflow_runner.specs.load import load_cluster, load_playbook
from dataflow_runner.specs.template import World
from dataflow_runner.specs.variables import variables_of


def lint_files(
    *,
    clusters: Sequence[str],
    playbooks: Sequence[str],
    lists: Sequence[str],
    pairs: Sequence[str],
    skipped: frozenset[str],
) -> tuple[Finding, ...]:
    """Every finding whose rule isn't skipped, file after file; a file of the wrong kind is one too."""
    world = World(
        now=datetime.now(UTC),
        environment=os.environ.__getitem__,
        file=lambda path: Path(path).read_bytes(),
        secret=lambda _name: MASK,
    )
    files: list[tuple[str, Loader]] = [(path, load_cluster) for path in clusters]
    files += [(path, load_playbook) for path in playbooks]
    checked = check_files(files, variables_of(pairs, lists), world, sys.stdin.buffer)
    return tuple(finding for finding in checked.findings if finding.rule not in skipped)


def report(findings: Sequence[Finding], *, style: str, fail_on: str) -> int:
    """Write the findings to stdout; the exit code."""
    if style == "json":
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(str(finding))
    counted = [finding for finding in findings if fail_on == "warning" or finding.severity is Severity.ERROR]
    return 1 if counted else 0
