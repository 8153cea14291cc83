"""What every page owes its reader: links and paths that exist, and examples that work."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, PAGES, ROOT, Block, anchors, blocks, links, spans, text_of

from dataflow_runner.specs.load import Source, load
from dataflow_runner.specs.template import World
from emr_emulator.documents import parse_document
from emr_emulator.faults import parse_faults
from emr_emulator.scenario import Scenario, parse_scenario
from emr_emulator.values import AS_ON_AWS

_OURS = re.compile(r"(?:bin|daemon|docs|schemas|tests|\.ci)/[\w./-]*")
_VARIABLES = {"bucket": "demo", "region": "eu-central-1", "subnet": "subnet-1"}


def _nothing_outside(name: str) -> str:
    raise LookupError(name)


def _no_files(path: str) -> bytes:
    raise FileNotFoundError(path)


_WORLD = World(
    now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    environment=_nothing_outside,
    file=_no_files,
    secret=_nothing_outside,
)


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _blocks(language: str) -> list[tuple[str, Block]]:
    return [
        (f"{_name(page)} {number}", block)
        for page in PAGES
        for number, block in enumerate(blocks(text_of(page)))
        if block.info == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links to outside hosts count as broken: there are none."""
    for target in links(text_of(page)):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(text_of(there)), f"{_name(there)} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_path_in_backticks_exists(page: Path) -> None:
    found = [word for span in spans(text_of(page)) for word in span.split() if _OURS.fullmatch(word)]
    missing = [path for path in found if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_page_says_what_it_is(page: Path) -> None:
    """A title, and a paragraph before the first section; a record of a decision has its three parts instead."""
    text = text_of(page)
    assert text.startswith("# ")
    if page.parent == DOCS / "adr":
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]
    else:
        opening = text.split("\n## ")[0].partition("\n")[2].strip()
        assert len(opening.split()) > 10


def test_code_blocks_are_of_kinds_that_are_checked() -> None:
    kinds = {block.info for page in PAGES for block in blocks(text_of(page))}
    assert kinds <= {"json", "yaml faults", "yaml scenario", "python"}


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in _blocks("json")])
def test_json_examples_are_specs_without_a_finding(block: Block) -> None:
    source = Source("example.json", block.body.encode())
    assert not load(source, _VARIABLES, _WORLD).findings


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in _blocks("yaml faults")])
def test_examples_of_faults_load(block: Block) -> None:
    assert parse_faults(parse_document(block.body, "example"))


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in _blocks("yaml scenario")])
def test_examples_of_scenarios_load(block: Block) -> None:
    scenario = parse_scenario(parse_document(block.body, "example"), Scenario.usual(AS_ON_AWS))
    assert scenario.steps


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in _blocks("python")])
def test_python_examples_compile(block: Block) -> None:
    compile(block.body, "example", "exec")


def test_results_that_are_shown_whole_are_json() -> None:
    """A line of an indented example that begins and ends as an object, with nothing cut out of it, is one."""
    shown = [line.strip() for page in PAGES for line in text_of(page).splitlines() if line.startswith("    {")]
    whole = [line for line in shown if line.endswith("}") and "…" not in line and not line.startswith("{{")]
    assert len(whole) > 10
    for line in whole:
        json.loads(line)
