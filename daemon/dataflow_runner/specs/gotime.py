"""Go's time layouts, so that `nowWithFormat "2006-01-02"` means here what it means in the Go runner.

A layout is written as the reference instant (Mon Jan 2 15:04:05 MST 2006, zone -0700) would look. What counts as an
element, and where a longer text hides one ("Month" holds no "Mon"), follows the rules of Go's `time` package.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# At each place of the layout the first alternative that fits wins, as in Go. "Jan" and "Mon" are no elements before a
# lower-case letter; "_2006" is an underscore and a year; a fraction must not be followed by another digit.
_ELEMENT: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST"
    r"|0[1-6]|002|15|1|2006|2|_2(?!006)|__2|3|4|5|PM|pm"
    r"|[-Z]07(?:0000|:00:00|00|:00)?"
    r"|[.,](?:0+|9+)(?![0-9])"
)


def format_go(instant: datetime, layout: str) -> str:
    """`instant` as Go's `Time.Format(layout)` prints it, in the zone that `instant` carries.

    Python's clock ends at microseconds: further digits of a fraction are zeros. ValueError when `instant` has no zone.
    """
    if instant.utcoffset() is None:
        raise ValueError("an instant without a time zone can't be formatted; give it one, such as datetime.UTC")
    return _ELEMENT.sub(lambda match: _print_element(instant, match[0]), layout)


def _print_element(instant: datetime, element: str) -> str:
    plain = _PLAIN.get(element)
    if plain is not None:
        return plain(instant)
    if element[0] in ".,":
        return _fraction(instant, element)
    return _offset(instant, element)


def _hour12(instant: datetime) -> int:
    return instant.hour % 12 or 12


def _year_day(instant: datetime) -> int:
    return instant.timetuple().tm_yday


def _fraction(instant: datetime, element: str) -> str:
    """Zeros keep their digits; nines drop trailing zeros, and the separator with the last of them."""
    digits = f"{instant.microsecond * 1000:09d}"[: len(element) - 1]
    if element[1] == "0":
        return element[0] + digits
    digits = digits.rstrip("0")
    return element[0] + digits if digits else ""


def _offset(instant: datetime, element: str) -> str:
    offset = instant.utcoffset() or timedelta()
    seconds = int(offset.total_seconds())
    if element[0] == "Z" and seconds == 0:
        return "Z"
    sign = "-" if seconds < 0 else "+"
    minutes, second = divmod(abs(seconds), 60)
    hour, minute = divmod(minutes, 60)
    shape = element[3:]
    colon = ":" if ":" in shape else ""
    printed = f"{sign}{hour:02d}"
    if shape:
        printed += f"{colon}{minute:02d}"
    if len(shape) - 2 * len(colon) >= 4:
        printed += f"{colon}{second:02d}"
    return printed


def _zone(instant: datetime) -> str:
    """The zone's short name; one that has only an offset prints as `-0700` would."""
    name = instant.tzname()
    unnamed = isinstance(instant.tzinfo, timezone) and instant.tzinfo is not UTC and (name or "").startswith("UTC")
    return _offset(instant, "-0700") if not name or unnamed else name


_PLAIN: Final[dict[str, Callable[[datetime], str]]] = {
    "2006": lambda at: f"{at.year:04d}",
    "06": lambda at: f"{at.year % 100:02d}",
    "January": lambda at: _MONTHS[at.month - 1],
    "Jan": lambda at: _MONTHS[at.month - 1][:3],
    "01": lambda at: f"{at.month:02d}",
    "1": lambda at: str(at.month),
    "Monday": lambda at: _DAYS[at.weekday()],
    "Mon": lambda at: _DAYS[at.weekday()][:3],
    "02": lambda at: f"{at.day:02d}",
    "_2": lambda at: f"{at.day:2d}",
    "2": lambda at: str(at.day),
    "002": lambda at: f"{_year_day(at):03d}",
    "__2": lambda at: f"{_year_day(at):3d}",
    "15": lambda at: f"{at.hour:02d}",
    "03": lambda at: f"{_hour12(at):02d}",
    "3": lambda at: str(_hour12(at)),
    "04": lambda at: f"{at.minute:02d}",
    "4": lambda at: str(at.minute),
    "05": lambda at: f"{at.second:02d}",
    "5": lambda at: str(at.second),
    "PM": lambda at: "PM" if at.hour >= 12 else "AM",
    "pm": lambda at: "pm" if at.hour >= 12 else "am",
    "MST": _zone,
}
