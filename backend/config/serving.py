"""How uvicorn serves us, under the supervisor as under gunicorn, and how it ends."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType
from typing import Any

import uvicorn
from typing_extensions import override

from app.core.ending import begin_ending
from config.connections import BoundedHttp

KEEP_ALIVE_SECONDS = 75

OPTIONS: dict[str, Any] = {
    "loop": "uvloop",
    "http": BoundedHttp,
    "access_log": False,
    "server_header": False,
    # TRUSTED_PROXIES says whom to believe, in one place for all.
    "proxy_headers": False,
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
}


class EndingServer(uvicorn.Server):
    """Told to end it is not ready any more, but goes on for `delay_seconds`: so long do those who
    send requests here take to notice. Only then it accepts nothing more and finishes what runs."""

    def __init__(
        self, config: uvicorn.Config, *, delay_seconds: float = 0.0, parent: int | None = None
    ) -> None:
        """`parent`: the process without which this one ends too."""
        super().__init__(config)
        self._delay_seconds = delay_seconds
        self._parent = parent
        self._ends_at: float | None = None

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Asked once it waits, by Ctrl-C at once, by a second Ctrl-C without a word to anybody."""
        begin_ending()
        now = time.monotonic()
        if sig == signal.SIGINT:
            self.force_exit = self._ends_at is not None
            self._ends_at = now
        elif self._ends_at is None:
            self._ends_at = now + self._delay_seconds

    @override
    async def on_tick(self, counter: int) -> bool:
        is_due = self._ends_at is not None and time.monotonic() >= self._ends_at
        is_orphan = self._parent is not None and os.getppid() != self._parent
        self.should_exit = self.should_exit or is_due or is_orphan
        return await super().on_tick(counter)
