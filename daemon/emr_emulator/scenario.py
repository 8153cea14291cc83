"""What clusters and steps do where nothing really runs: durations and outcomes, all drawn from one seed.

    seed: 7
    cluster: {start: {uniform: [200, 300]}, bootstrap: 60, terminate: 60, cancel: 10}
    bootstrap-actions:
      - {name: "install-*", duration: 20, outcome: failed, probability: 0.01}
    steps:
      - {name: "Enrich*", duration: {normal: [600, 60]}, outcome: failed, probability: 0.05,
         reason: "Unknown Error.", message: "Exception in thread main"}
      - {name: "*", duration: 30}

The first pattern that fits a name decides. ``probability`` is that of ``outcome``; otherwise the step completes. A draw
depends on the seed, the cluster's number and the step's number alone, so the order of requests changes nothing.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from emr_emulator.documents import Value, read_document
from emr_emulator.durations import Length, constant, parse_length
from emr_emulator.records import ClusterRecord
from emr_emulator.states import StepState
from emr_emulator.steps import Step
from emr_emulator.values import AS_ON_AWS, LAPTOP, Death, Durations, Ending, Failure, Manner, Reason

_OUTCOMES = {
    "completed": StepState.COMPLETED,
    "failed": StepState.FAILED,
    "interrupted": StepState.INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What becomes of the steps, or bootstrap actions, whose name fits ``pattern``."""

    pattern: str = "*"
    duration: Length = field(default_factory=lambda: constant(30.0))
    outcome: StepState = StepState.COMPLETED
    probability: float = 1.0
    failure: Failure = field(default_factory=lambda: Failure(reason="Unknown Error."))

    def draw(self, source: random.Random, speed: float) -> Ending:
        """Return one ending, ``speed`` times as fast."""
        seconds = self.duration.draw(source) / speed
        if self.outcome is StepState.COMPLETED or source.random() >= self.probability:
            return Ending(after=seconds)
        return Ending(after=seconds, state=self.outcome, failure=self.failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Durations and outcomes; lengths are before ``--speed``."""

    seed: int = 0
    start: Length
    bootstrap: Length
    terminate: Length
    cancel: Length
    actions: tuple[Rule, ...] = ()
    steps: tuple[Rule, ...] = ()

    @classmethod
    def usual(cls, durations: Durations, seed: int = 0) -> "Scenario":
        """Return the scenario of an emulator that was given none."""
        return cls(
            seed=seed,
            start=constant(durations.start),
            bootstrap=constant(durations.bootstrap),
            terminate=constant(durations.terminate),
            cancel=constant(durations.cancel),
        )


def read_scenario(path: Path | None, *, simulate: bool, seed: int | None = None) -> Scenario:
    """Read a scenario file, or return the usual one; ``seed`` overrides the file's."""
    usual = Scenario.usual(AS_ON_AWS if simulate else LAPTOP, seed or 0)
    return usual if path is None else parse_scenario(read_document(path), usual, seed)


def parse_scenario(document: Value, usual: Scenario, seed: int | None = None) -> Scenario:
    """Read a scenario document; what it doesn't say is as ``usual``."""
    top = document.as_section("seed", "cluster", "bootstrap-actions", "steps")
    phases = top["cluster"].as_section("start", "bootstrap", "terminate", "cancel") if "cluster" in top else {}

    def length(name: str, otherwise: Length) -> Length:
        return parse_length(phases[name]) if name in phases else otherwise

    file_seed = top["seed"].as_count() if "seed" in top else usual.seed
    return Scenario(
        seed=file_seed if seed is None else seed,
        start=length("start", usual.start),
        bootstrap=length("bootstrap", usual.bootstrap),
        terminate=length("terminate", usual.terminate),
        cancel=length("cancel", usual.cancel),
        actions=_parse_rules(top.get("bootstrap-actions")),
        steps=_parse_rules(top.get("steps")),
    )


def _parse_rules(value: Value | None) -> tuple[Rule, ...]:
    return () if value is None else tuple(_parse_rule(member) for member in value.as_list())


def _parse_rule(value: Value) -> Rule:
    keys = value.as_section("name", "duration", "outcome", "probability", "reason", "message")
    usual = Rule()
    failure = Failure(
        reason=keys["reason"].as_text() if "reason" in keys else usual.failure.reason,
        message=keys["message"].as_text() if "message" in keys else "",
    )
    return Rule(
        pattern=keys["name"].as_text() if "name" in keys else usual.pattern,
        duration=parse_length(keys["duration"]) if "duration" in keys else usual.duration,
        outcome=_OUTCOMES[keys["outcome"].as_choice(list(_OUTCOMES))] if "outcome" in keys else usual.outcome,
        probability=keys["probability"].as_number(most=1.0) if "probability" in keys else usual.probability,
        failure=failure,
    )


class ScenarioDirector:
    """Decides by a scenario. With ``runs_steps`` the scenario gives a cluster's phases only, and processes the rest."""

    def __init__(self, scenario: Scenario, *, speed: float = 1.0, runs_steps: bool = False) -> None:
        self._scenario = scenario
        self._speed = speed
        self._runs_steps = runs_steps

    def find_durations(self, cluster: ClusterRecord) -> Durations:
        """Draw the lengths of a cluster's phases."""
        source = self._source(cluster, "phases")
        drawn = Durations(
            start=self._scenario.start.draw(source),
            bootstrap=self._scenario.bootstrap.draw(source),
            terminate=self._scenario.terminate.draw(source),
            cancel=self._scenario.cancel.draw(source),
        )
        return drawn.scaled(self._speed)

    def find_boot_failure(self, cluster: ClusterRecord) -> Reason | None:
        """Return None: in a scenario it is bootstrap actions that fail."""
        return None

    def plan_action(self, cluster: ClusterRecord, number: int) -> Ending | None:
        """Draw the ending of a bootstrap action; without a rule for it, it completes at once."""
        if self._runs_steps:
            return None
        name = cluster.request.bootstrap[number - 1].name
        rule = _first(self._scenario.actions, name) or Rule(duration=constant(0.0))
        return rule.draw(self._source(cluster, f"action-{number}"), self._speed)

    def plan_step(self, cluster: ClusterRecord, step: Step) -> Ending | None:
        """Draw the ending of a step; without a rule for it, it completes after half a minute."""
        if self._runs_steps:
            return None
        rule = _first(self._scenario.steps, step.request.name) or Rule()
        return rule.draw(self._source(cluster, f"step-{step.number}"), self._speed)

    def find_death(self, cluster: ClusterRecord, step: Step | None) -> Death | None:
        """Return None: deaths are faults."""
        return None

    def find_manner(self, cluster: ClusterRecord) -> Manner:
        """Return the honest manner."""
        return Manner()

    def _source(self, cluster: ClusterRecord, what: str) -> random.Random:
        return random.Random(f"{self._scenario.seed}/{cluster.number}/{what}")  # noqa: S311 (a seed must repeat it)


def _first(rules: Iterable[Rule], name: str) -> Rule | None:
    return next((rule for rule in rules if fnmatchcase(name, rule.pattern)), None)
