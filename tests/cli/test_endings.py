"""The commands that end clusters, and those clusters that they leave alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.cli.desk import Desk
from tests.stores.samples import a_run, an_entry

from dataflow_runner.jobs.record import RunRecord
from dataflow_runner.runs import tags
from dataflow_runner.stores.sqlite import SqliteJournal

pytestmark = pytest.mark.integration


def test_a_cluster_that_a_run_uses_is_not_halted_unless_forced(desk: Desk) -> None:
    running = desk.start(*desk.transient("endless"))
    desk.wait_for_step("endless")
    cluster_id = desk.only_cluster["id"]
    refused = desk.run("halt", cluster_id)
    assert (refused.code, refused.out) == (17, "")
    assert f"runs cancel {desk.run_id}" in refused.err
    assert desk.alive == [cluster_id]
    assert desk.run("halt", cluster_id, "--force").code == 0
    ended = running.wait()
    assert ended.code == 1
    assert desk.only_cluster["tags"][tags.ENDED_BECAUSE] == "halt"
    assert desk.alive == []


def test_halting_what_is_not_there_or_has_ended(desk: Desk) -> None:
    assert desk.run("halt", "j-NOBODY").code == 18
    cluster_id = desk.somebodys_cluster()
    assert desk.run("halt", cluster_id).code == 0
    again = desk.run("down", "--emr-cluster", cluster_id)
    assert (again.code, "already" in again.err) == (0, True)


async def _ended_run(journal: SqliteJournal, run_id: str, ago: timedelta) -> None:
    """A run that ended a while ago, written as its driver would have written it then."""
    at = datetime.now(UTC) - ago
    began = a_run(run_id)
    record: RunRecord = replace(
        began, phase="ENDED", verdict="FAILED", exit_code=1, created_at=at, updated_at=at, owner=None
    )
    assert await journal.create(record, an_entry())


async def test_reap_shows_every_runs_clusters_and_ends_with_yes_only_what_was_left_behind(desk: Desk) -> None:
    journal = SqliteJournal.open(desk.journal)
    await _ended_run(journal, "long-ago", timedelta(hours=2))
    await _ended_run(journal, "just-now", timedelta(minutes=30))
    ours = await journal.journal_id()
    await journal.close()

    def cluster(run_id: str, journal_id: str = ours, purpose: str = tags.TRANSIENT) -> str:
        own = tags.launch_tags(journal=journal_id, run_id=run_id, attempt=1, purpose=purpose, owner="test")
        return desk.somebodys_cluster("nightly", **own)

    standings = {
        cluster("long-ago"): "left behind",
        cluster("just-now"): "in use",
        cluster("long-ago", purpose=tags.KEPT): "kept",
        cluster("long-ago", purpose=tags.UP): "up",
        cluster("long-ago", journal_id="another"): "another journal's",
    }
    strangers = desk.somebodys_cluster("no run's")
    shown = desk.run("reap", "--json")
    assert {each["cluster-id"]: each["standing"] for each in shown.results} == standings
    assert len(desk.alive) == 6
    left_behind, *others = standings
    assert desk.run("reap", "--yes").code == 0
    assert desk.alive == [*others, strangers]
    assert next(each for each in desk.clusters if each["id"] == left_behind)["tags"][tags.ENDED_BECAUSE] == "reaped"
    foreign = others[-1]
    assert desk.run("reap", foreign, "--yes").code == 0
    assert desk.alive == [*others[:-1], strangers]
    assert desk.run("reap", strangers, "--yes").code == 2
    assert strangers in desk.alive
