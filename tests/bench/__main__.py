"""Measures the figures that the project promises: `python -m tests.bench` from the checkout, on an idle machine.

Exit code 1 when a promise is broken. No part of the tests: times depend on the machine.
"""

from __future__ import annotations

import argparse
import sys

from tests.bench.figures import as_json, as_table
from tests.bench.running import look_figures, memory_figures
from tests.bench.starting import help_figures, import_figures


def main() -> int:
    """Measure, show, and judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--imports", action="store_true", help="also what --help imports, the dearest first")
    chosen = parser.parse_args()
    figures = [*help_figures(), *memory_figures(), *look_figures()]
    if chosen.imports:
        figures += import_figures()
    print(as_json(figures) if chosen.json else as_table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
