"""Go's time layouts, by the documentation of its time package."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_runner.specs.gotime import format_go

AT = datetime(2009, 2, 4, 21, 0, 57, 12_345, tzinfo=timezone(timedelta(hours=-8), "PST"))

LAYOUTS = [
    ("2006-01-02-15-04-05", "2009-02-04-21-00-57"),
    ("Mon Jan _2 15:04:05 2006", "Wed Feb  4 21:00:57 2009"),
    ("Monday, 02-Jan-06 15:04:05 MST", "Wednesday, 04-Feb-09 21:00:57 PST"),
    ("02 January 2006 -0700", "04 February 2009 -0800"),
    ("2006-01-02T15:04:05Z07:00", "2009-02-04T21:00:57-08:00"),
    ("2006-01-02T15:04:05.999999999Z07:00", "2009-02-04T21:00:57.012345-08:00"),
    ("3:04PM", "9:00PM"),
    ("03:04pm", "09:00pm"),
    ("Jan _2 15:04:05.000", "Feb  4 21:00:57.012"),
    ("15:04:05,000000", "21:00:57,012345"),
    ("5.000000000 5.0000000000", "57.012345000 57.012345000"),
    ("5.99 5,9 5.9999", "57.01 57 57.0123"),
    ("1/2/06 4 5", "2/4/09 0 57"),
    ("002 __2", "035  35"),
    ("Z07 Z0700 Z07:00 Z070000 Z07:00:00", "-08 -0800 -08:00 -080000 -08:00:00"),
    ("-07 -0700 -07:00 -070000 -07:00:00", "-08 -0800 -08:00 -080000 -08:00:00"),
    ("", ""),
    ("no element: hej", "no element: hej"),
]

SCANNING = [
    ("January Janu Jan Jan. JanU", "February Janu Feb Feb. FebU"),
    ("Monday Month Mon Mond Mon_", "Wednesday Month Wed Mond Wed_"),
    ("_2006 _2 __2 __2006", "_2009  4  35  35009"),
    ("20061", "20092"),
    ("2 20 200 2006", "4 40 400 2009"),
    ("02 002 0002", "04 035 0035"),
    ("15 1 11 115", "21 2 22 221"),
    ("5.001", "57.002"),
    ("5.0099", "57.0099"),
    ("5.09", "57.09"),
    ("5.000x", "57.012x"),
    ("PM Pm pm pM", "PM Pm pm pM"),
    ("MST MS", "PST MS"),
    ("-7 -070 -07000", "-7 -080 -08000"),
    ("Z7 Z07x", "Z7 -08x"),
    ("run=2006/m=01", "run=2009/m=02"),
]


@pytest.mark.parametrize(("layout", "outcome"), LAYOUTS)
def test_every_element_of_a_layout_prints_as_in_go(layout: str, outcome: str) -> None:
    assert format_go(AT, layout) == outcome


@pytest.mark.parametrize(("layout", "outcome"), SCANNING)
def test_what_counts_as_an_element_follows_gos_scanning(layout: str, outcome: str) -> None:
    assert format_go(AT, layout) == outcome


@pytest.mark.parametrize(("hour", "outcome"), [(0, "12AM"), (11, "11AM"), (12, "12PM"), (23, "11PM")])
def test_noon_is_12pm_and_midnight_is_12am(hour: int, outcome: str) -> None:
    assert format_go(AT.replace(hour=hour), "3PM") == outcome


def test_utc_prints_z_for_iso_zones_and_zeros_for_numeric_ones() -> None:
    at = datetime(2024, 12, 31, tzinfo=UTC)
    assert format_go(at, "Z07 Z0700 Z07:00 -07 -07:00 MST 002") == "Z Z Z +00 +00:00 UTC 366"


def test_zones_print_their_name_or_else_their_offset() -> None:
    at = datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert format_go(at.astimezone(ZoneInfo("Europe/Berlin")), "15 MST -07:00") == "14 CEST +02:00"
    assert format_go(at.astimezone(timezone(timedelta(hours=5, minutes=30))), "MST") == "+0530"


def test_an_offset_may_have_seconds() -> None:
    at = datetime(1900, 1, 1, tzinfo=timezone(-timedelta(hours=4, minutes=56, seconds=2)))
    assert format_go(at, "-07:00:00 -070000 -0700 Z07:00:00") == "-04:56:02 -045602 -0456 -04:56:02"


def test_whole_seconds_print_zeros_but_no_nines() -> None:
    assert format_go(AT.replace(microsecond=0), "5.000 5.999") == "57.000 57"


def test_early_years_have_four_digits() -> None:
    assert format_go(datetime(987, 1, 1, tzinfo=UTC), "2006 06") == "0987 87"


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_go(datetime(2024, 1, 1), "2006")  # noqa: DTZ001 - the error is about this


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_full_layout_reads_back(at: datetime) -> None:
    assert datetime.fromisoformat(format_go(at, "2006-01-02T15:04:05.000000Z07:00")) == at


@given(st.text(st.characters(exclude_characters="JMPpZ_-.,0123456")))
def test_a_layout_without_elements_prints_itself(layout: str) -> None:
    assert format_go(AT, layout) == layout
