"""Failed runs told to Sentry, for those who ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dataflow_runner.errors import InputError


@contextmanager
def reporting(dsn: str | None, run_id: str) -> Iterator[Callable[[int], int]]:
    """Report an exception that ends the run, and an exit code that isn't 0; does nothing without a DSN."""
    if dsn is None:
        yield lambda exit_code: exit_code
        return
    try:
        import sentry_sdk
    except ImportError:
        raise InputError("--sentry needs the Sentry library: pip install 'dataflow-runner[sentry]'") from None
    sentry_sdk.init(dsn=dsn, default_integrations=False, include_local_variables=False)
    sentry_sdk.set_tag("run_id", run_id)

    def report(exit_code: int) -> int:
        if exit_code:
            sentry_sdk.capture_message(f"run {run_id} ended with exit code {exit_code}", level="error")
        return exit_code

    try:
        yield report
    except Exception as error:
        sentry_sdk.capture_exception(error)
        raise
    finally:
        sentry_sdk.flush(timeout=5)
