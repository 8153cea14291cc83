"""Scenario and faults files are read strictly."""

import random
from pathlib import Path

import pytest
from tests.emr_emulator.fleets import World, step

from emr_emulator.documents import DocumentError, parse_document
from emr_emulator.durations import parse_length
from emr_emulator.faults import parse_faults, read_faults
from emr_emulator.scenario import Scenario, parse_scenario, read_scenario
from emr_emulator.values import LAPTOP

WRONG_FAULTS = [
    ("- do: throttle\n  aip: x\n", "faults.yml:2 (/0/aip): unknown key 'aip'"),
    ("- api: x\n", "faults.yml:1 (/0): a fault needs a key 'do'"),
    ("- do: explode\n", "faults.yml:1 (/0/do): expected one of throttle,"),
    ("- do: throttle\n  seconds: 4\n", "faults.yml:2 (/0/seconds): unknown key 'seconds'"),
    ("- do: hang\n", "faults.yml:1 (/0): hang needs a key 'seconds'"),
    ("- {do: throttle, count: many}\n", "faults.yml:1 (/0/count): expected a whole number of at least 0"),
    ("- {do: throttle, probability: 2}\n", "expected a number of from 0 to 1, found 2"),
    ("- {do: cluster-dies, code: FOO}\n", "(/0/code): expected one of INTERNAL_ERROR,"),
    ("- {do: cluster-dies, state: RUNNING}\n", "(/0/state): expected one of TERMINATED, TERMINATED_WITH_ERRORS"),
    ("- {do: throttle, do: error}\n", "faults.yml:1 (/0/do): the key is there twice"),
    ("do: throttle\n", "faults.yml:1 (/): expected a list"),
    ("- [\n", "faults.yml:2: is not YAML"),
]


@pytest.mark.parametrize(("text", "complaint"), WRONG_FAULTS)
def test_a_wrong_fault_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_faults(parse_document(text, "faults.yml"))
    assert complaint in str(caught.value)


WRONG_SCENARIOS = [
    ("seeds: 4\n", "scenario.yml:1 (/seeds): unknown key 'seeds'; expected one of seed, cluster,"),
    ("cluster:\n  strat: 5\n", "scenario.yml:2 (/cluster/strat): unknown key 'strat'"),
    ("cluster: {start: {uniform: [5]}}\n", "(/cluster/start/uniform): uniform takes two numbers"),
    ("cluster: {start: {uniform: [5, 1]}}\n", "the smaller number comes first"),
    ("cluster: {start: {gamma: 5}}\n", "unknown key 'gamma'"),
    ("cluster: {start: -5}\n", "expected a number of at least 0"),
    ("steps:\n- {name: x, outcome: maybe}\n", "scenario.yml:2 (/steps/0/outcome): expected one of completed,"),
    ("steps:\n- {name: 5}\n", "expected a text, found 5"),
]


@pytest.mark.parametrize(("text", "complaint"), WRONG_SCENARIOS)
def test_a_wrong_scenario_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_scenario(parse_document(text, "scenario.yml"), Scenario.usual(LAPTOP))
    assert complaint in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no\\.yml: cannot be read"):
        read_faults(tmp_path / "no.yml")


def test_an_empty_faults_file_has_no_faults_and_json_is_yaml_too() -> None:
    assert parse_faults(parse_document("", "faults.yml")) == ()
    [fault] = parse_faults(parse_document('[{"do": "throttle", "api": "List*", "count": 2}]', "faults.json"))
    assert (fault.do, fault.api, fault.count) == ("throttle", "List*", 2)
    assert fault.fits_api("ListSteps")
    assert not fault.fits_api("RunJobFlow")


def test_the_scenario_of_a_simulation_is_as_slow_as_aws_and_the_other_one_is_not() -> None:
    source = random.Random(1)
    assert read_scenario(None, simulate=True).start.draw(source) == 240.0
    assert read_scenario(None, simulate=False).start.draw(source) == 2.0


@pytest.mark.parametrize("text", ["{uniform: [2, 4]}", "{normal: [3, 1]}", "{exponential: 3}", "{lognormal: [3, 0.1]}"])
def test_a_distribution_is_drawn_near_its_middle_and_never_below_zero(text: str) -> None:
    length = parse_length(parse_document(text, "x"))
    source = random.Random(1)
    drawn = [length.draw(source) for _ in range(2000)]
    assert min(drawn) >= 0
    assert sum(drawn) / len(drawn) == pytest.approx(3, abs=0.3)


def test_draws_depend_on_the_seed_and_not_on_the_order_of_requests() -> None:
    text = "{seed: 5, steps: [{name: '*', duration: {uniform: [1, 100]}}]}"

    def lengths(order: list[int]) -> dict[int, float | None]:
        world = World(scenario=text)
        clusters = [world.launch(keep_alive=True) for _ in range(3)]
        for number in order:
            world.add(clusters[number], step())
        world.pass_time(1000)
        return {n: cluster.record.steps[0].ended for n, cluster in enumerate(clusters)}

    assert lengths([0, 1, 2]) == lengths([2, 0, 1])
    assert len(set(lengths([0, 1, 2]).values())) == 3


def test_a_world_twice_as_fast_takes_half_the_time() -> None:
    assert LAPTOP.scaled(2).start == LAPTOP.start / 2
