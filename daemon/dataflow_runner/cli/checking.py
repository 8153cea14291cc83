"""Checks and renders spec files for their authors."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import cast

from dataflow_runner.cli.specs_in import read_secrets, world_of
from dataflow_runner.errors import SpecError
from dataflow_runner.kit.clock import SystemClock
from dataflow_runner.kit.redaction import MASK
from dataflow_runner.specs.findings import Finding, Problem, Severity
from dataflow_runner.specs.load import Loaded, Source, check_together, load, read_source
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig
from dataflow_runner.specs.rendering import rendered as rendered_text


class _Masked(dict[str, str]):
    """Secrets for a reader who only wants to see the rest."""

    def __missing__(self, _name: str) -> str:
        return MASK


async def check(files: Sequence[str], variables: Mapping[str, str], *, online: bool) -> tuple[Finding, ...]:
    """Every finding of every file, and of a cluster spec and a playbook together; online also what AWS says."""
    findings: list[Finding] = []
    clusters: list[Loaded[ClusterConfig]] = []
    playbooks: list[Loaded[PlaybookConfig]] = []
    world = world_of(SystemClock().now(), _Masked())
    for path in files:
        try:
            loaded = load(_source(path), variables, world)
        except SpecError as error:
            findings += error.findings
            continue
        findings += loaded.findings
        match loaded.value:
            case ClusterConfig():
                clusters.append(cast("Loaded[ClusterConfig]", loaded))
            case PlaybookConfig():
                playbooks.append(cast("Loaded[PlaybookConfig]", loaded))
    is_pair = len(clusters) == len(playbooks) == 1
    if is_pair:
        findings += check_together(clusters[0], playbooks[0])
    if online and not any(finding.severity is Severity.ERROR for finding in findings):
        pairs = [(clusters[0], playbooks[0])] if is_pair else _apart(clusters, playbooks)
        for cluster, playbook in pairs:
            findings += await _check_online(cluster, playbook)
    return tuple(findings)


_Pair = tuple[Loaded[ClusterConfig] | None, Loaded[PlaybookConfig] | None]


def _apart(clusters: Sequence[Loaded[ClusterConfig]], playbooks: Sequence[Loaded[PlaybookConfig]]) -> list[_Pair]:
    return [*((cluster, None) for cluster in clusters), *((None, playbook) for playbook in playbooks)]


async def _check_online(
    cluster: Loaded[ClusterConfig] | None, playbook: Loaded[PlaybookConfig] | None
) -> list[Finding]:
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


async def rendered(file: str, variables: Mapping[str, str], *, show_secrets: bool) -> str:
    """A spec's text with its templates expanded."""
    source = _source(file)
    secrets = await read_secrets([source]) if show_secrets else _Masked()
    return rendered_text(source, variables, world_of(SystemClock().now(), secrets))


def _source(path: str) -> Source:
    return read_source(path, stdin=sys.stdin.buffer)


def as_dict(finding: Finding) -> dict[str, object]:
    """A finding for machines."""
    return asdict(finding)
