"""EMR's wire protocol: parameters against the service model, error shapes, dates."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import Shape
from tests.emr_emulator.servers import INSTANCES, desk, post, simulated

from emr_emulator.api import HANDLERS
from emr_emulator.errors import EmrError
from emr_emulator.model import ApiModel

MINIMAL = {"Name": "x", "Instances": INSTANCES, "ReleaseLabel": "emr-6.15.0"}


@pytest.fixture(scope="module")
def model() -> ApiModel:
    """EMR's service model."""
    return ApiModel()


def sample(shape: Shape, above: tuple[str, ...] = ()) -> Any:
    """A value that a shape allows, with every member that its model knows."""
    match shape.type_name:
        case "structure":
            inner = (*above, shape.name)
            return {name: sample(member, inner) for name, member in shape.members.items()}
        case "list":
            # Configurations hold configurations, without an end.
            return [] if shape.member.name in above else [sample(shape.member, above)]
        case "map":
            return {"key": sample(shape.value, above)}
        case "string":
            return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 1))
        case "boolean":
            return True
        case "integer" | "long":
            return max(1, int(shape.metadata.get("min", 1)))
        case _:
            return 1.5


@pytest.mark.parametrize("action", sorted(HANDLERS))
def test_every_member_of_the_service_model_is_accepted_and_an_unknown_one_is_not(model: ApiModel, action: str) -> None:
    operation = model.find(action)
    assert operation is not None
    given = sample(operation.input_shape)
    assert model.check(operation, given).keys() == given.keys()
    with pytest.raises(EmrError, match='Unknown parameter in input: "Surprise"') as caught:
        model.check(operation, given | {"Surprise": 1})
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("given", "code", "complaint"),
    [
        ({"Name": 5}, "SerializationException", "NUMBER_VALUE can not be converted to String (at 'name')"),
        ({"Instances": []}, "SerializationException", "START_ARRAY can not be converted to structure"),
        ({"StepConcurrencyLevel": "2"}, "SerializationException", "STRING_VALUE can not be converted to Integer"),
        ({"StepConcurrencyLevel": True}, "SerializationException", "TRUE_VALUE can not be converted to Integer"),
        ({"Steps": [{"Name": "s"}]}, "ValidationException", "'steps.1.member.hadoopJarStep' failed to satisfy"),
        ({"Name": None}, "ValidationException", "1 validation error detected: Value null at 'name'"),
        ({"Name": "x" * 257}, "ValidationException", "length less than or equal to 256"),
        (
            {"Name": None, "ScaleDownBehavior": "NEVER"},
            "ValidationException",
            "2 validation errors detected",
        ),
    ],
)
async def test_wrong_parameters_are_refused_as_aws_refuses_them(
    given: dict[str, Any], code: str, complaint: str
) -> None:
    async with simulated() as emulator:
        status, answer = await post(emulator.endpoint, "RunJobFlow", json.dumps(MINIMAL | given))
        assert (status, answer["__type"]) == (400, code)
        assert complaint in (answer.get("message") or answer["Message"])
        assert len(emulator.fleet) == 0


async def test_a_body_that_is_not_json_is_a_serialization_error() -> None:
    async with simulated() as emulator:
        assert (await post(emulator.endpoint, "ListClusters", "{"))[1]["__type"] == "SerializationException"
        assert (await post(emulator.endpoint, "ListClusters", "[]"))[1]["__type"] == "SerializationException"


async def test_an_action_that_is_not_emulated_says_so_and_one_that_emr_lacks_too() -> None:
    async with simulated() as emulator:
        status, answer = await post(emulator.endpoint, "CreateStudio", "{}")
        assert (status, "CreateStudio is not emulated" in answer["message"]) == (400, True)
        status, answer = await post(emulator.endpoint, "MakeCoffee", "{}")
        assert (status, answer["__type"]) == (400, "UnknownOperationException")


async def test_an_unsigned_request_is_answered_with_times_as_seconds() -> None:
    async with simulated() as emulator:
        status, answer = await post(emulator.endpoint, "RunJobFlow", json.dumps(MINIMAL))
        assert status == 200
        _, answer = await post(emulator.endpoint, "DescribeCluster", json.dumps({"ClusterId": answer["JobFlowId"]}))
        created = answer["Cluster"]["Status"]["Timeline"]["CreationDateTime"]
        assert created == pytest.approx(time.time(), abs=60)


async def test_an_error_of_the_newer_kind_carries_its_error_code() -> None:
    async with simulated() as emulator:
        status, answer = await post(emulator.endpoint, "DescribeCluster", '{"ClusterId": "j-NONE"}')
        assert status == 400
        assert answer == {
            "__type": "InvalidRequestException",
            "ErrorCode": "NoSuchCluster",
            "Message": "Cluster id 'j-NONE' is not valid.",
        }


@pytest.mark.parametrize(
    ("skew", "code"),
    [(-301, "InvalidSignatureException"), (310, "InvalidSignatureException"), (-280, None), (280, None)],
)
async def test_a_request_signed_more_than_five_minutes_off_is_refused(skew: float, code: str | None) -> None:
    stamp = datetime.fromtimestamp(time.time() + skew, UTC).strftime("%Y%m%dT%H%M%SZ")
    async with simulated() as emulator:
        status, answer = await post(emulator.endpoint, "RunJobFlow", json.dumps(MINIMAL), X_Amz_Date=stamp)
        assert status == (200 if code is None else 400)
        assert answer.get("__type") == code
        assert len(emulator.fleet) == (1 if code is None else 0)


async def test_quotas_throttle_after_their_burst_and_refill_with_time() -> None:
    from tests.emr_emulator.servers import launch, refusal

    async with desk(quotas=True) as (emr, _, clock):
        for _ in range(10):
            await launch(emr)
        code, message, status = await refusal(launch(emr))
        assert (code, message, status) == ("ThrottlingException", "Rate exceeded", 400)
        clock.pass_time(2)
        await launch(emr)
        await refusal(launch(emr))
