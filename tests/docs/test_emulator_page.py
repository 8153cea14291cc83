"""docs/emulator.md against the emulator."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import first_words, page, rows, section, spans

from emr_emulator import control, testing
from emr_emulator.api import HANDLERS
from emr_emulator.faults import _KEYS, FaultKind
from emr_emulator.hadoop_fs import _COMMANDS

PAGE = page("emulator.md")


def test_every_fault_is_told() -> None:
    assert first_words(section(PAGE, "Faults")) == [kind.value for kind in FaultKind]


def test_the_keys_of_every_fault_are_those_that_it_takes() -> None:
    for fault, _, keys in rows(section(PAGE, "Faults")):
        assert re.findall(r"`(\w+)`", keys) == list(_KEYS[FaultKind(fault.strip("`"))])


def test_every_emulated_action_is_told() -> None:
    actions = {word for word in spans(section(PAGE, "What is emulated of EMR")) if word.isalpha()}
    assert actions - {"NotEmulatedException"} == set(HANDLERS)


def test_every_request_of_the_control_api_is_told() -> None:
    code = Path(control.__file__).read_text(encoding="utf-8")
    routes = re.findall(r'\("(GET|PUT|DELETE|POST)", "(\w+)"\): self', code)
    assert first_words(section(PAGE, "Control API")) == [f"{method} {control.PREFIX}{name}" for method, name in routes]


def test_every_method_of_the_test_helper_is_told() -> None:
    public = {name for name in dir(testing.EmulatorProcess) if not name.startswith("_")}
    told = section(PAGE, "In your own tests")
    assert {name for name in public if name not in told} == set()


def test_every_command_of_hadoop_is_told() -> None:
    assert set(_COMMANDS) <= set(spans(section(PAGE, "Real steps")))
