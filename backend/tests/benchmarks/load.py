"""Senders that cost as little as senders can: bodies made before, sockets kept, answers skimmed."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.cli.demo.generator import Feed, lines

CONNECTIONS = 4
BATCH = 1_000
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
_BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Request:
    """One prebuilt request and what it holds."""

    data: bytes
    records: int
    record_bytes: int


def requests_of(feed: Feed, first: int, count: int, key: str) -> list[Request]:
    """The records as requests of BATCH records each."""
    return [
        _request(list(lines(feed, start, min(BATCH, first + count - start))), key)
        for start in range(first, first + count, BATCH)
    ]


def request_of(body_lines: Sequence[bytes], key: str) -> Request:
    """One request of these lines."""
    return _request(body_lines, key)


def _request(body_lines: Sequence[bytes], key: str) -> Request:
    body = b"\n".join(body_lines)
    head = (
        "POST /api/v1/logs/ HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: ApiKey {key}\r\nContent-Type: application/x-ndjson\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return Request(head.encode() + body, len(body_lines), len(body))


class Connection:
    """One kept connection; `post` sends and returns the status."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, request: Request) -> int:
        self._socket.sendall(request.data)
        data = self._socket.recv(65_536)
        while _HEAD_END not in data:
            data += self._more()
        head, _, body = data.partition(_HEAD_END)
        found = _LENGTH.search(head)
        length = int(found.group(1)) if found else 0
        while len(body) < length:
            body += self._more()
        return int(head[9:12])

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> bytes:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the service hung up")
        return data


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run of senders did."""

    seconds: float
    records: int
    record_bytes: int
    refused: int


class _Senders:
    """Threads that take the next request from one queue, until it is empty."""

    def __init__(
        self, url: str, requests: Sequence[Request], may_go_on: Callable[[], bool]
    ) -> None:
        self._url = url
        self._left: Iterator[Request] = iter(requests)
        self._may_go_on = may_go_on
        self._lock = threading.Lock()
        self.refused = 0
        self.trouble: list[OSError] = []

    def run(self) -> None:
        connection = Connection(self._url)
        try:
            while (request := self._next()) is not None:
                self._send(connection, request)
        except OSError as error:
            self.trouble.append(error)
        finally:
            connection.close()

    def _next(self) -> Request | None:
        while not self._may_go_on():
            time.sleep(0.005)
        with self._lock:
            return next(self._left, None)

    def _send(self, connection: Connection, request: Request) -> None:
        while (status := connection.post(request)) in _BUSY:
            self.refused += 1
            time.sleep(0.2)
        if status != 202:
            raise ConnectionError(f"the service answered {status}")


def send_all(
    url: str, requests: Sequence[Request], *, may_go_on: Callable[[], bool] = lambda: True
) -> Sent:
    """Sends everything over CONNECTIONS connections; waits before each while it may not go on."""
    senders = _Senders(url, requests, may_go_on)
    threads = [threading.Thread(target=senders.run) for _ in range(CONNECTIONS)]
    before = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - before
    if senders.trouble:
        raise senders.trouble[0]
    return Sent(
        seconds,
        sum(one.records for one in requests),
        sum(one.record_bytes for one in requests),
        senders.refused,
    )
