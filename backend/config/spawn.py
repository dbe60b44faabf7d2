"""Starts a program of ours: this Python, no input, and only the descriptors that are named."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path


def spawn(
    arguments: Iterable[str],
    *,
    environment: Mapping[str, str] | None = None,
    inherited: Iterable[int] = (),
    output: Path | None = None,
    blocked: Iterable[signal.Signals] = (),
) -> int:
    """The process id of `python <arguments>`; its output goes to ours, or into the file.

    `blocked` signals wait for it until it unblocks them.
    """
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    ]
    if output is not None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions.append((os.POSIX_SPAWN_OPEN, 1, str(output), flags, 0o600))
    # Copying a descriptor onto itself is how this call keeps it open.
    actions.extend((os.POSIX_SPAWN_DUP2, number, number) for number in inherited)
    return os.posix_spawn(
        sys.executable,
        [sys.executable, *arguments],
        {**os.environ, **(environment or {})},
        file_actions=actions,
        setsigmask=blocked,
    )


def wait(pid: int) -> int:
    """Blocks until the process ends; its return code, negative for a signal."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)
