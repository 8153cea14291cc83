"""Specs as they are kept: their templates left in, and without static secrets."""

from __future__ import annotations

import json
import re

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.actions import JSON_STRING, Masked, has_action, mask, quote_around
from dataflow_runner.specs.envelope import APART
from dataflow_runner.specs.findings import finding_at
from dataflow_runner.specs.jsontext import Json, Unparseable, dump, quote
from dataflow_runner.specs.lint.common import WITHHELD, WORDS
from dataflow_runner.specs.reading import read_raw
from dataflow_runner.specs.source import Source, text_of
from dataflow_runner.specs.template import TemplateError, spans

_SECRET_KEY = "secretaccesskey"  # noqa: S105 - the name of a key, in the case that all cases fold to
_MEMBER = re.compile(rf"(?P<key>{JSON_STRING})\s*(?::\s*(?P<value>{JSON_STRING}))?", re.DOTALL)


def unexpanded(source: Source) -> str:
    """The spec as JSON text with its templates left in, for keeping: read again, it means what the file means.

    A static secret is never kept: a marker stands for it, and loading a text with the marker is refused. Raises
    SpecError for what is no text or no readable Avro file.
    """
    if source.is_avro:
        raw = read_raw(source)
        envelope: dict[str, Json] = {"schema": str(raw.key), "expand": APART, "data": _without_secrets(raw.data)}
        return dump(envelope, string=quote_around) + "\n"
    text = text_of(source)
    try:
        return _withhold(text, mask(text))
    except TemplateError as error:
        raise SpecError([finding_at(source.name, "", (error.line, error.column), "template", error.message)]) from None
    except Unparseable as error:
        raise SpecError([finding_at(source.name, "", (None, None), "syntax", str(error))]) from None


def _withhold(text: str, masked: Masked) -> str:
    """The text without its literal secrets. It may be no JSON before its expansion, so only its strings are read."""
    parts, at = [], 0
    for match in _MEMBER.finditer(masked.text):
        if match["value"] is None or _decoded(match["key"]).casefold() != _SECRET_KEY:
            continue
        start, end = match.span("value")
        if _is_literal(_decoded(text[start:end]) or text[start + 1 : end - 1]):
            parts += [text[at:start], quote(WITHHELD)]
            at = end
    return "".join([*parts, text[at:]])


def _decoded(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return ""


def _without_secrets(value: Json) -> Json:
    match value:
        case dict():
            return {
                key: WITHHELD
                if key.casefold() == _SECRET_KEY and isinstance(item, str) and _is_literal(item)
                else _without_secrets(item)
                for key, item in value.items()
            }
        case list():
            return [_without_secrets(item) for item in value]
    return value


def _is_literal(secret: str) -> bool:
    """Whether the text holds a secret itself: not one of the words, and not only actions that fetch one."""
    if not has_action(secret):
        return secret not in ("", *WORDS)
    rest, at = [], 0
    for start, end in spans(secret):
        rest.append(secret[at:start])
        at = end
    return bool("".join([*rest, secret[at:]]).strip())
