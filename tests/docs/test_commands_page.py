"""docs/command-line.md, and the options in docs/emulator.md, against the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from tests.docs.pages import page, rows, section, spans

from dataflow_runner.cli.main import dataflow_runner
from dataflow_runner.cli.output import ExitCode
from emr_emulator.cli import main as emr_emulator
from snowplowctl.cli import snowplowctl

PAGE = page("command-line.md")
SHARED = section(PAGE, "Options of many commands")


def _commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from _commands(found, f"{path} {name}".strip())


COMMANDS = dict(_commands(dataflow_runner)) | dict(_commands(snowplowctl, "snowplowctl"))
ALIASES = {"down": "halt"}
OURS = [path for path in COMMANDS if path not in ALIASES and not path.startswith("snowplowctl")]


def _long(command: click.Command) -> set[str]:
    options = (option for option in command.params if isinstance(option, click.Option) and not option.hidden)
    return {name for option in options for name in option.opts if name.startswith("--")}


def _shared() -> dict[str, set[str]]:
    """The commands that take each shared option, by the page's table."""
    taken: dict[str, set[str]] = {}
    for options, commands in rows(SHARED):
        names = taken["--journal"] if commands.startswith("the same as") else set(commands.split(", "))
        taken |= dict.fromkeys(re.findall(r"--\w[\w-]*", options), names)
    return taken


def _mentioned(text: str) -> set[str]:
    return {word for span in spans(text) for word in re.findall(r"(?<![\w-])--\w[\w-]*", span)}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_long_option_stands_in_the_page(path: str) -> None:
    text = section(PAGE, ALIASES.get(path, path))
    shared = {option for option, commands in _shared().items() if ALIASES.get(path, path) in commands}
    assert _long(COMMANDS[path]) <= _mentioned(text) | shared


@pytest.mark.parametrize("option", _shared())
def test_the_table_of_shared_options_names_the_commands_that_take_them(option: str) -> None:
    assert _shared()[option] == {path for path in OURS if option in _long(COMMANDS[path])}


def test_options_of_the_program_stand_in_the_page() -> None:
    assert _long(dataflow_runner) <= _mentioned(section(PAGE, "Options of the program"))


def test_no_option_is_described_that_is_not_there() -> None:
    known = set().union(_long(dataflow_runner), *map(_long, COMMANDS.values())) | {"--help"}
    assert _mentioned(PAGE) <= known


def test_every_environment_variable_of_an_option_stands_in_the_page() -> None:
    told = set(spans(section(PAGE, "Environment variables")))
    for command in (dataflow_runner, *COMMANDS.values()):
        for option in command.params:
            names = option.envvar or ()
            assert {names} if isinstance(names, str) else set(names) <= told


def test_every_exit_code_stands_in_the_page() -> None:
    assert [int(code) for code, _ in rows(section(PAGE, "Exit codes"))] == sorted(ExitCode)


def test_the_emulators_options_stand_in_its_page() -> None:
    told = _mentioned(section(page("emulator.md"), "Running it"))
    assert _long(emr_emulator) <= told
    assert told <= _long(emr_emulator)
