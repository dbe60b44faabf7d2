"""Redis servers of a test's own: to be killed, to hang, to demand passwords or TLS."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from tests.ports import free_port

_START_SECONDS = 120


class RedisServer:
    """One redis-server on a port of its own, without files.

    With a certificate and its key it speaks TLS only.
    """

    def __init__(
        self, *, password: str | None = None, certificate: tuple[Path, Path] | None = None
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="elkv-redis-"))
        self._certificate = certificate
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("no redis-server: .ci/packages names what to install")
        asked = ["--requirepass", self._password] if self._password else []
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    *("--bind", "127.0.0.1", *self._port_options()),
                    *("--dir", str(self._folder), "--save", "", "--appendonly", "no"),
                    *asked,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def _port_options(self) -> tuple[str, ...]:
        if self._certificate is None:
            return ("--port", str(self.port))
        chain, key = self._certificate
        return (
            *("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(chain), "--tls-key-file", str(key)),
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Connections are taken, and nobody ever answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def become_replica(self) -> None:
        """Of nobody: it answers questions, and refuses to be written to."""
        self.client().replicaof("127.0.0.1", 1)

    def become_primary(self) -> None:
        self.client().replicaof("NO", "ONE")

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def client(self, db: int = 0) -> redis.Redis:
        return redis.Redis(port=self.port, db=db, password=self._password, socket_timeout=60)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                # A port for TLS alone answers only those who speak it.
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return
