"""The commands about locks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dataflow_runner.cli.context import Context, common_options, pass_context
from dataflow_runner.cli.output import ExitCode, print_result, say

if TYPE_CHECKING:
    from dataflow_runner.jobs.journal import Journal
    from dataflow_runner.jobs.lock import LockHolder, Locks

F = TypeVar("F", bound=Callable[..., Any])


@click.group("lock")
def lock() -> None:
    """Show who holds a lock, and free it.

    NAME is a lock of the journal's; with --file a lock file's path, with --consul a key in Consul.
    """


def _place_options(command: F) -> F:
    """Where the lock lives, if not in the journal."""
    file = click.option("--file", "is_file", is_flag=True, help="NAME is the path of a lock file.")
    consul = click.option("--consul", metavar="ADDRESS", help="NAME is a key in the Consul at this address.")
    return file(consul(common_options(command)))


@lock.command("status")
@click.argument("name")
@_place_options
@pass_context
def status(context: Context, /, name: str, consul: str | None, *, is_file: bool) -> int:
    """Show who holds a lock; exits with 17 when somebody does."""
    holder = asyncio.run(_holder(context, name, consul, is_file=is_file))
    print_result({"lock": name, "held": holder is not None} | _described(holder))
    return ExitCode.LOCK_HELD if holder else ExitCode.SUCCESS


@lock.command("release")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@_place_options
@pass_context
def release(context: Context, /, name: str, consul: str | None, *, is_file: bool, yes: bool) -> int:
    """Free a lock, whoever holds it. Be sure that nothing runs under it."""
    holder = asyncio.run(_holder(context, name, consul, is_file=is_file))
    if holder is None:
        say(f"nobody holds the lock {name!r}")
        return ExitCode.SUCCESS
    if not yes:
        click.confirm(f"The lock {name!r} is held by {holder}. Free it?", abort=True, err=True)
    freed = asyncio.run(_break(context, name, consul, is_file=is_file))
    print_result({"lock": name, "released": freed is not None} | _described(freed))
    return ExitCode.SUCCESS


async def _holder(context: Context, name: str, consul: str | None, *, is_file: bool) -> LockHolder | None:
    async with context.journal() as journal:
        return await _place(journal, consul, is_file=is_file).holder(_name(name, is_file=is_file))


async def _break(context: Context, name: str, consul: str | None, *, is_file: bool) -> LockHolder | None:
    async with context.journal() as journal:
        return await _place(journal, consul, is_file=is_file).break_lock(_name(name, is_file=is_file))


def _place(journal: Journal, consul: str | None, *, is_file: bool) -> Locks:
    from dataflow_runner.cli.locks import consul_locks, file_locks

    if is_file and consul:
        raise click.UsageError("--file and --consul exclude each other.")
    if consul:
        return consul_locks(consul)
    return file_locks() if is_file else journal.locks


def _name(name: str, *, is_file: bool) -> str:
    return str(Path(name).absolute()) if is_file else name


def _described(holder: LockHolder | None) -> dict[str, object]:
    if holder is None:
        return {}
    return {
        "run-id": holder.run_id or None,
        "owner": holder.owner,
        "cluster-id": holder.cluster_id,
        "taken-at": holder.taken_at.isoformat() if holder.taken_at else None,
        "kind": "HARD" if holder.hard else "SOFT",
    }
