"""Time limits on a machine that others use too: what it did not run at all is nobody's fault."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_NAP_SECONDS = 0.005
# So late everybody may be.
_ORDINARY_SECONDS = 0.01


class Standstill:
    """For how long this process, which wanted to go on every few milliseconds, could not: while it is
    open, `seconds` grows by that."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._is_over.is_set():
            time.sleep(_NAP_SECONDS)
            now = time.monotonic()
            late = now - last - _NAP_SECONDS
            if late > _ORDINARY_SECONDS:
                self.seconds += late
            last = now


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done in the block takes less, without the times in which the machine stood still."""
    with Standstill() as standstill:
        before = time.monotonic()
        yield
        took = time.monotonic() - before
    assert took - standstill.seconds < seconds, (
        f"it took {took:.2f} s, of which the machine stood still for {standstill.seconds:.2f} s"
    )
