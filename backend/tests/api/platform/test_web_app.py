"""The one ASGI app with all its parts: the intake, Django, and the beginning and end of a process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections
from pytest_django import Settings

from app.journal import process as journal_process
from config.web import WebApp
from tests.conftest import Person, key_of

Act = Callable[[httpx.AsyncClient], Awaitable[Any]]


@pytest.fixture
def journal_dir(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.JOURNAL_DIR = tmp_path / "journal"
    journal_process.close()
    yield settings.JOURNAL_DIR
    journal_process.close()


def live(act: Act) -> Any:
    """Starts the app as a server does, acts as its client, and ends it."""

    async def run() -> Any:
        app = WebApp()
        to_app: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        from_app: asyncio.Queue[Any] = asyncio.Queue()

        async def receive() -> MutableMapping[str, Any]:
            return await to_app.get()

        life = asyncio.create_task(app({"type": "lifespan"}, receive, from_app.put))
        await to_app.put({"type": "lifespan.startup"})
        assert (await from_app.get())["type"] == "lifespan.startup.complete"
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            answer = await act(client)
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await life
        return answer

    try:
        return asyncio.run(run())
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_logs_go_to_the_journal_and_all_else_to_django(alice: Person, journal_dir: Path) -> None:
    key = key_of(alice, "ingest")

    async def act(client: httpx.AsyncClient) -> list[httpx.Response]:
        headers = {"Authorization": f"ApiKey {key}", "X-Request-ID": "r-5"}
        return [
            await client.post("/api/v1/logs/", json={"message": "a"}, headers=headers),
            await client.get("/health/live/", headers={"X-Request-ID": "r-6"}),
            await client.get("/nothing", headers={"X-Request-ID": "not fit"}),
            await client.post("/api/v1/logs/", json={"message": "a"}),
        ]

    sent, alive, nothing, refused = live(act)
    assert (sent.status_code, sent.json()["accepted"]) == (202, 1)
    assert sent.headers["x-request-id"] == "r-5"
    assert (alive.status_code, alive.headers["x-request-id"]) == (200, "r-6")
    assert nothing.status_code == 404
    assert nothing.json()["request_id"] == nothing.headers["x-request-id"] != "not fit"
    assert refused.status_code == 401
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    journal_process.configure(journal_dir, max_bytes=2**30)
    assert journal_process.journal().state().entries == 1


@pytest.mark.django_db(transaction=True)
def test_the_journal_is_in_the_metrics(alice: Person, journal_dir: Path) -> None:
    async def act(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get("/metrics")

    text = live(act).text
    assert "elkv_journal_live_bytes 0.0" in text
    assert "elkv_journal_waiting_entries 0.0" in text


@pytest.mark.django_db(transaction=True)
def test_a_person_may_send_with_their_token(alice: Person, bob: Person, journal_dir: Path) -> None:
    async def act(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [
            await client.post(
                "/api/v1/logs/",
                json={"message": "a"},
                headers={
                    "Authorization": f"Bearer {person.tokens.access}",
                    "X-Organisation": organisation,
                },
            )
            for person, organisation in ((alice, "acme"), (bob, "acme"), (bob, "globex"))
        ]

    statuses = [answer.status_code for answer in live(act)]
    assert statuses == [202, 403, 404]


def test_a_start_that_fails_says_why(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").touch()
    settings.JOURNAL_DIR = tmp_path / "file" / "journal"
    journal_process.close()

    async def run() -> Any:
        sent: list[Any] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await WebApp()({"type": "lifespan"}, receive, send)
        return sent

    assert [message["type"] for message in asyncio.run(run())] == ["lifespan.startup.failed"]
