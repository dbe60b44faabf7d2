"""Django behind ASGI: requests in, answers out, streams, and what is too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from pytest_django import Settings

from config.django_bridge import BridgeLimits, DjangoBridge
from tests.unit.config import bridge_urls


class Client:
    """The other side of one request."""

    def __init__(self, *body: bytes) -> None:
        self._body = list(body) or [b""]
        self.sent: list[dict[str, Any]] = []
        self.leave = asyncio.Event()
        self.leaves_early = False

    async def receive(self) -> dict[str, Any]:
        if self._body and not self.leaves_early:
            part = self._body.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._body)}
        if not self.leaves_early:
            await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if len(self.sent) > 5:
            self.leave.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    def headers(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.sent[0]["headers"] if key == name]


def request(
    path: str,
    *,
    method: str = "GET",
    headers: Any = (),
    query: bytes = b"",
    address: str = "192.0.2.1",
) -> Any:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(b"host", b"testserver"), *headers],
        "client": (address, 1),
        "server": ("127.0.0.1", 80),
        "scheme": "https",
    }


@pytest.fixture
def bridge(settings: Settings) -> Iterator[DjangoBridge]:
    settings.ROOT_URLCONF = "tests.unit.config.bridge_urls"
    settings.MIDDLEWARE = []
    limits = BridgeLimits(body_bytes=10, threads=2, requests=4, held_bytes=18)
    made = DjangoBridge(WSGIHandler(), limits)
    yield made
    made.close()


def ask(bridge: DjangoBridge, scope: Any, *body: bytes) -> Client:
    async def run() -> Client:
        client = Client(*body)
        await asyncio.wait_for(bridge(scope, client.receive, client.send), 20)
        return client

    return asyncio.run(run())


def test_a_request_arrives_as_it_was_sent(bridge: DjangoBridge) -> None:
    headers = [(b"x-two", b"1"), (b"x-two", b"2"), (b"x_plain", b"forged")]
    scope = request("/echo/gr\u00fc\u00dfe/", method="POST", headers=headers, query=b"a=%C3%A9&b=")
    client = ask(bridge, scope, b"he", b"llo")
    assert client.status == 200
    assert json.loads(client.body) == {
        "method": "POST",
        "name": "gr\u00fc\u00dfe",
        "query": {"a": "\u00e9", "b": ""},
        "body": "hello",
        "host": "testserver",
        "x": "1,2",
        "underscore": "",
        "address": "192.0.2.1",
        "is_secure": True,
    }
    assert len(client.headers(b"set-cookie")) == 2


def test_a_body_that_is_too_long_is_refused_before_it_is_read_whole(bridge: DjangoBridge) -> None:
    client = ask(bridge, request("/echo/x/", method="POST"), b"12345678", b"9012", b"never read")
    assert client.status == 413
    assert client.headers(b"content-type") == [b"application/problem+json"]
    assert b"body_too_large" in client.body


def test_whoever_leaves_before_the_end_of_the_request_gets_nothing(bridge: DjangoBridge) -> None:
    async def run() -> Client:
        client = Client()
        client.leaves_early = True
        await bridge(request("/echo/x/"), client.receive, client.send)
        return client

    assert asyncio.run(run()).sent == []


def test_a_body_that_does_not_come_in_time_is_said_to_be_too_slow() -> None:
    class Slow(Client):
        async def receive(self) -> dict[str, Any]:
            if self._body:
                return {"type": "http.request", "body": self._body.pop(), "more_body": True}
            await self.leave.wait()
            return {"type": "http.disconnect"}

    async def run() -> Client:
        limits = BridgeLimits(body_bytes=10, threads=1, body_seconds=0.05)
        hasty = DjangoBridge(WSGIHandler(), limits)
        client = Slow(b"a")
        await asyncio.wait_for(
            hasty(request("/echo/", method="POST"), client.receive, client.send), 20
        )
        hasty.close()
        return client

    client = asyncio.run(run())
    assert client.status == 408
    assert json.loads(client.body)["code"] == "request_timeout"
    assert client.headers(b"connection") == [b"close"]


def test_two_requests_run_at_the_same_time(bridge: DjangoBridge) -> None:
    async def run() -> list[Client]:
        clients = [Client(), Client()]
        await asyncio.gather(
            *(bridge(request("/meet/"), client.receive, client.send) for client in clients)
        )
        return clients

    assert [client.body for client in asyncio.run(run())] == [b"met", b"met"]


def test_one_request_too_many_is_answered_at_once_and_others_go_on(bridge: DjangoBridge) -> None:
    addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.2"]

    async def run() -> list[Client]:
        asked = [(Client(), address) for address in addresses]
        await asyncio.gather(
            *(
                bridge(request("/slow/", address=address), client.receive, client.send)
                for client, address in asked
            )
        )
        return [client for client, _ in asked]

    clients = asyncio.run(run())
    assert [client.status for client in clients] == [200, 200, 503, 200]
    assert clients[2].headers(b"retry-after") == [b"1"]


def test_bodies_that_somebody_holds_back_leave_room_for_those_of_others(
    bridge: DjangoBridge,
) -> None:
    post = {"method": "POST", "headers": [(b"content-length", b"10")]}

    class Held(Client):
        """Says how long its body is, and sends it once it is told to."""

        def __init__(self) -> None:
            super().__init__(b"0123456789")
            self.asked, self.go_on = asyncio.Event(), asyncio.Event()

        async def receive(self) -> dict[str, Any]:
            self.asked.set()
            await self.go_on.wait()
            return await super().receive()

    async def run() -> list[Client]:
        held, refused, other = Held(), Client(b"0123456789"), Client(b"0123")
        holding = asyncio.create_task(bridge(request("/echo/x/", **post), held.receive, held.send))
        await held.asked.wait()
        await bridge(request("/echo/x/", **post), refused.receive, refused.send)
        scope = request("/echo/x/", method="POST", address="192.0.2.2")
        await bridge(scope, other.receive, other.send)
        held.go_on.set()
        await holding
        return [held, refused, other]

    clients = asyncio.run(asyncio.wait_for(run(), 20))
    assert [client.status for client in clients] == [200, 503, 200]
    assert json.loads(clients[1].body)["code"] == "busy"


def test_a_plain_stream_is_sent_chunk_by_chunk(bridge: DjangoBridge) -> None:
    client = ask(bridge, request("/lines/"))
    assert client.body == b"one\ntwo\n"
    assert [m["body"] for m in client.sent[1:] if m.get("more_body")] == [b"one\n", b"", b"two\n"]


def test_a_stream_without_end_ends_when_its_reader_leaves(bridge: DjangoBridge) -> None:
    bridge_urls.ENDED.clear()
    client = ask(bridge, request("/endless/"))
    assert client.body.startswith(b"tick\ntick\n")
    assert bridge_urls.ENDED == ["endless"]


def test_a_bug_in_a_view_is_a_problem(bridge: DjangoBridge) -> None:
    client = ask(bridge, request("/broken/"))
    assert client.status == 500
    assert b"internal_error" in client.body
    assert b"secret" not in client.body
