"""The command `s3-dist-cp`: options from the command line, places from the environment, one exit code.

0 copied · 1 failed · 2 wrong options · 143 ended by SIGTERM. AWS_ENDPOINT_URL is the S3 to use, EMR_EMULATOR_HDFS the
folder behind `hdfs://`. As on EMR, progress goes to the step's syslog (HADOOP_LOG_DIR/HADOOP_LOGFILE), errors go to
stderr too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from emr_emulator.locations import StorageError
from emr_emulator.s3distcp.options import OptionError, Options, help_text, parse_options

_log = logging.getLogger("s3distcp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run s3-dist-cp and give its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = parse_options(arguments)
    except OptionError as error:
        print(f"s3-dist-cp: {error}", file=sys.stderr)
        return 2
    if options is None:
        print(help_text())
        return 0
    _log_to_syslog()
    _log.info("S3DistCp args: %s", " ".join(arguments))
    if options.ignored:
        _log.info("Accepted without effect: %s", ", ".join(options.ignored))
    try:
        return asyncio.run(_run(options))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM


async def _run(options: Options) -> int:
    # Imported after the options are known to be good: --help and a typo shouldn't wait for it.
    from emr_emulator.s3distcp.manifest import ManifestError
    from emr_emulator.s3distcp.plan import PlanError
    from emr_emulator.s3distcp.run import CopyError, run
    from emr_emulator.storage import Storage

    task = asyncio.current_task()
    if task is not None:
        # Cancelling lets half-written files and uploads be taken back; the default would just die.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with Storage.of_environment(os.environ) as storage:
        try:
            summary = await run(options, storage)
        except OptionError as error:
            _fail(error)
            return 2
        except (CopyError, PlanError, ManifestError, StorageError) as error:
            _fail(error)
            return 1
    _log.info("Copied %d files to %d files (%d left out)", summary.read, summary.written, summary.excluded)
    return 0


def _fail(error: Exception) -> None:
    _log.error("%s", error)
    print(f"s3-dist-cp: {error}", file=sys.stderr)


def _log_to_syslog() -> None:
    folder = os.environ.get("HADOOP_LOG_DIR")
    handler: logging.Handler = logging.NullHandler()
    if folder:
        handler = logging.FileHandler(Path(folder) / os.environ.get("HADOOP_LOGFILE", "syslog"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s (%(threadName)s): %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False


if __name__ == "__main__":
    sys.exit(main())
