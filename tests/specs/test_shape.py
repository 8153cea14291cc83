from typing import Any

import pytest
from tests.specs.support import cluster, data_of, playbook, refused, rules

from dataflow_runner.specs import registry
from dataflow_runner.specs.avro.schema import parse_schema
from dataflow_runner.specs.build import CLUSTER, PLAYBOOK
from dataflow_runner.specs.shape import shape, slim

KINDS = parse_schema(
    '{"type": "record", "name": "R", "fields": ['
    '{"name": "i", "type": "int", "default": 0}, {"name": "l", "type": "long", "default": 0},'
    '{"name": "d", "type": "double", "default": 0}, {"name": "b", "type": "boolean", "default": false},'
    '{"name": "s", "type": ["null", "string"], "default": null},'
    '{"name": "a", "type": {"type": "array", "items": "string"}, "default": []},'
    '{"name": "m", "type": {"type": "map", "values": "int"}, "default": {}}]}'
)


def messages(**members: Any) -> list[str]:
    return [f"{problem.pointer} {problem.message}" for problem in shape(KINDS, members, pointer="").problems]


def test_right_values_pass_and_the_rest_is_filled_in() -> None:
    shaped = shape(KINDS, {"d": 1, "s": "x", "m": {"k": 3}})
    assert shaped.problems == ()
    assert shaped.tree == {"i": 0, "l": 0, "d": 1, "b": False, "s": "x", "a": [], "m": {"k": 3}}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"i": True}, "/i expected a whole number, found true"),
        ({"i": 1.0}, "/i expected a whole number, found the number 1.0"),
        ({"i": "1"}, "/i expected a whole number, found a string"),
        ({"i": None}, "/i expected a whole number, found null"),
        ({"i": 1 << 31}, "/i 2147483648 is beyond 2147483647"),
        ({"l": 1 << 63}, "/l 9223372036854775808 is beyond 9223372036854775807"),
        ({"d": True}, "/d expected a number, found true"),
        ({"b": 1}, "/b expected true or false, found the number 1"),
        ({"s": 1}, "/s expected a string, found the number 1"),
        ({"a": "x"}, "/a expected a list, each of it a string, found a string"),
        ({"a": ["x", []]}, "/a/1 expected a string, found a list"),
        ({"m": []}, "/m expected an object, each value of it a whole number, found a list"),
        ({"m": {"x/y": {}}}, "/m/x~1y expected a whole number, found an object"),
    ],
)
def test_a_wrong_value_says_what_was_expected(members: dict[str, Any], message: str) -> None:
    assert messages(**members) == [message]


def test_a_text_is_never_quoted_where_any_text_is_right() -> None:
    """It might be a secret in the wrong place."""
    assert "hunter2" not in messages(i="hunter2")[0]


def branch(value: Any) -> str:
    [problem] = shape(registry.schema(CLUSTER), data_of(cluster(instances=value).content)).problems
    return problem.message


def test_a_union_of_records_names_its_branch() -> None:
    expected = "expected an object with one key, 'groups' or 'fleets', found "
    assert branch([]) == f"{expected}a list"
    assert branch({}) == f"{expected}none"
    assert branch({"group": {}}) == f"{expected}'group' (did you mean 'groups'?)"
    assert branch({"groups": {}, "fleets": {}}) == f"{expected}'groups' or 'fleets'"
    assert branch({"master": {"type": "m5.xlarge"}}) == "put what stands here one level deeper, under the key 'groups'"


def test_raw_parameters_are_an_object_and_not_its_text() -> None:
    [problem] = shape(registry.schema(PLAYBOOK), data_of(playbook(overlay="{}").content)).problems
    assert problem.message == "expected an object of raw parameters, found a string"


def test_a_template_may_stand_for_what_only_its_expansion_tells() -> None:
    data = data_of(playbook(timeout="{{.t}}", lock={"name": "a", "kind": "{{.k}}"}).content)
    schema = registry.schema(PLAYBOOK)
    assert shape(schema, data, templated=True).problems == ()
    assert len(shape(schema, data).problems) == 2


def test_defaults_are_left_out_unless_they_were_spelled_out() -> None:
    schema = registry.schema(PLAYBOOK)
    data = data_of(playbook(name="playbook", onFailure={"keepFor": "4h"}, lock=None).content)
    shaped = shape(schema, data)
    assert slim(schema, shaped.tree, shaped.explicit) == data
    assert slim(schema, shaped.tree, ()) == data_of(playbook().content) | {
        "steps": [{"name": "a step", "jar": "command-runner.jar", "arguments": ["true"]}]
    }


@pytest.mark.parametrize("members", [{"timeout": 5}, {"timeout": "soon"}, {"overlay": "x"}, {"overlay": None}])
def test_what_stands_for_a_wrong_value_can_be_built(members: dict[str, Any]) -> None:
    [key] = members
    assert rules(refused(playbook(**members))) == [("wrong-type", f"/data/{key}")]
