"""The journals there are, by the scheme of their name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dataflow_runner.errors import InputError
from dataflow_runner.jobs.journal import Journal

EXPECTED = "'sqlite:PATH' (a file on this host) or 'memory:' (gone when the command ends)"


def open_journal(url: str) -> Journal:
    """The journal that a user named, as it is given to --journal; InputError when the name is of no known kind.

    Nothing is opened or made before the journal is first used.
    """
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "sqlite" and rest:
        from dataflow_runner.stores.sqlite import SqliteJournal

        return SqliteJournal.open(Path(rest))
    if url == "memory:":
        from dataflow_runner.stores.memory import MemoryJournal

        return MemoryJournal()
    if colon and scheme == "dynamodb":
        raise InputError(f"the journal {url!r} is not here yet: DynamoDB comes with the daemon; name {EXPECTED}")
    raise InputError(f"{url!r} names no journal; name {EXPECTED}")


def default_journal(environment: Mapping[str, str] = os.environ) -> str:
    """The journal of a user who names none: a file in the state folder of the XDG base directories."""
    state = Path(environment.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # the XDG specification has relative paths ignored
        home = Path(environment.get("HOME", ""))
        if not home.is_absolute():
            raise InputError("there is no HOME to keep the journal in; name one with --journal sqlite:PATH")
        state = home / ".local" / "state"
    return f"sqlite:{state / 'dataflow-runner' / 'journal.db'}"
