"""A spec as its templates leave it, for its author to read."""

from __future__ import annotations

from collections.abc import Mapping

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.findings import finding_at
from dataflow_runner.specs.jsontext import dump, quote
from dataflow_runner.specs.reading import read_expanded
from dataflow_runner.specs.source import Source, text_of
from dataflow_runner.specs.template import TemplateError, World, expand


def rendered(source: Source, variables: Mapping[str, str], world: World) -> str:
    """The text of a JSON file with its templates expanded, valid or not; an Avro file as JSON. Raises SpecError."""
    if source.is_avro:
        document = read_expanded(source, variables, world)
        return dump({"schema": str(document.key), "data": document.data}, string=quote) + "\n"
    try:
        return expand(text_of(source), variables, world).text
    except TemplateError as error:
        place = (error.line, error.column)
        raise SpecError([finding_at(source.name, "", place, "template", error.message)]) from None
