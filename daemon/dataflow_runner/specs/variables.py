"""Template variables as a command line gives them."""

from __future__ import annotations

from collections.abc import Sequence

from dataflow_runner.errors import InputError


def variables_of(pairs: Sequence[str], lists: Sequence[str]) -> dict[str, str]:
    """The template variables of --var k=v and --vars k,v,k,v; a later one replaces an earlier of the same name."""
    variables: dict[str, str] = {}
    for text in lists:
        parts = text.split(",")
        if len(parts) % 2:
            raise InputError(
                f"--vars takes pairs 'name,value,name,value', and {text!r} has {len(parts)} parts; "
                "a value that holds a comma is given with --var name=value"
            )
        variables.update(zip(parts[::2], parts[1::2], strict=True))
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--var takes name=value, not {pair!r}")
        variables[name] = value
    return variables
