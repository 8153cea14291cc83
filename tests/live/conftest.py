"""Switches the live tests on and off, and hands them their account.

Off unless DATAFLOW_RUNNER_LIVE=1; with it, every test whose settings are missing is skipped and says which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.live.settings import SWITCH, Settings, is_on, missing
from tests.live.workshop import Observe, Workshop, open_workshop

_OBSERVED = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the live tests out unless somebody asked for them, and knows where they are to run."""
    live = [item for item in items if item.get_closest_marker("live")]
    if not is_on():
        items[:] = [item for item in items if item not in live]
        if live:
            config.hook.pytest_deselected(items=live)
        return
    reason = ""
    if names := missing():
        reason = f"{SWITCH}=1 is set, but not {', '.join(names)}"
    elif os.environ.get("PYTEST_XDIST_WORKER"):
        reason = "the live tests share their clusters: run them without -n"
    for item in live if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def observe(request: pytest.FixtureRequest) -> Observe:
    """Note what AWS did where nothing rests on it, or where we would like to know; shown at the end."""
    noted = request.config.stash.setdefault(_OBSERVED, {})

    def note(what: str, seen: object) -> None:
        noted[what] = str(seen)

    return note


@pytest.fixture(scope="session")
def workshop(observe: Observe) -> Iterator[Workshop]:
    """The account, whose clusters end with the session whatever happens in it."""
    with open_workshop(Settings.of_environment(), observe) as opened:
        observe("session", opened.session)
        yield opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was observed."""
    noted = config.stash.get(_OBSERVED, {})
    if noted:
        terminalreporter.section("observed")
        for what, seen in noted.items():
            terminalreporter.write_line(f"{what}: {seen}")
