"""The documentation as data: sections, tables, code blocks, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = (*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block: what its fence says ("json", "yaml faults"), and its text."""

    info: str
    body: str


@cache
def text_of(page: Path) -> str:
    """A page's text."""
    return page.read_text(encoding="utf-8")


def page(name: str) -> str:
    """The text of a page under docs/."""
    return text_of(DOCS / name)


def prose(text: str) -> str:
    """A text without its code blocks, in which '#' is no heading."""
    return _FENCE.sub("", text)


def blocks(text: str) -> Iterator[Block]:
    """The code blocks of a text."""
    for match in _FENCE.finditer(text):
        yield Block(match["info"].strip(), match["body"])


def links(text: str) -> list[str]:
    """The targets of a text's links."""
    return _LINK.findall(prose(text))


def spans(text: str) -> list[str]:
    """What stands in backticks in running text."""
    return _SPAN.findall(prose(text))


def anchors(text: str) -> set[str]:
    """The names by which a page's headings are linked to."""
    titles = (title for _, title in _HEADING.findall(prose(text)))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def section(text: str, title: str) -> str:
    """What stands under a heading (backticks in it don't matter), down to the next of its level or above."""
    blotted = _FENCE.sub(lambda match: " " * len(match[0]), text)
    headings = list(_HEADING.finditer(blotted))
    for at, heading in enumerate(headings):
        if heading[2].replace("`", "") == title:
            level = len(heading[1])
            ends = (later.start() for later in headings[at + 1 :] if len(later[1]) <= level)
            return text[heading.end() : next(ends, len(text))]
    raise AssertionError(f"there is no heading {title!r}")


def rows(text: str) -> list[tuple[str, ...]]:
    """The rows of a text's tables, cells stripped, headings left out."""
    found: list[tuple[str, ...]] = []
    for line in prose(text).splitlines():
        if not line.startswith("|"):
            continue
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if set("".join(cells)) <= {"-", ":"}:
            found.pop()
        else:
            found.append(cells)
    return found


def first_words(text: str) -> list[str]:
    """What the first column of a text's tables names in backticks."""
    return [word for row in rows(text) for word in _SPAN.findall(row[0])]
