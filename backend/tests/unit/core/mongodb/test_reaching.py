"""What a starting process says about a server that it cannot use: over TLS, too slow, no set."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.ids import uuid7
from config.database import MAX_CONNECT_SECONDS
from tests.certificates import Authority
from tests.mongodb_server import MongoServer, replica_set

BACKEND = Path(__file__).resolve().parents[4]
# What starting Python takes beside it, at most, on a machine that others use too.
START_SECONDS = 60.0
# Of a wait that succeeds, or fails at once.
LONG_SECONDS = 300


def started(port: int, folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """A command as a deployment runs it."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BACKEND,
        env={
            "PATH": os.environ["PATH"],
            "ENVIRONMENT": "tests",
            "DATA_DIR": str(folder / "data"),
            "MONGO_HOST": "127.0.0.1",
            "MONGO_PORT": str(port),
            "MONGO_DB_NAME": f"reached_{uuid7().hex}",
            **environ,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def manage(port: int, folder: Path, *arguments: str, **environ: str) -> tuple[int, str, float]:
    """(status, all that was said, seconds)."""
    before = time.monotonic()
    with started(port, folder, *arguments, **environ) as process:
        said, _ = process.communicate(timeout=600)
    return process.returncode, said, time.monotonic() - before


def wait(port: int, folder: Path, seconds: float, **environ: str) -> tuple[int, str, float]:
    return manage(port, folder, "wait_for_database", f"--seconds={seconds}", **environ)


def refused(port: int, folder: Path, reason: str, **environ: str) -> str:
    """What is said when waiting for the database came to nothing for this reason, of which a busy
    machine may hear nothing within a second."""
    for seconds in (1, 10, 100):
        status, said, took = wait(port, folder, seconds, **environ)
        assert status == 1
        last = said.splitlines()[-1]
        assert last.startswith(f"CommandError: the database did not answer within {seconds} s: ")
        assert took < seconds + MAX_CONNECT_SECONDS + START_SECONDS
        if reason in last:
            return said
    raise AssertionError(said)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def guarded(authority: Authority) -> Iterator[tuple[MongoServer, dict[str, str]]]:
    """A server that speaks TLS only, to those who show a certificate, and what they need."""
    client = authority.sign("client")
    with replica_set(
        *("--tlsMode", "requireTLS", "--tlsCAFile", str(authority.path)),
        *("--tlsCertificateKeyFile", str(authority.sign("server"))),
        tls={"tls": True, "tlsCAFile": str(authority.path), "tlsCertificateKeyFile": str(client)},
    ) as server:
        yield (
            server,
            {
                "MONGO_TLS_CA_FILE": str(authority.path),
                "MONGO_TLS_CERTIFICATE_KEY_FILE": str(client),
            },
        )


def test_tls_with_the_right_authority_carries_the_database(
    guarded: tuple[MongoServer, dict[str, str]], tmp_path: Path
) -> None:
    server, files = guarded
    status, said, _ = manage(server.port, tmp_path, "migrate", "--verbosity", "0", **files)
    assert status == 0, said
    status, said, _ = wait(server.port, tmp_path, LONG_SECONDS, **files)
    assert (status, said.splitlines()[-1]) == (0, "the database answers")


def test_a_server_of_another_authority_is_refused_with_the_reason(
    guarded: tuple[MongoServer, dict[str, str]], tmp_path: Path
) -> None:
    server, files = guarded
    other = Authority(tmp_path, "stranger")
    for changed, reason in (
        ({"MONGO_TLS_CA_FILE": str(other.path)}, "certificate verify failed"),
        # A certificate that the server's authority did not sign.
        ({"MONGO_TLS_CERTIFICATE_KEY_FILE": str(other.sign("intruder"))}, "127.0.0.1"),
    ):
        said = refused(server.port, tmp_path, reason, **{**files, **changed})
        assert "Traceback" not in said


def test_a_server_whose_certificate_is_for_another_address_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    with replica_set(
        *("--tlsMode", "requireTLS"),
        *("--tlsCertificateKeyFile", str(authority.sign("server", address="127.0.0.9"))),
        tls={"tls": True, "tlsAllowInvalidCertificates": True},
    ) as server:
        trusted = {"MONGO_TLS_CA_FILE": str(authority.path)}
        refused(server.port, tmp_path, "IP address mismatch", **trusted)
        # Encrypted or not at all: a server that wants TLS is not asked without.
        assert wait(server.port, tmp_path, 1)[0] == 1


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes every connection and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in taken:
            one.close()


def test_an_address_that_swallows_everything_fails_in_bounded_time(
    black_hole: int, tmp_path: Path
) -> None:
    status, said, seconds = manage(black_hole, tmp_path, "migrate")
    assert status != 0
    # The driver knows by then that nothing came, or not even that it has asked.
    last = said.splitlines()[-1]
    assert "timed out" in last or "No servers found yet" in last
    assert seconds < MAX_CONNECT_SECONDS + START_SECONDS
    status, said, seconds = wait(black_hole, tmp_path, 2)
    assert status == 1
    assert "did not answer within 2 s: " in said.splitlines()[-1]
    assert seconds < 4 + START_SECONDS


def test_waiting_ends_when_the_server_comes(tmp_path: Path) -> None:
    server = MongoServer("--replSet", "rs0")
    asked = ("wait_for_database", f"--seconds={LONG_SECONDS}")
    try:
        with started(server.port, tmp_path, *asked) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("waiting for the database: ")
            server.start()
            # Until somebody makes it a replica set it is none, but one that will be.
            server.make_replica_set()
            said, _ = process.communicate(timeout=300)
        assert (process.returncode, said.splitlines()[-1]) == (0, "the database answers")
    finally:
        server.remove()


def test_a_server_that_is_no_replica_set_ends_the_start_at_once(tmp_path: Path) -> None:
    server = MongoServer()
    server.start()
    try:
        status, said, seconds = wait(server.port, tmp_path, LONG_SECONDS)
        assert status == 1
        assert said.splitlines() == [
            "CommandError: MongoDB must be a replica set, of one node at least: "
            "transactions need it"
        ]
        assert seconds < START_SECONDS
        status, said, _ = manage(server.port, tmp_path, "migrate")
        assert status != 0
        assert "must be a replica set" in said.splitlines()[-1]
    finally:
        server.remove()


def test_sqlite_need_not_be_waited_for(tmp_path: Path) -> None:
    status, said, _ = wait(1, tmp_path, 1, MONGO_HOST="")
    assert (status, said.splitlines()) == (0, ["the database answers"])
