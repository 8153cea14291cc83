"""Checks files for their authors: every finding of each, and of a cluster spec and a playbook together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.findings import Finding, Severity
from dataflow_runner.specs.load import Loaded, Source, check_together, read_source
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig
from dataflow_runner.specs.template import World

Loader = Callable[[Source, Mapping[str, str], World], Loaded[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What checking files came to."""

    findings: tuple[Finding, ...]
    """Errors and warnings, file after file."""
    clusters: tuple[Loaded[ClusterConfig], ...]
    """The cluster specs without errors."""
    playbooks: tuple[Loaded[PlaybookConfig], ...]
    """The playbooks without errors."""

    @property
    def has_errors(self) -> bool:
        """Whether one of the files can't be used."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def is_pair(self) -> bool:
        """Whether they are one cluster spec and one playbook, which are meant for each other then."""
        return len(self.clusters) == len(self.playbooks) == 1


def check_files(
    files: Iterable[tuple[str, Loader]], variables: Mapping[str, str], world: World, stdin: BinaryIO
) -> Checked:
    """Read and check files, '-' from stdin, each with load, load_cluster or load_playbook by what it has to be.

    A file that can't be read is a finding like any other.
    """
    findings: list[Finding] = []
    clusters: list[Loaded[ClusterConfig]] = []
    playbooks: list[Loaded[PlaybookConfig]] = []
    for path, load_file in files:
        try:
            loaded = load_file(read_source(path, stdin=stdin), variables, world)
        except SpecError as error:
            findings += error.findings
            continue
        findings += loaded.findings
        match loaded.value:
            case ClusterConfig():
                clusters.append(loaded)
            case PlaybookConfig():
                playbooks.append(loaded)
    if len(clusters) == len(playbooks) == 1:
        findings += check_together(clusters[0], playbooks[0])
    return Checked(findings=tuple(findings), clusters=tuple(clusters), playbooks=tuple(playbooks))
