"""docs/aws.md against the calls that the code makes, and its quotas."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT, first_words, page, rows, section

from dataflow_runner.fabrics.emr.quota import ALL_CALLS, OTHER_CALL, QUOTAS, Quota
from dataflow_runner.specs.lint.common import WORDS

PAGE = page("aws.md")
FOLDER = ROOT / "daemon" / "dataflow_runner" / "fabrics" / "emr"
_OPERATION = re.compile(
    r"(?:Add|Assume|Cancel|Create|Delete|Describe|Get|Head|List|Modify|Put|Remove|Run|Set|Terminate)[A-Z]\w+"
)
BY_THE_SDK = {"AssumeRole"}
"""What botocore calls on behalf of assumeRoleArn."""


def _called() -> Iterator[str]:
    """Names of operations among the texts that are handed to calls; what is taken out of answers isn't one."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Attribute) and node.func.attr == "get"):
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                texts = (part.value for part in given if isinstance(part, ast.Constant))
                yield from (text for text in texts if isinstance(text, str) and _OPERATION.fullmatch(text))


def test_every_call_that_is_made_is_in_the_table_of_permissions() -> None:
    told = [row[0].strip("`") for row in rows(section(PAGE, "Permissions"))]
    assert set(told) == set(_called()) | BY_THE_SDK
    assert len(told) == len(set(told))


def test_every_emr_call_has_the_permission_of_its_name() -> None:
    table = {row[0].strip("`"): row[1] for row in rows(section(PAGE, "Permissions"))}
    assert all(f"`elasticmapreduce:{call}`" in table[call] for call in QUOTAS if call in table)


def test_the_quotas_are_those_that_are_kept_to() -> None:
    told: dict[str, Quota] = {}
    for calls, burst, per_second in rows(section(PAGE, "Quotas")):
        names = re.findall(r"`(\w+)`", calls) or [calls]
        told |= dict.fromkeys(names, Quota(burst=float(burst), per_second=float(per_second)))
    assert told == {**QUOTAS, "any other": OTHER_CALL, "all together": ALL_CALLS}


def test_the_words_for_credentials_are_told() -> None:
    assert set(first_words(section(PAGE, "Credentials"))) == set(WORDS)
