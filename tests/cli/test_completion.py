"""Completion, as a shell asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.program import Program, bare_environment

pytestmark = pytest.mark.integration


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(folder=tmp_path, environment=bare_environment(tmp_path))


def complete(program: Program, words: str, at: int) -> list[str]:
    """What bash is offered for the word at a place."""
    asked = program.run(_DATAFLOW_RUNNER_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(at))
    return asked.out.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_the_program(program: Program, shell: str) -> None:
    printed = program.run("completion", shell)
    assert (printed.code, f"_DATAFLOW_RUNNER_COMPLETE={shell}_complete" in printed.out) == (0, True)


def test_the_program_completes_commands_and_options(program: Program) -> None:
    commands = complete(program, "dataflow-runner run", 1)
    assert commands == ["plain,run", "plain,run-transient", "plain,runs"]
    assert "plain,--cluster-id" in complete(program, "dataflow-runner run --cluster-", 2)
