"""How long a command takes to be there, and what it imports meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter

from tests.bench.figures import Figure
from tests.cli.program import PROGRAM

_TIMES = 20
_SHOWN_IMPORTS = 12
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")


def help_figures() -> list[Figure]:
    """`--help` against an interpreter that does nothing. The two take turns, so that both meet the same machine."""
    bare, helping = [], []
    for _ in range(_TIMES):
        bare.append(_seconds([sys.executable, "-c", "pass"]))
        helping.append(_seconds([str(PROGRAM), "--help"]))
    return [
        Figure(what="dataflow-runner --help, median of 20", value=median(helping) * 1000, unit="ms", limit=120),
        Figure(what="python -c pass, median of 20", value=median(bare) * 1000, unit="ms"),
        Figure(what="--help in terms of python -c pass", value=median(helping) / median(bare), unit="times"),
    ]


def import_figures() -> list[Figure]:
    """The modules that `--help` spends most on, each with all that it imports."""
    command = [sys.executable, "-X", "importtime", str(PROGRAM), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {match[4]: int(match[2]) / 1000 for match in _LINE.finditer(done.stderr)}
    dearest = sorted(found.items(), key=lambda item: -item[1])[:_SHOWN_IMPORTS]
    return [Figure(what=f"import {name}, with what it imports", value=spent, unit="ms") for name, spent in dearest]


def _seconds(command: Sequence[str]) -> float:
    began = perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - began
