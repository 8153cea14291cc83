"""Text from elsewhere, made fit to be shown: it must not repaint a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text on one line, with control characters spelled out."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printable_lines(text: str) -> str:
    """The text with its line breaks and tabs, and other control characters spelled out."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
