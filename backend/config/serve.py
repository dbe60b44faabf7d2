"""The web server over a socket that is listening already: `python -m config.serve <descriptor>`.

Uvicorn's own `--fd` takes every descriptor for a Unix socket: TCP_NODELAY is then never set, and
each answer waits 40 ms for the client's delayed acknowledgement.
"""

from __future__ import annotations

import socket
import sys

import uvicorn

KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 5


def main(descriptor: int) -> None:
    """Serves until SIGTERM or SIGINT; running requests have GRACE_SECONDS then."""
    config = uvicorn.Config(
        "config.asgi:application",
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with socket.socket(fileno=descriptor) as listener:
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]))
