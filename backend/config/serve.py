"""The web server over a socket that is listening already: `python -m config.serve <descriptor>`.

Uvicorn's own `--fd` takes every descriptor for a Unix socket: TCP_NODELAY is then never set, and
each answer waits 40 ms for the client's delayed acknowledgement.
"""

from __future__ import annotations

import socket
import sys

import uvicorn

from config.serving import OPTIONS, EndingServer

GRACE_SECONDS = 5


def main(descriptor: int) -> None:
    """Serves until SIGTERM or SIGINT; running requests have GRACE_SECONDS then."""
    config = uvicorn.Config(
        "config.asgi:application",
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
        **OPTIONS,
    )
    with socket.socket(fileno=descriptor) as listener:
        EndingServer(config).run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]))
