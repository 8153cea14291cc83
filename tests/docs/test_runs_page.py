"""docs/runs.md against the machine, its policy and its patience."""

from __future__ import annotations

from tests.docs.pages import first_words, page, rows, section

from dataflow_runner.kit.durations import format_duration
from dataflow_runner.runs import tags
from dataflow_runner.runs.plan import Patience
from dataflow_runner.runs.policy import ACTIONS, EXIT_CODES, VERDICTS
from dataflow_runner.runs.state import EXIT_CODES as VERDICT_CODES
from dataflow_runner.runs.state import FailureKind, Phase, Verdict

PAGE = page("runs.md")


def test_every_phase_is_told_in_its_order() -> None:
    assert first_words(section(PAGE, "Phases")) == [phase.value for phase in Phase]


def test_every_verdict_is_told_with_its_exit_code() -> None:
    table = {row[0].strip("`"): row[2] for row in rows(section(PAGE, "Verdicts and exit codes"))}
    assert set(table) == {verdict.value for verdict in Verdict}
    assert all(table[verdict].startswith(str(code)) for verdict, code in VERDICT_CODES.items())


def test_the_policy_table_is_the_policy() -> None:
    found = {FailureKind(row[0].strip("`")): row for row in rows(section(PAGE, "What is tried again, and why"))}
    assert set(found) == set(FailureKind)
    for kind, (_, action, condition, verdict, code) in found.items():
        assert action == f"`{ACTIONS[kind]}`"
        assert verdict == f"`{VERDICTS[kind]}`"
        assert bool(condition) is (ACTIONS[kind] != "END")
        if kind is not FailureKind.PRECONDITION_UNMET:  # its precondition says
            assert int(code) == EXIT_CODES.get(kind, VERDICT_CODES[VERDICTS[kind]])


def test_the_waits_that_users_may_set_are_told_with_their_defaults() -> None:
    patience = Patience()
    for option, wait in (
        ("--poll-interval", patience.poll),
        ("--log-deadline", patience.log_deadline),
        ("--create-settle", patience.create_settle),
    ):
        assert f"`{option}` ({format_duration(wait)})" in section(PAGE, "Time limits")


def test_every_tag_is_told() -> None:
    names = {value for name, value in vars(tags).items() if name.isupper() and str(value).startswith(tags.PREFIX)}
    assert set(first_words(section(PAGE, "Tags"))) == names - {tags.PREFIX}
