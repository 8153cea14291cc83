"""EMR's service model, as botocore carries it: what a request may hold.

It is read from botocore's data files; no client is made and nothing is patched.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel, Shape

from emr_emulator.errors import EmrError, refuse_value

_JSON_KINDS = {
    "structure": (dict, "structure"),
    "map": (dict, "map"),
    "list": (list, "list"),
    "string": (str, "String"),
    "boolean": (bool, "Boolean"),
}
_WHOLE_NUMBERS = frozenset({"integer", "long"})


@functools.cache
def _load_service() -> ServiceModel:
    # A tenth of a second, and the same for every emulator of a process.
    return ServiceModel(Loader().load_service_model("emr", "service-2"), "emr")


class ApiModel:
    """EMR's actions and their parameters."""

    def __init__(self) -> None:
        self._service = _load_service()

    @property
    def actions(self) -> list[str]:
        """Every action that EMR has."""
        return list(self._service.operation_names)

    def find(self, action: str) -> OperationModel | None:
        """Return an action, or None when EMR has no such one."""
        try:
            return self._service.operation_model(action)
        except OperationNotFoundError:
            return None

    def check(self, operation: OperationModel, given: Any) -> dict[str, Any]:
        """Return the parameters without nulls, or refuse them as AWS does.

        A wrong JSON type is a SerializationException at once; everything else is gathered into one ValidationException.
        """
        shape = operation.input_shape
        if shape is None:
            return {}
        walk = _Walk()
        checked: dict[str, Any] = walk.check(shape, given, "")
        if walk.problems:
            count = len(walk.problems)
            noun = "error" if count == 1 else "errors"
            raise refuse_value(f"{count} validation {noun} detected: {'; '.join(walk.problems)}")
        return checked


@dataclass(slots=True)
class _Walk:
    """One pass over one request."""

    problems: list[str] = field(default_factory=list)

    def check(self, shape: Shape, given: Any, place: str) -> Any:
        kind = str(shape.type_name)
        _check_type(kind, given, place)
        match kind:
            case "structure":
                return self._check_structure(shape, given, place)
            case "list":
                return self._check_list(shape, given, place)
            case "map":
                return {key: self.check(shape.value, value, f"{place}.{key}") for key, value in given.items()}
            case "string":
                self._check_text(shape, given, place)
            case "integer" | "long":
                self._check_size(shape, given, given, place, "value")
            case _:
                pass
        return given

    def _check_list(self, shape: Shape, given: list[Any], place: str) -> list[Any]:
        self._check_size(shape, len(given), given, place, "length")
        return [self.check(shape.member, member, f"{place}.{number}.member") for number, member in enumerate(given, 1)]

    def _check_structure(self, shape: Shape, given: dict[str, Any], place: str) -> dict[str, Any]:
        checked = {}
        for name in shape.required_members:
            if given.get(name) is None:
                self._refuse("null", _join(place, name), "Member must not be null")
        for name, value in given.items():
            member = shape.members.get(name)
            if member is None:
                known = ", ".join(shape.members)
                self.problems.append(f'Unknown parameter in {place or "input"}: "{name}", must be one of: {known}')
            elif value is not None:
                checked[name] = self.check(member, value, _join(place, name))
        return checked

    def _check_text(self, shape: Shape, given: str, place: str) -> None:
        if shape.enum and given not in shape.enum:
            self._refuse(f"'{given}'", place, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
        self._check_size(shape, len(given), f"'{given[:64]}'", place, "length")

    def _check_size(self, shape: Shape, size: float, shown: Any, place: str, what: str) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        words = "Member must have length" if what == "length" else "Member must have value"
        if least is not None and size < least:
            self._refuse(shown, place, f"{words} greater than or equal to {least}")
        if most is not None and size > most:
            self._refuse(shown, place, f"{words} less than or equal to {most}")

    def _refuse(self, shown: Any, place: str, rule: str) -> None:
        self.problems.append(f"Value {shown} at '{place}' failed to satisfy constraint: {rule}")


def _check_type(kind: str, given: Any, place: str) -> None:
    if kind in _JSON_KINDS:
        wanted, name = _JSON_KINDS[kind]
        fits = isinstance(given, wanted)
    elif kind in _WHOLE_NUMBERS:
        name, fits = kind.capitalize(), isinstance(given, int) and not isinstance(given, bool)
    else:
        name, fits = kind.capitalize(), isinstance(given, int | float) and not isinstance(given, bool)
    if not fits:
        found = next(_describe(given))
        raise EmrError("SerializationException", f"{found} can not be converted to {name} (at '{place or 'input'}')")


def _describe(given: Any) -> Iterator[str]:
    for types, name in (
        (bool, "TRUE_VALUE" if given else "FALSE_VALUE"),
        (str, "STRING_VALUE"),
        (int | float, "NUMBER_VALUE"),
        (list, "START_ARRAY"),
        (dict, "START_OBJECT"),
    ):
        if isinstance(given, types):
            yield name
    yield "NULL_VALUE"


def _join(place: str, name: str) -> str:
    # AWS writes a member's place with a small first letter.
    own = name[:1].lower() + name[1:]
    return f"{place}.{own}" if place else own
