"""Whether this process has been told to end: it still answers, but wants no new work."""

from __future__ import annotations


class _Process:
    is_ending = False


def begin_ending() -> None:
    """From now on this process is not ready. Safe in a signal handler."""
    _Process.is_ending = True


def is_ending() -> bool:
    """Whether the end has begun."""
    return _Process.is_ending


def forget_ending() -> None:
    """For tests, whose process goes on."""
    _Process.is_ending = False
