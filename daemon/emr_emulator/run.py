"""Runs an emulator in the foreground until it is told to stop."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading

from emr_emulator.compose import Settings, serve


def run(settings: Settings, *, until_stdin_closes: bool) -> None:
    """Serve until SIGINT or SIGTERM, or the end of standard input; a second signal doesn't wait for a clean end."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(settings, until_stdin_closes=until_stdin_closes))


async def _serve(settings: Settings, *, until_stdin_closes: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop_gently() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_gently)
    if until_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    async with serve(settings) as emulator:
        sys.stdout.write(json.dumps({"endpoint": emulator.endpoint}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(stop.set)
