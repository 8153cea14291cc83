"""Pages of 50 and the markers between them.

A marker names the last thing shown and is bound to the request that it came with; steps or clusters that are added
while somebody pages don't shift what follows.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from emr_emulator.errors import refuse_request

PAGE = 50

T = TypeVar("T")


def read_marker(action: str, params: Mapping[str, Any]) -> str | None:
    """Return what the last page ended with, or None on a first page."""
    marker = params.get("Marker")
    if marker is None:
        return None
    try:
        content = json.loads(base64.urlsafe_b64decode(marker.encode()))
        anchor, digest = str(content["after"]), content["of"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise refuse_request(f"Marker '{marker}' is not valid.") from None
    if digest != _digest(action, params):
        raise refuse_request(f"Marker '{marker}' is not valid: it belongs to another request.")
    return anchor


def take_page(
    action: str, params: Mapping[str, Any], found: Iterable[T], anchor: Callable[[T], str]
) -> tuple[list[T], dict[str, str]]:
    """Return one page of what was found, and the Marker member of its answer where there is more."""
    page: list[T] = []
    for item in found:
        if len(page) == PAGE:
            content = {"after": anchor(page[-1]), "of": _digest(action, params)}
            return page, {"Marker": base64.urlsafe_b64encode(json.dumps(content).encode()).decode()}
        page.append(item)
    return page, {}


def _digest(action: str, params: Mapping[str, Any]) -> str:
    filters = {key: value for key, value in params.items() if key != "Marker"}
    return hashlib.sha256(json.dumps([action, filters], sort_keys=True).encode()).hexdigest()[:16]
