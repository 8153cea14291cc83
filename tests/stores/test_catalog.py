from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.stores.samples import DAEMON, a_run, an_entry

from dataflow_runner.errors import InputError
from dataflow_runner.stores.catalog import default_journal, open_journal


async def test_a_journal_in_memory_is_a_new_one_each_time() -> None:
    journal = open_journal("memory:")
    assert journal.place == "memory:"
    assert await journal.journal_id() != await open_journal("memory:").journal_id()


async def test_an_sqlite_journal_is_made_when_it_is_first_used(tmp_path: Path) -> None:
    path = tmp_path / "state" / "runner" / "journal.db"
    journal = open_journal(f"sqlite:{path}")
    assert journal.place == f"sqlite:{path}"
    assert not path.parent.exists()
    assert await journal.create(a_run(), an_entry())
    await journal.close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_journal("sqlite:~/j.db").place == f"sqlite:{tmp_path}/j.db"


@pytest.mark.parametrize(
    "url", ["", "sqlite", "sqlite:", "journal.db", "/tmp/journal.db", "memory", "memory:x", "pg:x"]
)
def test_a_name_of_no_known_kind_is_refused_with_those_there_are(url: str) -> None:
    with pytest.raises(InputError, match=r"names no journal; name 'sqlite:PATH' .* or 'memory:'"):
        open_journal(url)


def test_dynamodb_is_said_not_to_be_here_yet() -> None:
    with pytest.raises(InputError, match="not here yet"):
        open_journal("dynamodb:table")


def test_the_default_is_in_the_users_state_folder() -> None:
    assert default_journal({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == "sqlite:/s/dataflow-runner/journal.db"
    assert default_journal({"HOME": "/h"}) == "sqlite:/h/.local/state/dataflow-runner/journal.db"
    assert default_journal({"XDG_STATE_HOME": "s", "HOME": "/h"}).startswith("sqlite:/h/")
    with pytest.raises(InputError, match="--journal sqlite:PATH"):
        default_journal({})


def test_the_stores_import_nothing_heavy_before_it_is_used() -> None:
    program = (
        "import sys, dataflow_runner.stores.catalog, dataflow_runner.stores.files, dataflow_runner.stores.consul\n"
        "assert 'sqlite3' not in sys.modules\n"
        "import dataflow_runner.stores.sqlite\n"
        "print(*sorted({'aiohttp', 'botocore', 'fastavro', 'rich', 'structlog', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(DAEMON)}, capture_output=True, check=True
    )
    assert done.stdout.strip() == b""
