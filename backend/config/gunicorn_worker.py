"""Our worker and our logging for gunicorn."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Any

from django.conf import settings
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from typing_extensions import override
from uvicorn_worker import UvicornWorker

from config.serving import OPTIONS, EndingServer

# Of the graceful timeout so much is left for closing the journal and ending the process.
CLOSING_SECONDS = 3


class WebWorker(UvicornWorker):
    """One web process."""

    CONFIG_KWARGS = {**OPTIONS}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._delay_seconds: int = settings.SHUTDOWN_DELAY_SECONDS
        for name in ("uvicorn.error", "uvicorn.access"):
            logger = logging.getLogger(name)
            # The base class puts gunicorn's handlers there; ours are at the root.
            logger.handlers = []
            logger.propagate = True
            logger.setLevel(logging.WARNING)

    @override
    async def _serve(self) -> None:
        self.config.app = self.wsgi
        grace_seconds = self.cfg.graceful_timeout - self._delay_seconds - CLOSING_SECONDS
        self.config.timeout_graceful_shutdown = max(1, grace_seconds)
        server = EndingServer(self.config, delay_seconds=self._delay_seconds, parent=self.ppid)
        # So its master tells a worker to end at once. The base class only takes a note of it.
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGQUIT, server.handle_exit, signal.SIGINT, None
        )
        # What is inside of them: uvloop closes it, and around it gunicorn would complain.
        await server.serve(sockets=[listener.sock for listener in self.sockets])
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


class OurLogger(Logger):
    """Hands gunicorn's messages to the handlers that the settings made."""

    @override
    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        self.loglevel = logging.INFO
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.access_log.disabled = True
