"""The front door: a file becomes a value that a run can be made of, or all that is wrong with it at once.

A spec of the 1-x generation comes out as the 2-0-0 value that means the same, so nothing behind this door knows of two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from dataflow_runner.errors import SpecError
from dataflow_runner.specs import legacy, registry
from dataflow_runner.specs.build import Spec, build
from dataflow_runner.specs.envelope import Document
from dataflow_runner.specs.findings import Finding, Problem, Severity, errors, in_order, not_below, redact
from dataflow_runner.specs.jsontext import Json
from dataflow_runner.specs.keeping import unexpanded
from dataflow_runner.specs.lint import lint_cluster, lint_playbook, lint_together
from dataflow_runner.specs.lint.common import WITHHELD, WORDS
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig
from dataflow_runner.specs.reading import read_expanded
from dataflow_runner.specs.registry import SchemaKey
from dataflow_runner.specs.shape import shape
from dataflow_runner.specs.source import Source, read_source
from dataflow_runner.specs.template import World
from dataflow_runner.specs.upgrade import old_pointer, upgrade, upgraded

__all__ = [
    "Loaded",
    "Source",
    "check_together",
    "load",
    "load_cluster",
    "load_playbook",
    "read_source",
    "unexpanded",
]

T_co = TypeVar("T_co", bound=Spec, covariant=True)
S = TypeVar("S", bound=Spec)
K = TypeVar("K", ClusterConfig, PlaybookConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[T_co]):
    """A usable spec and what is to be known about it."""

    value: T_co
    key: SchemaKey
    """The schema that the file names; the value is of 2-0-0 whatever it is."""
    findings: tuple[Finding, ...]
    """Warnings; a file with errors isn't loaded."""
    secrets: frozenset[str] = field(repr=False)
    """Texts to keep out of logs and messages: what templates fetched, and a static secret."""
    digest: str
    """SHA-256 of the file's bytes, in hexadecimal."""
    locate: Callable[[Iterable[Problem]], tuple[Finding, ...]] = field(repr=False, compare=False)
    """Puts problems with pointers into the 2-0-0 value at their place in the file."""


def load(source: Source, variables: Mapping[str, str], world: World) -> Loaded[Spec]:
    """Read a cluster spec or a playbook, whichever the file is; raises SpecError with every finding of the file."""
    document = read_expanded(source, variables, world)
    value, findings = _sound(document)
    return _loaded(source, document, value, findings)


def load_cluster(source: Source, variables: Mapping[str, str], world: World) -> Loaded[ClusterConfig]:
    """Read a cluster spec; raises SpecError with every finding of the file."""
    return _load_kind(source, "ClusterConfig", ClusterConfig, read_expanded(source, variables, world))


def load_playbook(source: Source, variables: Mapping[str, str], world: World) -> Loaded[PlaybookConfig]:
    """Read a playbook; raises SpecError with every finding of the file."""
    return _load_kind(source, "PlaybookConfig", PlaybookConfig, read_expanded(source, variables, world))


def check_together(cluster: Loaded[ClusterConfig], playbook: Loaded[PlaybookConfig]) -> tuple[Finding, ...]:
    """What is wrong with running this playbook on a new cluster of this spec: errors and warnings, of either file."""
    pair = lint_together(cluster.value, playbook.value)
    found = cluster.locate(pair.cluster) + playbook.locate(pair.playbook)
    return redact(found, cluster.secrets | playbook.secrets)


def _load_kind(source: Source, name: str, kind: type[K], document: Document) -> Loaded[K]:
    """Load a spec that has to be of one kind."""
    if document.key.name != name:
        message = f"expected a {name}, found a {document.key.name}"
        raise SpecError(document.locate([Problem(pointer="/schema", rule="wrong-schema", message=message)]))
    value, findings = _sound(document)
    if not isinstance(value, kind):
        raise TypeError(f"{document.key} was read as something else")
    return _loaded(source, document, value, findings)


def _sound(document: Document) -> tuple[Spec, tuple[Finding, ...]]:
    """The value and its warnings; raises SpecError when there are errors."""
    value, problems = _check(document)
    found = redact(in_order(document.findings + document.locate(problems)), document.secrets | _static_secret(value))
    if any(finding.severity is Severity.ERROR for finding in found):
        raise SpecError(found)
    return value, found


def _loaded(source: Source, document: Document, value: S, findings: tuple[Finding, ...]) -> Loaded[S]:
    return Loaded(
        value=value,
        key=document.key,
        findings=findings,
        secrets=document.secrets | _static_secret(value),
        digest=hashlib.sha256(source.content).hexdigest(),
        locate=lambda later: document.locate(_in_file(document.key, later)),
    )


def _check(document: Document) -> tuple[Spec, tuple[Problem, ...]]:
    """The value, mended where it was broken so that every rule could look at it, and all problems."""
    if document.key.model == 1:
        key, tree, found = _modernised(document)
    else:
        key, tree, found = document.key, document.data, ()
    shaped = shape(registry.schema(key), tree)
    found += _in_file(document.key, shaped.problems)
    value = build(key, shaped.tree)
    linted = lint_cluster(value) if isinstance(value, ClusterConfig) else lint_playbook(value)
    return value, found + not_below(_in_file(document.key, linted), errors(found))


def _modernised(document: Document) -> tuple[SchemaKey, Json, tuple[Problem, ...]]:
    """A 1-x spec as a 2-0-0 tree, with what its own generation finds wrong."""
    schema = registry.schema(legacy.latest(document.key))
    read, ignored = legacy.as_go_reads(schema, document.data)
    shaped = shape(schema, read)
    found = not_below(legacy.problems(document.key, shaped.tree), shaped.problems)
    return upgraded(document.key), upgrade(document.key, shaped.tree), (*ignored, *shaped.problems, *found)


def _in_file(key: SchemaKey, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems of a 2-0-0 tree with the pointers that the file has."""
    if key.model > 1:
        return tuple(problems)
    return tuple(replace(problem, pointer=old_pointer(problem.pointer)) for problem in problems)


def _static_secret(value: Spec) -> frozenset[str]:
    credentials = value.fabric.credentials if isinstance(value, ClusterConfig) else value.credentials
    secret = credentials.secret_access_key.reveal() if credentials else ""
    return frozenset({secret} - {"", WITHHELD, *WORDS})
