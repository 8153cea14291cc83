"""Checks and renders spec files for their authors, and asks AWS about what they name."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from dataflow_runner.cli.specs_in import Masked, read_secrets, world_of
from dataflow_runner.kit.clock import SystemClock
from dataflow_runner.specs.checking import Checked, check_files
from dataflow_runner.specs.findings import Finding, Problem, Severity
from dataflow_runner.specs.load import Loaded, load, read_source
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig
from dataflow_runner.specs.rendering import rendered

_Pair = tuple[Loaded[ClusterConfig] | None, Loaded[PlaybookConfig] | None]


async def check(files: Sequence[str], variables: Mapping[str, str], *, online: bool) -> tuple[Finding, ...]:
    """Every finding of every file, and of a cluster spec and a playbook together; online also what AWS says."""
    checked = check_files(
        [(path, load) for path in files], variables, world_of(SystemClock().now(), Masked()), sys.stdin.buffer
    )
    if not online or checked.has_errors:
        return checked.findings
    answers = [finding for pair in _pairs(checked) for finding in await _ask_aws(*pair)]
    return (*checked.findings, *answers)


def _pairs(checked: Checked) -> list[_Pair]:
    """What is asked about in one go: a cluster spec with its playbook, else each file by itself."""
    if checked.is_pair:
        return [(checked.clusters[0], checked.playbooks[0])]
    alone: list[_Pair] = [(cluster, None) for cluster in checked.clusters]
    return alone + [(None, playbook) for playbook in checked.playbooks]


async def _ask_aws(cluster: Loaded[ClusterConfig] | None, playbook: Loaded[PlaybookConfig] | None) -> list[Finding]:
    """What AWS says of the specs; a cluster spec's pointers begin with its fabric, a playbook's never do."""
    from dataflow_runner.fabrics.emr.online import Certainty, check_online

    answers = await check_online(cluster.value if cluster else None, playbook.value if playbook else None)
    problems = [
        Problem(
            pointer=answer.pointer,
            rule="online",
            message=answer.message,
            severity=Severity.ERROR if answer.certainty is Certainty.MISSING else Severity.WARNING,
        )
        for answer in answers
    ]
    of_cluster = [problem for problem in problems if problem.pointer.startswith("/data/fabric")]
    of_playbook = [problem for problem in problems if problem not in of_cluster]
    return [
        *(cluster.locate(of_cluster) if cluster else ()),
        *(playbook.locate(of_playbook) if playbook else ()),
    ]


async def render(file: str, variables: Mapping[str, str], *, show_secrets: bool) -> str:
    """A spec's text with its templates expanded."""
    source = read_source(file, stdin=sys.stdin.buffer)
    secrets = await read_secrets([source]) if show_secrets else Masked()
    return rendered(source, variables, world_of(SystemClock().now(), secrets))


def as_dict(finding: Finding) -> dict[str, object]:
    """A finding for machines."""
    return asdict(finding)
