"""botocore's description of AWS's APIs, read once a process and shared by every session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any


@cache
def loader() -> Any:
    """The one loader of API descriptions: each keeps what it has read, so a second one costs the memory again."""
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH"))


@cache
def _service_model(service: str) -> Any:
    from botocore.model import ServiceModel

    return ServiceModel(loader().load_service_model(service, "service-2"), service_name=service)


def problems_of(service: str, operation: str, parameters: Mapping[str, object]) -> tuple[str, ...]:
    """What is wrong with a call's parameters by the API's model: one line each, with the path in the API's names.

    Unknown and missing keys, wrong types, values out of range. The model knows no rules between parameters.
    """
    from botocore.validate import ParamValidator

    shape = _service_model(service).operation_model(operation).input_shape
    report = str(ParamValidator().validate(dict(parameters), shape).generate_report())
    return tuple(report.splitlines())
