"""Whoever connects says soon, and in few bytes, what they want; whoever is served is left in peace."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from config import connections
from config.serving import OPTIONS
from tests.process.running import BACKEND
from tests.shipping import until

PATIENCE_SECONDS = 60.0
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
# A head has so long to come: more than a busy machine needs from one line of a test to the next.
HEAD_SECONDS = 1.5
# Of a connection that is open still nothing comes in so long.
QUIET_SECONDS = 2.0
# More than the buffers of both ends hold.
LARGE_BYTES = 32 << 20


sent_whole = threading.Event()


async def slow_echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body, the path /slow only after a while; /large with much."""
    if scope["path"] == "/large":
        headers = [(b"content-length", str(LARGE_BYTES).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for left in range(LARGE_BYTES // 65_536 - 1, -1, -1):
            body = b"x" * 65_536
            await send({"type": "http.response.body", "body": body, "more_body": left > 0})
        sent_whole.set()
        return
    size = 0
    while True:
        message = await receive()
        size += len(message["body"])
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(QUIET_SECONDS)
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Of a server that waits for a head for a moment only."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", HEAD_SECONDS)
    config = uvicorn.Config(slow_echo, lifespan="off", log_config=None, **OPTIONS)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def connected(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        yield connection


def answer_of(connection: socket.socket) -> bytes:
    """The last byte of an answer, which is its body."""
    received = b""
    while not received.partition(b"\r\n\r\n")[2]:
        received += connection.recv(4096)
    assert received.startswith(b"HTTP/1.1 200 ")
    return received[-1:]


def is_closed(connection: socket.socket) -> bool:
    return connection.recv(4096) == b""


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /", HEAD, HEAD + b"X-Long: "])
def test_whoever_does_not_say_what_they_want_is_let_go(
    address: tuple[str, int], sent: bytes
) -> None:
    with connected(address) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


@pytest.mark.parametrize("sent", [b"\r\n", b"GET /", HEAD])
def test_nor_may_whoever_was_served_before(address: tuple[str, int], sent: bytes) -> None:
    with connected(address) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert answer_of(connection) == b"0"
        connection.sendall(sent)
        assert is_closed(connection)


@pytest.mark.parametrize("start", [b"GET /", HEAD, HEAD + b"X-Long: "])
@pytest.mark.parametrize("piece", [b"x" * 16_384, b"x: y\r\n" * 2_000])
def test_a_head_without_end_is_refused_before_it_fills_the_memory(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch, start: bytes, piece: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", PATIENCE_SECONDS)
    with connected(address) as connection:
        connection.sendall(start)
        with contextlib.suppress(ConnectionError):
            for _ in range(2_000):
                connection.sendall(piece)
            pytest.fail("32 MB were taken")


def test_a_refused_head_is_answered(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", PATIENCE_SECONDS)
    with connected(address) as connection:
        connection.sendall(HEAD)
        threading.Event().wait(0.3)
        connection.sendall(b"X-Long: " + b"x" * connections.HEAD_BYTES)
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")
        assert is_closed(connection)


def test_connections_of_one_address_leave_room_for_those_of_others(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(connections, "DOORWAY", connections.Doorway(4))
    with connected(address) as first, connected(address) as second:
        for connection in (first, second):
            connection.sendall(HEAD + b"\r\n")
            assert answer_of(connection) == b"0"
        with connected(address) as third, contextlib.suppress(ConnectionError):
            third.sendall(HEAD + b"\r\n")
            assert is_closed(third)
        with socket.create_connection(
            address, timeout=PATIENCE_SECONDS, source_address=("127.0.0.2", 0)
        ) as other:
            other.sendall(HEAD + b"\r\n")
            assert answer_of(other) == b"0"
    until(lambda: connections.DOORWAY.open == 0)
    with connected(address) as again:
        again.sendall(HEAD + b"\r\n")
        assert answer_of(again) == b"0"


@pytest.mark.parametrize(("allowed", "had"), [((100, 400), 400), ((400, 400), 400)])
def test_a_process_has_as_many_files_allowed_as_it_may(allowed: tuple[int, int], had: int) -> None:
    program = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, {allowed})\n"
        "from config.connections import DOORWAY\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], DOORWAY.most)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=BACKEND
    )
    assert said.stdout.split() == [str(had), str(had * 3 // 4)]


def test_a_large_body_and_a_late_answer_take_their_time(address: tuple[str, int]) -> None:
    with connected(address) as connection:
        for _ in range(2):
            connection.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000009\r\n\r\n")
            connection.sendall(b"x" * 1_000_000)
            threading.Event().wait(QUIET_SECONDS)
            connection.sendall(b"x" * 9)
            assert answer_of(connection) == b"9"


def test_requests_one_behind_the_other_are_all_answered(address: tuple[str, int]) -> None:
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    with connected(address) as connection:
        threading.Thread(target=connection.sendall, args=(request * 20,)).start()
        received = b""
        while received.count(b"HTTP/1.1 200 ") < 20 or not received.endswith(b"100000"):
            received += connection.recv(65_536)


def test_nobody_waits_for_ever_for_a_client_that_takes_no_answer(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TAKE_SECONDS", QUIET_SECONDS)
    sent_whole.clear()
    with connected(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sent_whole.wait(PATIENCE_SECONDS)
        received = 0
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(1 << 20):
                received += len(part)
        assert received < LARGE_BYTES


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "TAKE_SECONDS", QUIET_SECONDS)
    with connected(address) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while part := connection.recv(1 << 20):
            received += len(part)
            threading.Event().wait(QUIET_SECONDS / 20)
        assert received > LARGE_BYTES
