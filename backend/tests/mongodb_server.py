"""Servers of our own, to be killed, to demand passwords, or to be no replica set."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.ports import free_port

ADMIN = ("root", "r@:/%")
_START_SECONDS = 180


def find_mongod() -> str:
    """Where the server's program is; an error says how to get it."""
    state = Path(
        os.environ.get("SERVICES_DIR")
        or Path(os.environ.get("TMPDIR", "/tmp")) / "elkvision-services"  # noqa: S108
    )
    found = os.environ.get("MONGOD") or shutil.which("mongod") or str(state / "mongod")
    if not os.access(found, os.X_OK):
        raise FileNotFoundError("no mongod: SERVICES_ENGINE=none infra/dev/services start")
    return found


class MongoServer:
    """One mongod on a port of its own. `arguments` are its options, `tls` those of its clients."""

    def __init__(self, *arguments: str, tls: Mapping[str, Any] | None = None) -> None:
        self._tls = dict(tls or {})
        self._folder = Path(tempfile.mkdtemp(prefix="elkv-mongod-"))
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def start(self) -> None:
        (self._folder / "data").mkdir(exist_ok=True)
        key = self._folder / "key"
        key.write_text("a" * 32)
        key.chmod(0o600)
        arguments = [part.replace("KEY", str(key)) for part in self._arguments]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    find_mongod(),
                    *("--port", str(self.port), "--bind_ip", "127.0.0.1"),
                    *("--dbpath", str(self._folder / "data"), "--wiredTigerCacheSizeGB", "0.25"),
                    "--nounixsocket",
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait(lambda client: client.admin.command("ping"))

    def make_replica_set(self) -> None:
        members = [{"_id": 0, "host": f"127.0.0.1:{self.port}"}]
        with self.client() as client:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        self.wait_for_primary()

    def wait_for_primary(self) -> None:
        def is_primary(client: MongoClient[Any]) -> None:
            if not client.admin.command("hello")["isWritablePrimary"]:
                raise PyMongoError("not primary yet")

        self._wait(is_primary)

    def make_admin(self) -> None:
        """The first user of a server with --auth: it may be made by anybody on its machine."""
        with self.client() as client:
            client.admin.command("createUser", ADMIN[0], pwd=ADMIN[1], roles=["root"])

    def client(self, **options: Any) -> MongoClient[Any]:
        return MongoClient(
            "127.0.0.1",
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=5_000,
            **self._tls,
            **options,
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, ask: Callable[[MongoClient[Any]], object]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self.client() as client:
                    ask(client)
                    return
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


@contextmanager
def replica_set(*arguments: str, tls: Mapping[str, Any] | None = None) -> Iterator[MongoServer]:
    """A running server that is a replica set of its own."""
    server = MongoServer("--replSet", "rs0", *arguments, tls=tls)
    try:
        server.start()
        server.make_replica_set()
        yield server
    finally:
        server.remove()
