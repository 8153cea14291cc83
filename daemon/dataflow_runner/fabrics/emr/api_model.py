"""botocore's description of AWS's APIs, read once a process and shared by every session.

botocore keeps the documentation of every field, in ordered maps, and the endpoints of every service: some 15 MB of what
a run has resident. The loader here leaves out what no run reads.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_ENDPOINTS_KEPT = frozenset(
    {"dynamodb", "ec2", "elasticmapreduce", "events", "iam", "oidc", "portal.sso", "s3", "secretsmanager", "signin"}
    | {"sqs", "sts"}
)
"""Services that this program, or its way to credentials, calls; for others botocore follows AWS's naming rule."""


@cache
def loader() -> Any:
    """The one loader of API descriptions: each keeps what it has read, so a second one costs the memory again."""
    from botocore.loaders import Loader

    extra = os.environ.get("AWS_DATA_PATH", "")
    paths = [os.path.expandvars(Path(path).expanduser()) for path in extra.split(os.pathsep) if path]
    return Loader(extra_search_paths=paths, file_loader=_LeanFiles())


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


class _LeanFiles:
    """What botocore's Loader reads files with."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file; the path comes without its ending."""
        return any(Path(path + ending).is_file() for ending in (".json", ".json.gz"))

    def load_file(self, path: str) -> dict[str, Any] | None:
        """A file's content without what isn't read; None when there is none."""
        plain, packed = Path(path + ".json"), Path(path + ".json.gz")
        if plain.is_file():
            text = plain.read_bytes()
        elif packed.is_file():
            text = gzip.decompress(packed.read_bytes())
        else:
            return None
        found: dict[str, Any] = json.loads(text, object_pairs_hook=_without_documentation)
        return _without_foreign_services(found) if Path(path).name == "endpoints" else found


def _without_documentation(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A map with its documentation emptied, for botocore wants the key; a field of that name is no text and stays."""
    return {key: "" if key == "documentation" and isinstance(value, str) else value for key, value in pairs}


def _without_foreign_services(endpoints: dict[str, Any]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in _ENDPOINTS_KEPT
        }
    return endpoints
