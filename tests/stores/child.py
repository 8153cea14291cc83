"""What another process does to a journal: run as a program by the tests, with a command, a path and its arguments.

Each command writes its result to stdout, a line each. Those that wait do so until a line or the end of stdin comes.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.stores.samples import NOON, RUN, a_run, an_entry

from dataflow_runner.errors import RunHeld, RunnerError
from dataflow_runner.jobs.ids import RunId
from dataflow_runner.stores.sqlite import SqliteJournal


def say(line: str) -> None:
    print(line, flush=True)


async def drive(journal: SqliteJournal) -> None:
    """Create a run, own it, and live on until killed."""
    instance = await journal.register(NOON)
    await journal.create(a_run(), an_entry())
    await journal.claim(RUN, instance, NOON)
    say(instance)
    sys.stdin.readline()


async def create(journal: SqliteJournal, count: str) -> None:
    """Once told to, create runs of the same ids as others do; say those that were created here."""
    say("ready")
    sys.stdin.readline()
    for number in range(int(count)):
        if await journal.create(a_run(f"r{number}"), an_entry()):
            say(f"r{number}")


async def claim(journal: SqliteJournal) -> None:
    """Once told to, claim the run, say whether it worked, and live until told to end."""
    instance = await journal.register(NOON)
    say("ready")
    sys.stdin.readline()
    try:
        await journal.claim(RUN, instance, NOON)
        say("claimed")
    except RunHeld:
        say("held")
    sys.stdin.readline()


async def overfill(journal: SqliteJournal, how: str) -> None:
    """Add runs until the disk takes no more; say what was said then, and whether it works again with room."""
    await journal.create(a_run("first"), an_entry())
    if how == "limited":
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    ballast = Path(sys.argv[2]).with_name("ballast")
    if how == "full":
        ballast.write_bytes(b"x" * 200_000)
    number = 0
    try:
        while number < 1000:
            number += 1
            record = a_run(f"r{number}", text=f"{number} {RUN}")
            await journal.create(record, an_entry("long " * 10_000))
    except RunnerError as error:
        say(type(error).__name__)
        say(str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ballast.unlink(missing_ok=True)
    say(str(await journal.create(a_run(f"r{number}"), an_entry())))
    runs = await journal.list_runs(limit=2000)
    say(str(len(runs) == number + 1 and all([await journal.history(RunId(run.run_id)) for run in runs])))


async def main() -> None:
    command, path, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., Awaitable[None]]] = {
        "drive": drive,
        "create": create,
        "claim": claim,
        "overfill": overfill,
    }
    journal = SqliteJournal.open(Path(path))
    try:
        await commands[command](journal, *arguments)
    finally:
        await journal.close()


if __name__ == "__main__":
    asyncio.run(main())
