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
from config.cross_origin import allowed_origins
from config.env import Env, SettingInvalid
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


PAGE = "https://console.example.com"
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("allowed", [f"{PAGE},http://other:3000", "*"])
def test_pages_of_allowed_origins_may_use_the_intake_and_the_api(
    alice: Person, journal_dir: Path, settings: Settings, allowed: str
) -> None:
    settings.CORS_ALLOWED_ORIGINS = allowed_origins(Env({"CORS_ALLOWED_ORIGINS": allowed}))
    key = key_of(alice, "ingest")

    async def act(client: httpx.AsyncClient) -> list[httpx.Response]:
        headers = {"Origin": PAGE, "X-API-Key": key}
        return [
            await client.post("/api/v1/logs/", json={"message": "a"}, headers=headers),
            await client.get("/health/live/", headers=headers),
            await client.get("/api/v1/api-keys/", headers=headers),
            await client.get("/nothing", headers=headers),
            await client.post("/api/v1/logs/", json={}, headers={"Origin": PAGE}),
            await client.options("/api/v1/logs/", headers={"Origin": PAGE, **ASKING}),
            await client.options("/api/auth/login/", headers={"Origin": PAGE, **ASKING}),
        ]

    answers = live(act)
    assert [answer.status_code for answer in answers] == [202, 200, 403, 404, 401, 204, 204]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "Origin" in answer.headers["Vary"]
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["X-Request-ID"]
    for asked in answers[-2:]:
        assert "POST" in asked.headers["Access-Control-Allow-Methods"]
        named = asked.headers["Access-Control-Allow-Headers"]
        assert {"Authorization", "X-API-Key", "X-Organisation"} <= set(named.split(", "))
        assert asked.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("allowed", [[], ["https://other.example.com"]])
@pytest.mark.parametrize("origin", [PAGE, "null", "https://other.example.com.evil.example"])
def test_pages_of_other_origins_may_not(
    journal_dir: Path, settings: Settings, allowed: list[str], origin: str
) -> None:
    settings.CORS_ALLOWED_ORIGINS = allowed

    async def act(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [
            await client.get("/health/live/", headers={"Origin": origin}),
            await client.options("/api/v1/logs/", headers={"Origin": origin, **ASKING}),
            await client.options("/api/auth/login/", headers={"Origin": origin, **ASKING}),
        ]

    answers = live(act)
    assert [answer.status_code for answer in answers] == [200, 405, 405]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        # A cache must not give this answer to a page that may read it.
        assert ("Origin" in answer.headers.get("Vary", "")) == bool(allowed)


@pytest.mark.parametrize(
    "word", ["console.example.com", f"{PAGE}/", "null", "https://*.x", "ws://x"]
)
def test_what_no_browser_sends_as_an_origin_is_refused(word: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^CORS_ALLOWED_ORIGINS: "):
        allowed_origins(Env({"CORS_ALLOWED_ORIGINS": f"{PAGE},{word}"}))


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
