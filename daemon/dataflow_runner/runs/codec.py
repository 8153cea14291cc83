"""A run's state as the journal holds it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from dataflow_runner.errors import JournalBroken
from dataflow_runner.runs.state import Pace, State

_DECODER = msgspec.json.Decoder(State)


def encode_state(state: State) -> bytes:
    """JSON of a state, without its pace: whoever takes the run over looks at once."""
    return msgspec.json.encode(replace(state, pace=Pace()))


def decode_state(data: bytes) -> State:
    """A state from its JSON; JournalBroken when a later release wrote what this one doesn't know."""
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise JournalBroken(
            f"a run's state can't be read ({error}); a later release of this program wrote it: go on with that one"
        ) from error
