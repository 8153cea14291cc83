"""Progress: a live table on a terminal, log lines elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess

import pytest
from tests.cli.desk import Desk
from tests.cli.program import PROGRAM

pytestmark = pytest.mark.integration


def _on_a_terminal(desk: Desk, *arguments: str) -> tuple[int, bytes, str]:
    """Run a command whose stderr is a terminal; its exit code, stdout and what the terminal got."""
    ours, theirs = pty.openpty()
    shown = b""
    environment = desk.program.environment | {"TERM": "xterm", "COLUMNS": "200", "LINES": "40"}
    with subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while data := os.read(ours, 65536):
                shown += data
        out, _ = process.communicate()
    os.close(ours)
    return process.returncode, out, shown.decode()


def test_a_terminal_shows_a_table_of_the_steps_and_their_states(desk: Desk) -> None:
    code, out, shown = _on_a_terminal(desk, *desk.transient("first one", "second one"))
    assert (code, desk.only_cluster["id"].encode() in out) == (0, True)
    for step in desk.only_cluster["steps"]:
        assert step["name"] in shown
        assert step["id"] in shown
    for text in ("step", "elapsed", "COMPLETED", desk.only_cluster["id"], "SUCCEEDED"):
        assert text in shown
    assert '"event"' not in shown


def test_a_steps_name_on_a_terminal_is_text_and_no_markup(desk: Desk) -> None:
    code, _, shown = _on_a_terminal(desk, *desk.transient("[bold]x[/]"))
    assert (code, "[bold]x[/]" in shown) == (0, True)


def test_log_lines_are_json_each_with_its_run_and_cluster_even_on_a_terminal(desk: Desk) -> None:
    command = ("--log-format", "json", *desk.transient("one", "failing"))
    _, _, shown = _on_a_terminal(desk, *command)
    lines = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
    assert {line["run_id"] for line in lines} == {desk.run_id}
    assert {line.get("cluster_id") for line in lines} == {None, desk.only_cluster["id"]}
    assert [line["level"] for line in lines if line["event"].startswith("verdict")] == ["error"]
    assert {"timestamp", "phase"} <= set(lines[0])
    assert "elapsed" not in shown


def test_console_lines_and_levels_are_there_for_people(desk: Desk) -> None:
    ended = desk.run("--log-level", "error", *desk.transient("failing"), "--log-format", "console")
    assert ended.lines == []
    assert "verdict FAILED" in ended.err
    assert "is STARTING" not in ended.err
