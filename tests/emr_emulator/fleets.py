"""Clusters for tests of the pure core: a virtual clock, nothing runs."""

from collections.abc import Iterable
from typing import Any

from emr_emulator.clock import HandClock
from emr_emulator.cluster import Cluster
from emr_emulator.documents import parse_document
from emr_emulator.faults import FaultBook, parse_faults
from emr_emulator.fleet import Fleet
from emr_emulator.ids import IdMaker
from emr_emulator.sabotage import SaboteurDirector
from emr_emulator.scenario import Scenario, ScenarioDirector, parse_scenario
from emr_emulator.states import ActionOnFailure
from emr_emulator.steps import Step
from emr_emulator.values import LAPTOP, ClusterRequest, StepRequest

# Start-up takes 2 s, bootstrapping 1 s: a cluster is ready 3 s after it was asked for.
READY = 3.0

SCENARIO = """
steps:
  - {name: "bad*", duration: 5, outcome: failed, reason: "Unknown Error.", message: "exit status 1"}
  - {name: "long*", duration: 1000}
  - {name: "*", duration: 10}
bootstrap-actions:
  - {name: "bad*", duration: 4, outcome: failed}
  - {name: "*", duration: 4}
"""


class World:
    """A fleet and its clock."""

    def __init__(self, *, scenario: str = SCENARIO, faults: str = "", runs_steps: bool = False, seed: int = 1) -> None:
        self.clock = HandClock()
        self.book = FaultBook(parse_faults(parse_document(faults, "faults.yml")), seed=seed)
        parsed = parse_scenario(parse_document(scenario, "scenario.yml"), Scenario.usual(LAPTOP))
        director = SaboteurDirector(ScenarioDirector(parsed, runs_steps=runs_steps), self.book)
        self.fleet = Fleet(director, IdMaker(seed), self.book)

    def launch(self, *steps: StepRequest, **more: Any) -> Cluster:
        """Launch a cluster with these steps."""
        request = ClusterRequest(**{"name": "test", "release_label": "emr-6.15.0", "steps": steps, **more})
        return self.fleet.launch(self.clock.now(), request, "us-east-1")

    def pass_time(self, seconds: float) -> None:
        """Let time pass for all clusters."""
        self.fleet.advance(self.clock.pass_time(seconds))

    def add(self, cluster: Cluster, *steps: StepRequest) -> list[Step]:
        """Add steps to a cluster."""
        with self.fleet.changing(self.clock.now(), cluster):
            return cluster.add_steps(self.clock.now(), steps, lambda: self.fleet.make_step_id(cluster))


def step(name: str = "good", action: ActionOnFailure = ActionOnFailure.CONTINUE) -> StepRequest:
    """A step; what it does is in its name."""
    return StepRequest(name=name, action=action, jar="command-runner.jar", arguments=("true",))


def states(steps: Iterable[Step]) -> list[str]:
    """The states of steps, in their order."""
    return [str(each.state) for each in steps]
