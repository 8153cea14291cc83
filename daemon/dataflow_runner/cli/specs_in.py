"""Specs on their way in: read, expanded, checked, and kept for whoever goes on with the run."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from dataflow_runner.errors import InputError, SpecError
from dataflow_runner.jobs.record import SpecText
from dataflow_runner.kit.redaction import MASK
from dataflow_runner.specs.findings import Finding, Severity
from dataflow_runner.specs.load import (
    Loaded,
    Source,
    check_together,
    load_cluster,
    load_playbook,
    read_source,
    unexpanded,
)
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig
from dataflow_runner.specs.template import TemplateError, World, parse, references

SpecT = TypeVar("SpecT", ClusterConfig, PlaybookConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """The specs of a run, ready for use."""

    cluster: Loaded[ClusterConfig] | None
    playbook: Loaded[PlaybookConfig] | None
    findings: tuple[Finding, ...]
    """Warnings of both."""

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be seen of both."""
        return frozenset().union(*(loaded.secrets for loaded in (self.cluster, self.playbook) if loaded))

    @property
    def cluster_config(self) -> ClusterConfig | None:
        """The cluster spec."""
        return self.cluster.value if self.cluster else None

    @property
    def playbook_config(self) -> PlaybookConfig | None:
        """The playbook."""
        return self.playbook.value if self.playbook else None


def read_specs(cluster: str | None, playbook: str | None) -> tuple[Source | None, Source | None]:
    """The files that were named; '-' is stdin, for one of them. SpecError names each that can't be read."""
    if cluster == playbook == "-":
        raise InputError("only one of the two specs can come from stdin")
    stdin = sys.stdin.buffer
    findings: list[Finding] = []
    sources = [_read(path, stdin, findings) for path in (cluster, playbook)]
    if findings:
        raise SpecError(findings)
    return sources[0], sources[1]


def _read(path: str | None, stdin: BinaryIO, findings: list[Finding]) -> Source | None:
    if path is None:
        return None
    try:
        return read_source(path, stdin=stdin)
    except SpecError as error:
        findings += error.findings
        return None


class Masked(dict[str, str]):
    """Secrets for a reader who only wants to see the rest."""

    def __missing__(self, _name: str) -> str:
        return MASK


async def expand_specs(
    cluster: Source | None, playbook: Source | None, variables: Mapping[str, str], instant: datetime
) -> Expanded:
    """Expand and check both files; SpecError with every finding of both.

    What is wrong with them without their secrets is told before AWS is asked for those.
    """
    expanded = _expand(cluster, playbook, variables, world_of(instant, Masked()))
    secrets = await read_secrets([cluster, playbook])
    return _expand(cluster, playbook, variables, world_of(instant, secrets)) if secrets else expanded


def _expand(cluster: Source | None, playbook: Source | None, variables: Mapping[str, str], world: World) -> Expanded:
    findings: list[Finding] = []
    loaded_cluster = _collect(load_cluster, cluster, variables, world, findings)
    loaded_playbook = _collect(load_playbook, playbook, variables, world, findings)
    if loaded_cluster and loaded_playbook:
        findings += check_together(loaded_cluster, loaded_playbook)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise SpecError(findings)
    return Expanded(cluster=loaded_cluster, playbook=loaded_playbook, findings=tuple(findings))


def _collect(
    load: Callable[[Source, Mapping[str, str], World], Loaded[SpecT]],
    source: Source | None,
    variables: Mapping[str, str],
    world: World,
    findings: list[Finding],
) -> Loaded[SpecT] | None:
    """Load a file, and keep its findings whether it can be used or not."""
    if source is None:
        return None
    try:
        loaded = load(source, variables, world)
    except SpecError as error:
        findings += error.findings
        return None
    findings += loaded.findings
    return loaded


def spec_text(source: Source, loaded: Loaded[Any], salt: str) -> SpecText:
    """A spec as the journal keeps it."""
    return SpecText(name=source.name, text=unexpanded(source), digest=salted_digest(loaded, salt))


def salted_digest(loaded: Loaded[Any], salt: str) -> str:
    """A digest of what a spec says once it is expanded; secrets don't enter into it."""
    return hashlib.sha256(f"{salt}{loaded.value!r}".encode()).hexdigest()


def world_of(instant: datetime, secrets: Mapping[str, str]) -> World:
    """What templates may see on the command line: this user's environment and files, and the secrets that were read."""
    return World(now=instant, environment=os.environ.__getitem__, file=_file, secret=secrets.__getitem__)


def _file(path: str) -> bytes:
    return Path(path).expanduser().read_bytes()


async def read_secrets(sources: Sequence[Source | None]) -> dict[str, str]:
    """The secrets that templates name, from AWS Secrets Manager by the SDK's own credentials and region."""
    names = {name for source in sources if source for name in secret_names(source)}
    if not names:
        return {}
    from dataflow_runner.fabrics.emr.secrets import SecretsManagerSecrets
    from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise InputError("templates that name a secret need AWS_REGION: where Secrets Manager is asked")
    store = SecretsManagerSecrets(AwsSession(AwsIdentity(region=region)))
    try:
        return {name: (await store.read_secret(name)).reveal() for name in sorted(names)}
    finally:
        await store.close()


def secret_names(source: Source) -> frozenset[str]:
    """The secrets that a file's templates name; nothing for a file that can't be read, which loading will tell."""
    try:
        text = unexpanded(source)
        calls = references(parse(text)).calls
    except (SpecError, TemplateError):
        return frozenset()
    return frozenset(call.argument for call in calls if call.function == "secret" and call.argument)
