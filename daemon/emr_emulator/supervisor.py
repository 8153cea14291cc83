"""Runs one program and sees to it that nothing the program started outlives it.

Started by file name with `python -I -S`, so it stands on the standard library alone:

    supervisor.py GRACE_SECONDS CONTROL_FD PROGRAM [ARGUMENT…]

CONTROL_FD is the reading end of a pipe that the emulator holds open. Its end of file means "stop": the emulator closed
it, or is dead, however it died. Then every descendant gets SIGTERM, after the grace time SIGKILL; so does what is left
when the program has ended by itself. As a child subreaper (Linux), this process inherits whatever its descendants
orphan, daemons included, so that all are found; elsewhere it reaches the program's process group. The exit code is the
program's, or 128 + the signal that ended it.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STEP = 0.05  # seconds between two looks at what is still alive


def main(arguments: list[str]) -> int:
    """Run the program to its end, or to the end of the control pipe."""
    grace, control, command = float(arguments[0]), int(arguments[1]), arguments[2:]
    wake = _wake_on_signals()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    program = _start(command, control)
    status: int | None = None
    while status is None:
        ready, _, _ = select.select([control, wake], [], [])
        status = _reap(program)
        if control in ready or (wake in ready and _stop_was_asked(wake)):
            break
    return _end_all(program, status, grace)


def _start(command: list[str], control: int) -> int:
    """Fork the program into a session of its own; it dies with this process even if that is killed."""
    parent = os.getpid()
    program = os.fork()
    if program:
        return program
    try:
        os.close(control)
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would pass that on
            signal.signal(ignored, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        if os.getppid() == parent:
            os.execvp(command[0], command)  # noqa: S606 (no shell is the point)
    except OSError as error:
        message = f"Cannot run program {command[0]!r}: error={error.errno}, {error.strerror}\n"
        os.write(2, message.encode(errors="replace"))
    os._exit(127)


def _wake_on_signals() -> int:
    """Make signals readable: the loop waits for them and for the control pipe in one place."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_STOPS):
        signal.signal(number, lambda *_: None)
    return reading


def _stop_was_asked(wake: int) -> bool:
    return any(number in _STOPS for number in os.read(wake, 4096))


def _reap(program: int) -> int | None:
    """Collect whoever has ended; gives the program's exit code if it was among them."""
    code: int | None = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == program:
            ended = os.waitstatus_to_exitcode(status)
            code = 128 - ended if ended < 0 else ended


def _end_all(program: int, status: int | None, grace: float) -> int:
    """Terminate, then kill, all that is left, and give the program's exit code."""
    deadline = time.monotonic() + grace
    _send(program, _descendants(), signal.SIGTERM)
    while True:
        ended = _reap(program)
        status = ended if status is None else status
        alive = _descendants()
        if not alive and status is not None:
            return status
        if time.monotonic() >= deadline:
            _send(program, alive, signal.SIGKILL)
        time.sleep(_STEP)


def _send(program: int, alive: list[int], number: signal.Signals) -> None:
    for send, target in [(os.killpg, program), *((os.kill, pid) for pid in alive)]:
        try:
            send(target, number)
        except (ProcessLookupError, PermissionError):
            continue


def _descendants() -> list[int]:
    """List all processes below this one (Linux; elsewhere none can be listed)."""
    parents: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208 (pathlib would double this program's start-up)
    except FileNotFoundError:
        return []
    for name in names:
        if name.isdigit():
            parents.setdefault(_parent(name), []).append(int(name))
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        below = parents.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 (as above)
            # "pid (name) state ppid …", where the name may hold anything, parentheses too.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
