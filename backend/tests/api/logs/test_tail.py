"""Who was let in to watch may do so as long as they could come again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.http import StreamingHttpResponse
from pytest_django import Settings

from app.logs import tail as tail_module
from app.users import authentication
from app.users.models import Membership
from tests.conftest import Person, client_with

TAIL = "/api/v1/logs/tail/"
PATIENCE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    monkeypatch.setattr(tail_module, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(tail_module, "_NAP_SECONDS", 0.05)
    settings.RUN_DIR = tmp_path
    settings.REDIS = None


def watched(person: Person) -> StreamingHttpResponse:
    """A tail of where the person is when they name no organisation."""
    client = client_with(Authorization=f"Bearer {person.tokens.access}")
    answer = client.get(TAIL)
    assert isinstance(answer, StreamingHttpResponse)
    return answer


async def name_of_next(events: AsyncIterator[bytes]) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return (await anext(events)).partition(b"\n")[0].decode()


@pytest.mark.django_db(transaction=True)
def test_who_no_longer_belongs_to_the_organisation_is_sent_away_not_shown_another(
    bob: Person,
) -> None:
    answer = watched(bob)

    async def run() -> None:
        events = aiter(answer)
        assert await name_of_next(events) == "retry: 2000"
        assert await name_of_next(events) == "event: heartbeat"
        await asyncio.to_thread(leave)
        last = ""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for event in events:
                last = event.decode()
        assert last == 'event: end\ndata: {"code":"not_allowed"}\n\n'

    def leave() -> None:
        # From then on, who names no organisation means Acme.
        Membership.objects.of_user(bob.user_id)[0].delete()
        authentication.forget_callers()
        connections.close_all()

    asyncio.run(run())
    answer.close()


@pytest.mark.django_db(transaction=True)
def test_whose_key_was_deleted_is_sent_away(alice: Person, acme_search_key: str) -> None:
    answer = client_with(Authorization=f"ApiKey {acme_search_key}").get(TAIL)
    assert isinstance(answer, StreamingHttpResponse)

    async def run() -> None:
        events = aiter(answer)
        assert await name_of_next(events) == "retry: 2000"
        assert await name_of_next(events) == "event: heartbeat"
        await asyncio.to_thread(delete)
        async with asyncio.timeout(PATIENCE_SECONDS):
            names = [event.partition(b"\n")[0] async for event in events]
        assert names[-1] == b"event: end"

    def delete() -> None:
        (key,) = alice.client.get("/api/v1/api-keys/").json()["results"]
        assert alice.client.delete(f"/api/v1/api-keys/{key['id']}/").status_code == 204
        connections.close_all()

    asyncio.run(run())
    answer.close()


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_who_was_let_in_stays(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = watched(alice)
    asked: list[Any] = []

    def away(*about: Any) -> None:
        asked.append(about)
        raise OperationalError("the database is away")

    async def run() -> None:
        events = aiter(answer)
        assert await name_of_next(events) == "retry: 2000"
        # Asked again every half minute.
        authentication.forget_callers()
        monkeypatch.setattr(authentication, "find_person", away)
        for _ in range(3):
            assert await name_of_next(events) == "event: heartbeat"

    asyncio.run(run())
    answer.close()
    assert asked
