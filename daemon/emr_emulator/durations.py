"""Lengths of time as a scenario writes them: a constant, or a distribution drawn from a seeded generator.

``90`` · ``{uniform: [30, 90]}`` · ``{normal: [60, 10]}`` · ``{exponential: 45}`` · ``{lognormal: [60, 0.5]}``
(median and sigma), all in seconds; what is drawn below zero counts as zero.
"""

import math
import random
from dataclasses import dataclass

from emr_emulator.documents import Value

_SHAPES = ("uniform", "normal", "exponential", "lognormal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A length of time that may differ from draw to draw."""

    shape: str
    numbers: tuple[float, ...]

    def draw(self, source: random.Random) -> float:
        """Return seconds."""
        match self.shape, self.numbers:
            case "uniform", (low, high):
                drawn = source.uniform(low, high)
            case "normal", (mean, deviation):
                drawn = source.normalvariate(mean, deviation)
            case "lognormal", (median, sigma):
                drawn = source.lognormvariate(math.log(median), sigma) if median > 0 else 0.0
            case "exponential", (mean,):
                drawn = source.expovariate(1 / mean) if mean > 0 else 0.0
            case _:
                drawn = self.numbers[0]
        return max(0.0, drawn)


def constant(seconds: float) -> Length:
    """Return a length that never differs."""
    return Length(shape="constant", numbers=(seconds,))


def parse_length(value: Value) -> Length:
    """Read a length of time; DocumentError names the place."""
    if not isinstance(value.raw, dict):
        return constant(value.as_number())
    section = value.as_section(*_SHAPES)
    if len(section) != 1:
        raise value.refuse(f"expected exactly one of {', '.join(_SHAPES)}")
    [(shape, given)] = section.items()
    if shape == "exponential":
        return Length(shape=shape, numbers=(given.as_number(),))
    numbers = tuple(member.as_number() for member in given.as_list())
    if len(numbers) != 2:
        raise given.refuse(f"{shape} takes two numbers")
    if shape == "uniform" and numbers[0] > numbers[1]:
        raise given.refuse("the smaller number comes first")
    return Length(shape=shape, numbers=numbers)
