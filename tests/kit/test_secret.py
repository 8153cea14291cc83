from __future__ import annotations

import copy
import json
import pickle

import msgspec
import pytest

from dataflow_runner.kit.redaction import Redactor
from dataflow_runner.kit.secret import Secret

SECRET = Secret("hunter2-hunter2")


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>30}".format, lambda s: f"{[s]}"])
def test_a_secret_never_prints(show: object) -> None:
    assert callable(show)
    assert "hunter2" not in show(SECRET)


def test_a_secret_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)
    with pytest.raises(TypeError):
        json.dumps(SECRET)
    with pytest.raises(TypeError):
        msgspec.json.encode(SECRET)
    with pytest.raises(TypeError):
        copy.copy(SECRET)


def test_a_secret_is_revealed_only_on_purpose_and_compared_by_its_text() -> None:
    assert SECRET.reveal() == "hunter2-hunter2"
    assert Secret("hunter2-hunter2") == SECRET
    assert hash(Secret("hunter2-hunter2")) == hash(SECRET)
    assert Secret("other") != SECRET


def test_a_redactor_masks_the_longest_secret_first_and_leaves_short_texts_alone() -> None:
    redactor = Redactor()
    redactor.learn(["pass", "pass-and-word", "a"])
    assert redactor.redact("a pass-and-word, a pass") == "a ****, a ****"
