"""Where a test of the command line works: the program, an emulator behind it, and what both left."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import botocore.session
from tests.cli import specs
from tests.cli.program import Ended, Program, Running, bare_environment, until

from emr_emulator.testing import EmulatorProcess

SCENARIO = """
cluster: {start: 0.1, bootstrap: 0.1, terminate: 0.1, cancel: 0.05}
steps:
  - {name: "endless*", duration: 1000000}
  - {name: "failing*", duration: 0.05, outcome: failed, reason: "Unknown Error.", message: "no such table"}
  - {name: "*", duration: 0.05}
"""
"""A quick life for simulated clusters; the name of a step says how it ends."""

ENDED = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "not-a-real-key"}


class Desk:
    """One test's program, journal and files, at an emulator that was just reset."""

    def __init__(self, program: Program, emulator: EmulatorProcess) -> None:
        self.program = program
        self.emulator = emulator
        self.folder = program.folder
        self.journal = self.folder / "journal.db"

    def run(self, *arguments: str | Path, stdin: bytes = b"", **environment: str) -> Ended:
        """Run a command to its end."""
        return self.program.run(*arguments, stdin=stdin, **environment)

    def start(self, *arguments: str | Path, prefix: tuple[str, ...] = (), **environment: str) -> Running:
        """Start a command."""
        return self.program.start(*arguments, prefix=prefix, **environment)

    def write(self, name: str, document: specs.Document) -> str:
        """Write a spec; its path."""
        path = self.folder / name
        path.write_text(json.dumps(document, indent=2))
        return str(path)

    def cluster(self, *, launch: specs.Document | None = None, name: str = "nightly", **emr: Any) -> str:
        """Path of a cluster spec."""
        return self.write("cluster.json", specs.cluster(launch=launch, name=name, **emr))

    def playbook(self, *steps: specs.Document | str, **more: Any) -> str:
        """Path of a playbook."""
        return self.write("playbook.json", specs.playbook(*steps, **more))

    def transient(self, *steps: specs.Document | str, **more: Any) -> tuple[str, ...]:
        """The command that runs these steps on a cluster of their own."""
        return ("run-transient", "--emr-config", self.cluster(), "--emr-playbook", self.playbook(*steps, **more))

    def somebodys_cluster(self, name: str = "shared", **tags: str) -> str:
        """Make a cluster without the program; its id."""
        instances = {
            "InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}],
            "KeepJobFlowAliveWhenNoSteps": True,
        }
        shown = [{"Key": key, "Value": value} for key, value in tags.items()]
        made = self.aws("emr").run_job_flow(Name=name, ReleaseLabel="emr-7.1.0", Instances=instances, Tags=shown)
        return str(made["JobFlowId"])

    def gate(self, name: str = "gated") -> Gate:
        """A step that really runs until the test lets it end."""
        return Gate(name=name, path=self.folder / f"{name}.open")

    @property
    def clusters(self) -> list[dict[str, Any]]:
        """The clusters as they really are, oldest first."""
        return list(self.emulator.ledger()["clusters"])

    @property
    def only_cluster(self) -> dict[str, Any]:
        """The one cluster that there ever was."""
        [cluster] = self.clusters
        return cluster

    @property
    def alive(self) -> list[str]:
        """The clusters that somebody still pays for."""
        return [cluster["id"] for cluster in self.clusters if cluster["state"] not in ENDED]

    def calls(self, api: str | None = None) -> list[str]:
        """The requests to EMR that arrived, by their API's name."""
        return [entry["api"] for entry in self.emulator.ledger()["requests"] if api in (None, entry["api"])]

    def starts(self) -> list[tuple[str, int]]:
        """Each step of every cluster, and how often it really started."""
        return [(step["name"], step["starts"]) for cluster in self.clusters for step in cluster["steps"]]

    def struck(self) -> int:
        """How often the faults in force have struck."""
        return sum(fault["struck"] for fault in self.emulator.faults())

    def aws(self, service: str) -> Any:
        """A plain AWS client, as somebody else would use it."""
        return _client(service, self.emulator.endpoint)

    @cached_property
    def run_id(self) -> str:
        """The first run of the journal."""
        return str(self._ask("SELECT run_id FROM runs ORDER BY place LIMIT 1")[0])

    def written(self) -> int:
        """How many times the history of runs was written to."""
        return int((self._ask("SELECT count(*) FROM history") or (0,))[0])

    def _ask(self, query: str) -> tuple[Any, ...]:
        if not self.journal.exists():
            return ()
        connection = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)
        with contextlib.closing(connection), contextlib.suppress(sqlite3.OperationalError):
            return tuple(connection.execute(query).fetchone() or ())
        return ()  # the journal is just being made

    def wait_for_step(self, name: str) -> None:
        """Wait until a step really runs."""
        until(lambda: (name, 1) in self.starts(), f"the start of step {name!r}")


@cache
def _client(service: str, endpoint: str) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name=specs.REGION,
        endpoint_url=endpoint,
        aws_access_key_id="somebody",
        aws_secret_access_key="else",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A step that waits for the test."""

    name: str
    path: Path

    @property
    def step(self) -> specs.Document:
        """The step for a playbook."""
        return specs.step(self.name, "bash", "-c", f"until [ -e '{self.path}' ]; do sleep 0.05; done")

    def open(self) -> None:
        """Let the step end."""
        self.path.touch()


def make_program(folder: Path, emulator: EmulatorProcess) -> Program:
    """A program that talks to an emulator and looks at its clusters often."""
    brisk = {"POLL_INTERVAL": "200ms", "CREATE_SETTLE": "300ms", "LOG_DEADLINE": "2s"}
    settings = {f"DATAFLOW_RUNNER_{name}": value for name, value in brisk.items()}
    settings |= {"DATAFLOW_RUNNER_JOURNAL": f"sqlite:{folder / 'journal.db'}"}
    aws = CREDENTIALS | {"AWS_ENDPOINT_URL": emulator.endpoint, "AWS_REGION": specs.REGION}
    return Program(folder=folder, environment=bare_environment(folder) | settings | aws)
