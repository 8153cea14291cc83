"""Plans: every file in exactly one output, parts that close at the target, names that never collide."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_emulator.s3distcp.options import Codec
from emr_emulator.s3distcp.patterns import compile_pattern
from emr_emulator.s3distcp.plan import (
    JoinRule,
    Output,
    PlanError,
    Source,
    group_sources,
    number_outputs,
    plan_copies,
    plan_groups,
    select,
    split_parts,
)
from emr_emulator.storage import Entry, parse_location

_MEBIBYTE = 1024 * 1024


def source(relative: str, size: int = 1) -> Source:
    place = parse_location("s3://b/in").child(relative)
    return Source(entry=Entry(location=place, size=size, modified=0.0), relative=relative)


def joined(pattern: str, names: list[str], rule: JoinRule | None = None) -> list[Output]:
    groups = group_sources([source(name) for name in names], compile_pattern(pattern))
    return plan_groups(groups, rule or JoinRule(), {})


def shape(outputs: list[Output]) -> dict[str, list[str]]:
    return {output.relative: [one.relative for one in output.sources] for output in outputs}


def test_a_pattern_has_to_match_the_whole_uri() -> None:
    sources = [source("a.log"), source("a.log.bak")]
    assert select(sources, compile_pattern(r".*\.log")) == sources[:1]
    assert select(sources, compile_pattern(r"a\.log")) == []
    assert select(sources, None) == sources


def test_the_key_is_all_groups_concatenated_and_names_the_output() -> None:
    names = ["part-00000-x.txt", "part-00001-x.txt", "part-00000-y.txt", "_SUCCESS"]
    outputs = joined(r".*(part-)\d+-(.*)", names)
    assert shape(outputs) == {
        "part-x.txt": ["part-00000-x.txt", "part-00001-x.txt"],
        "part-y.txt": ["part-00000-y.txt"],
    }


def test_an_output_is_in_the_folder_of_its_first_file() -> None:
    outputs = joined(r".*/(\d\d)/.*\.log", ["2017-02-01/03/a.log", "2017-02-01/03/b.log", "2017-02-01/04/c.log"])
    assert list(shape(outputs)) == ["2017-02-01/03/03", "2017-02-01/04/04"]


def test_a_group_that_captures_nothing_usable_is_refused() -> None:
    with pytest.raises(PlanError, match="names no file"):
        joined(r".*()a", ["a"])


def test_an_optional_group_counts_as_nothing() -> None:
    assert list(shape(joined(r".*/(x)?(a|b)", ["a", "xb"]))) == ["a", "xb"]


def test_parts_are_numbered_before_the_suffix_from_zero() -> None:
    """Amazon's reference: `myfile.gz` becomes `myfile0.gz`, `myfile1.gz`, and so on."""
    rule = JoinRule(target_size=2)
    outputs = joined(r".*/\d(myfile\.gz)", [f"{number}myfile.gz" for number in range(5)], rule)
    assert shape(outputs) == {
        "myfile0.gz": ["0myfile.gz", "1myfile.gz"],
        "myfile1.gz": ["2myfile.gz", "3myfile.gz"],
        "myfile2.gz": ["4myfile.gz"],
    }


def test_a_joined_output_gets_the_suffix_of_its_inputs() -> None:
    assert list(shape(joined(r".*/(day)-\d\.gz", ["day-1.gz", "day-2.gz"]))) == ["day.gz"]


def test_a_joined_copy_never_overwrites() -> None:
    groups = group_sources([source("a1"), source("a2")], compile_pattern(r".*/(a)\d"))
    outputs = plan_groups(groups, JoinRule(), {"a": 9, "a0": 9})
    assert shape(outputs) == {"a1": ["a1", "a2"]}


def test_two_groups_whose_names_coincide_get_two_files() -> None:
    outputs = joined(r".*/(a)\d(?:(\.gz)|_.*)", ["a1.gz", "a2_.gz"])
    assert shape(outputs) == {"a.gz": ["a1.gz"], "a0.gz": ["a2_.gz"]}


def test_files_of_different_compression_are_not_joined_as_they_are() -> None:
    with pytest.raises(PlanError, match=r"different compression \(gz, none\)"):
        joined(r".*/(a)\d.*", ["a1.gz", "a2.txt"])
    with pytest.raises(PlanError, match="without a lzo library"):
        joined(r".*/(a)\d.*", ["a1.lzo", "a2.lzo"])
    [output] = joined(r".*/(a)\d.*", ["a1.gz", "a2.txt"], JoinRule(codec=Codec.GZIP))
    assert (output.relative, output.decompress, output.compress) == ("a.gz", True, True)


@pytest.mark.parametrize(
    ("codec", "name", "expected", "decompress", "compress"),
    [
        (Codec.KEEP, "a/b.gz", "a/b.gz", False, False),
        (Codec.GZIP, "a/b.log", "a/b.log.gz", True, True),
        (Codec.GZIP, "a/b.gz", "a/b.gz", False, False),
        (Codec.GZIP, "a/b.lzo", "a/b.gz", True, True),
        (Codec.NONE, "a/b.log.gz", "a/b.log", True, False),
        (Codec.NONE, "a/b.log", "a/b.log", False, False),
    ],
)
def test_a_codec_changes_suffix_and_bytes(
    codec: Codec, name: str, expected: str, decompress: bool, compress: bool
) -> None:
    [output] = plan_copies([source(name)], codec=codec)
    assert (output.relative, output.decompress, output.compress) == (expected, decompress, compress)


def test_two_files_that_would_become_one_are_named() -> None:
    with pytest.raises(PlanError, match=r"s3://b/in/a and s3://b/in/a\.gz would both become 'a'"):
        plan_copies([source("a"), source("a.gz")], codec=Codec.NONE)


def test_numbers_go_before_the_names() -> None:
    outputs = number_outputs(plan_copies([source("x/a"), source("b")], codec=Codec.KEEP), 7)
    assert list(shape(outputs)) == ["x/7a", "8b"]


def test_numbered_parts_count_over_all_groups() -> None:
    rule = JoinRule(target_size=1, first_number=3)
    outputs = joined(r".*/([ab])\d", ["a1", "a2", "b1"], rule)
    assert list(shape(outputs)) == ["3a0", "4a1", "5b"]


def test_appending_fills_the_last_file_before_it_starts_another() -> None:
    groups = group_sources([source("a1", 3), source("a2", 3)], compile_pattern(r".*/(a)\d"))
    rule = JoinRule(target_size=5, append=True)
    outputs = plan_groups(groups, rule, {"a0": 9, "a1": 3, "a": 9, "ax": 1})
    assert [(o.relative, o.append, len(o.sources)) for o in outputs] == [("a1", True, 1), ("a2", False, 1)]


def test_appending_starts_anew_when_the_last_file_is_full() -> None:
    groups = group_sources([source("a1", 3)], compile_pattern(r".*/(a)\d"))
    outputs = plan_groups(groups, JoinRule(target_size=5, append=True), {"a0": 1, "a1": 5})
    assert [(o.relative, o.append) for o in outputs] == [("a", False)]


_SIZES = st.lists(st.integers(min_value=0, max_value=5 * _MEBIBYTE), max_size=30)


@given(_SIZES, st.none() | st.integers(min_value=1, max_value=8 * _MEBIBYTE))
def test_every_part_but_the_last_reaches_the_target_with_its_last_file(sizes: list[int], target: int | None) -> None:
    sources = [source(str(number), size) for number, size in enumerate(sizes)]
    parts = split_parts(sources, target)
    assert [one for part in parts for one in part] == sources
    assert all(parts)
    if target is None:
        assert len(parts) <= 1
        return
    assert all(sum(one.entry.size for one in part[:-1]) < target for part in parts)
    assert all(sum(one.entry.size for one in part) >= target for part in parts[:-1])


_NAMES = st.lists(
    st.from_regex(r"(x/|y/z/)?[ab][0-9]{1,3}(\.gz|\.txt)?", fullmatch=True), min_size=1, max_size=40, unique=True
)


@given(
    names=_NAMES,
    pattern=st.sampled_from([r".*/([ab])\d.*", r".*([ab])(\d).*", r".*/(x|z)/.*", r".*/(.*)"]),
    rule=st.builds(
        JoinRule,
        codec=st.sampled_from([Codec.GZIP, Codec.NONE]),
        target_size=st.none() | st.integers(min_value=1, max_value=6),
        append=st.booleans(),
        first_number=st.none() | st.integers(min_value=0, max_value=3),
    ),
    existing=st.dictionaries(st.sampled_from(["a", "a.gz", "x/a0.gz", "b1", "x/b", "1a.gz"]), st.integers(0, 9)),
)
def test_every_matched_file_is_in_exactly_one_new_output(
    names: list[str], pattern: str, rule: JoinRule, existing: dict[str, int]
) -> None:
    compiled = compile_pattern(pattern)
    sources = [source(name) for name in sorted(names)]
    matched = select(sources, compiled)
    outputs = plan_groups(group_sources(sources, compiled), rule, existing)
    assert Counter(one.relative for output in outputs for one in output.sources) == Counter(
        one.relative for one in matched
    )
    written = [output.relative for output in outputs]
    assert len(set(written)) == len(written)
    assert all(output.append for output in outputs if output.relative in existing)
    for output in outputs:
        assert list(output.sources) == sorted(output.sources, key=lambda one: one.relative)
