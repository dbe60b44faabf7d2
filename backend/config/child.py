"""Runs one program of the group so that it ends with the supervisor, however that ends.

    python -m config.child <lifeline> <module or file.py> [arguments…]

The kernel kills the program when its parent dies (Linux). Where it cannot, the lifeline does: a
pipe whose other end only the supervisor holds, so that reading it ends when the supervisor ends.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import select
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1
# Ctrl-C in a terminal reaches everybody: who is still starting would end with a stack trace.
BLOCKED = frozenset({signal.SIGINT})


def main(argv: list[str]) -> None:
    """Ties the process to its parent, then becomes the program."""
    for number in BLOCKED:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
    lifeline, program, *arguments = argv
    tie_to_parent(int(lifeline))
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


def tie_to_parent(lifeline: int) -> None:
    """From now on this process is killed when the holder of the lifeline's other end dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above: then the pipe is at its end already.
    readable, _, _ = select.select([lifeline], [], [], 0)
    if readable:
        sys.exit("the supervisor has gone")
    threading.Thread(target=_end_with, args=(lifeline,), name="lifeline", daemon=True).start()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
