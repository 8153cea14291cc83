"""The three standard streams, there even when whoever started the program closed them."""

from __future__ import annotations

import os
import sys


def ensure_streams() -> None:
    """Put the null device in the place of a closed standard stream.

    Else the next file that is opened gets its number, and what is written to stderr ends up in a journal.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - open for as long as the program is
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
