"""How a shipper is asked to stop."""

from __future__ import annotations

import time

NAP_SECONDS = 0.05


class Stop:
    """Asked for by a signal handler, looked at by the shipper: a flag, because a handler must not
    touch locks that the interrupted code may hold."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self) -> None:
        self.is_asked = True

    def sleep(self, seconds: float) -> bool:
        """Waits, unless asked to stop meanwhile: `False` then."""
        until = time.monotonic() + seconds
        while not self.is_asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, NAP_SECONDS))
        return not self.is_asked
