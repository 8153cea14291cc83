"""A folder that is gone when the emulator is, even one that was killed."""

import asyncio
import contextlib
import shutil
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

# It waits for the end of its input, which comes with the emulator's end however that came. Steps are killed at the same
# time, but may have some seconds of grace in which they still write.
_JANITOR = 'cat >/dev/null; n=0; while [ $n -lt 40 ]; do rm -rf -- "$1"; n=$((n+1)); sleep 0.2; done'


@asynccontextmanager
async def scratch_folder(purpose: str) -> AsyncIterator[Path]:
    """Make a temporary folder for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix=f"emr-emulator-{purpose}-"))
    try:
        janitor = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", _JANITOR, "sh", str(folder), stdin=PIPE, start_new_session=True
        )
        try:
            yield folder
        finally:
            with contextlib.suppress(ProcessLookupError):
                janitor.kill()
            await janitor.wait()
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
