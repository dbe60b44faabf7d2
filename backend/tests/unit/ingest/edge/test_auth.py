"""Who may send, in every form that shippers show a key; and what is remembered."""

from __future__ import annotations

import asyncio
import base64
import threading
from datetime import UTC, datetime

import pytest

from app.core.errors import Forbidden, Unauthenticated, Unavailable
from app.ingest.edge.auth import Admitted, CachedAuthenticator, Lifetimes, Shown
from app.users.credentials import KeyShown
from tests.unit.ingest.edge.server import (
    ALICES_KEY,
    BOBS_KEY,
    CHARLIES_KEY,
    GLOBEX,
    PEOPLE,
    Served,
    look_up,
)

PATH = "/api/v1/logs/"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"ApiKey {ALICES_KEY}"},
        {"Authorization": f"apikey {base64_of('some-id:' + ALICES_KEY)}"},
        {"Authorization": f"Bearer {ALICES_KEY}"},
        {"Authorization": f"Basic {base64_of('elastic:' + ALICES_KEY)}"},
        {"Authorization": f"Basic {base64_of(ALICES_KEY + ':')}"},
        {"X-API-Key": ALICES_KEY},
    ],
)
def test_a_key_is_known_in_every_form(edge: Served, headers: dict[str, str]) -> None:
    assert edge.post(PATH, content=b"{}", headers=headers).status_code == 202
    bulk = edge.post("/x/_bulk", content=b'{"create":{}}\n{}\n', headers=headers)
    assert bulk.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "ApiKey elkv_nobody"},
        {"Authorization": "ApiKey %%%"},
        {"Authorization": "Bearer not.a.token"},
        {"Authorization": "Digest abc"},
        {"Authorization": f"Basic {base64_of('elastic:changeme')}"},
        {"X-API-Key": "x" * 9000},
    ],
)
def test_a_stranger_is_refused_in_the_form_of_the_protocol(
    edge: Served, headers: dict[str, str]
) -> None:
    native = edge.post(PATH, content=b"{}", headers=headers)
    bulk = edge.post("/_bulk", content=b"{}", headers=headers)

    assert native.status_code == 401
    assert native.headers["content-type"] == "application/problem+json"
    assert "www-authenticate" in native.headers
    assert bulk.status_code == 401
    assert bulk.headers["www-authenticate"].startswith("Basic ")
    assert bulk.headers["x-elastic-product"] == "Elasticsearch"
    error = bulk.json()
    assert error["status"] == 401
    assert error["error"]["type"] == "security_exception"
    assert error["error"]["root_cause"][0]["type"] == "security_exception"
    assert edge.batches() == []


def test_a_key_without_the_right_is_forbidden(edge: Served) -> None:
    headers = {"X-API-Key": BOBS_KEY}
    native = edge.post(PATH, content=b"{}", headers=headers)
    bulk = edge.post("/_bulk", content=b"{}", headers=headers)

    assert native.status_code == 403
    assert native.json()["code"] == "permission_denied"
    assert (bulk.status_code, bulk.json()["status"]) == (403, 403)
    assert edge.batches() == []


def test_what_charlie_sends_is_globexs(edge: Served) -> None:
    edge.post(PATH, content=b"{}", headers={"X-API-Key": CHARLIES_KEY})

    assert [batch.org_id for batch in edge.batches()] == [GLOBEX]


class Counted:
    """`look_up` that counts and may be told to fail; and a clock moved by hand."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seconds = 1000.0
        self.is_down = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, shown: Shown) -> Admitted:
        assert isinstance(shown.credential, KeyShown)
        self.asked.append(shown.credential.key)
        self.may_go_on.wait(120)
        if self.is_down:
            raise Unavailable("the database does not answer")
        return look_up(shown)

    def now_ns(self) -> int:
        return int(self.seconds * 1e9)

    def monotonic(self) -> float:
        return self.seconds


async def nobody_is_asked(authenticate: CachedAuthenticator) -> None:
    """Waits until what is looked up beside the requests is known."""
    async with asyncio.timeout(60):
        while True:
            if not authenticate._running:
                return
            await asyncio.sleep(0.01)


def headers_of(key: str) -> dict[str, str]:
    return {"x-api-key": key}


def test_a_good_key_is_remembered_for_half_a_minute() -> None:
    accounts = Counted()

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts)
        for _ in range(3):
            assert await authenticate(headers_of(ALICES_KEY)) == PEOPLE[ALICES_KEY]
        accounts.seconds += 29.9
        await authenticate(headers_of(ALICES_KEY))
        assert len(accounts.asked) == 1
        accounts.seconds += 0.2
        await authenticate(headers_of(ALICES_KEY))
        assert len(accounts.asked) == 2
        authenticate.close()

    asyncio.run(ask())


def test_a_refusal_is_remembered_for_a_moment_and_raised_anew() -> None:
    accounts = Counted()

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts)
        for _ in range(2):
            with pytest.raises(Unauthenticated) as refused:
                await authenticate(headers_of("elkv_nobody"))
            assert refused.value.code == "key_invalid"
        assert len(accounts.asked) == 1
        accounts.seconds += 3.1
        with pytest.raises(Unauthenticated):
            await authenticate(headers_of("elkv_nobody"))
        assert len(accounts.asked) == 2
        authenticate.close()

    asyncio.run(ask())


def test_many_requests_with_one_new_key_are_one_question() -> None:
    accounts = Counted()
    accounts.may_go_on.clear()

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts)
        asking = [asyncio.create_task(authenticate(headers_of(ALICES_KEY))) for _ in range(20)]
        await asyncio.sleep(0.05)
        asking[0].cancel()
        accounts.may_go_on.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert answers[1:] == [PEOPLE[ALICES_KEY]] * 19
        assert accounts.asked == [ALICES_KEY]
        authenticate.close()

    asyncio.run(ask())


def test_strangers_who_try_many_keys_keep_out_nobody_who_is_known() -> None:
    accounts = Counted()

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts, threads=1)
        assert await authenticate(headers_of(ALICES_KEY)) == PEOPLE[ALICES_KEY]
        accounts.seconds += 31
        accounts.may_go_on.clear()
        flood = [
            asyncio.create_task(authenticate(headers_of(f"elkv_{number}"))) for number in range(64)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await authenticate(headers_of("elkv_one_more"))
        assert refused.value.code == "sign_in_busy"
        alices = asyncio.create_task(authenticate(headers_of(ALICES_KEY)))
        await asyncio.sleep(0)
        accounts.may_go_on.set()
        assert await alices == PEOPLE[ALICES_KEY]
        await asyncio.gather(*flood, return_exceptions=True)
        authenticate.close()

    asyncio.run(ask())


def test_trouble_with_the_accounts_is_not_remembered() -> None:
    accounts = Counted()
    accounts.is_down = True

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts)
        with pytest.raises(Unavailable):
            await authenticate(headers_of(ALICES_KEY))
        accounts.is_down = False
        assert await authenticate(headers_of(ALICES_KEY)) == PEOPLE[ALICES_KEY]
        authenticate.close()

    asyncio.run(ask())


def test_a_known_sender_goes_on_while_the_accounts_are_away_and_waits_for_nobody() -> None:
    accounts = Counted()

    async def ask() -> None:
        authenticate = CachedAuthenticator(
            accounts, accounts, lifetimes=Lifetimes(outage_seconds=600)
        )

        async def is_let_in(key: str) -> bool:
            try:
                return await authenticate(headers_of(key)) == PEOPLE[key]
            except Unavailable:
                return False

        assert await is_let_in(ALICES_KEY)
        accounts.is_down = True
        accounts.seconds += 31
        assert await is_let_in(ALICES_KEY)
        assert not await is_let_in(BOBS_KEY)
        # From now on it is asked beside the requests, every few seconds.
        accounts.may_go_on.clear()
        accounts.seconds += 4
        asked = len(accounts.asked)
        for _ in range(5):
            assert await asyncio.wait_for(is_let_in(ALICES_KEY), 60)
        accounts.may_go_on.set()
        await nobody_is_asked(authenticate)
        assert len(accounts.asked) == asked + 1
        accounts.seconds += 600
        assert not await is_let_in(ALICES_KEY)
        accounts.is_down = False
        accounts.seconds += 4
        assert await is_let_in(ALICES_KEY)
        authenticate.close()

    asyncio.run(ask())


def test_a_key_that_was_revoked_is_refused_as_soon_as_the_accounts_are_back() -> None:
    accounts = Counted()
    answers = [Admitted(PEOPLE[ALICES_KEY])]

    def look_up_once(shown: Shown) -> Admitted:
        accounts(shown)
        if not answers:
            raise Unauthenticated("the API key is not valid", code="key_invalid")
        return answers.pop()

    async def ask() -> None:
        authenticate = CachedAuthenticator(look_up_once, accounts)
        await authenticate(headers_of(ALICES_KEY))
        accounts.is_down = True
        accounts.seconds += 31
        await authenticate(headers_of(ALICES_KEY))
        accounts.is_down = False
        accounts.seconds += 4
        await authenticate(headers_of(ALICES_KEY))
        await nobody_is_asked(authenticate)
        with pytest.raises(Unauthenticated):
            await authenticate(headers_of(ALICES_KEY))
        authenticate.close()

    asyncio.run(ask())


@pytest.mark.parametrize("is_down", [False, True])
def test_nobody_is_remembered_for_longer_than_their_credential_lasts(*, is_down: bool) -> None:
    accounts = Counted()
    expires_at = datetime.fromtimestamp(accounts.seconds + 10, UTC)

    def look_up_until(shown: Shown) -> Admitted:
        scope = accounts(shown).scope
        if accounts.now_ns() >= expires_at.timestamp() * 1e9:
            raise Unauthenticated("the API key has expired", code="key_expired")
        return Admitted(scope, expires_at)

    async def ask() -> None:
        authenticate = CachedAuthenticator(look_up_until, accounts)
        await authenticate(headers_of(ALICES_KEY))
        accounts.is_down = is_down
        accounts.seconds += 9.9
        await authenticate(headers_of(ALICES_KEY))
        accounts.seconds += 0.2
        for _ in range(2):
            with pytest.raises(Unavailable if is_down else Unauthenticated):
                await authenticate(headers_of(ALICES_KEY))
        authenticate.close()

    asyncio.run(ask())


def test_the_least_recently_used_is_forgotten_first_and_no_key_is_kept() -> None:
    accounts = Counted()

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts, size=2)
        await authenticate(headers_of(ALICES_KEY))
        await authenticate(headers_of(BOBS_KEY))
        await authenticate(headers_of(ALICES_KEY))
        await authenticate(headers_of(CHARLIES_KEY))
        await authenticate(headers_of(ALICES_KEY))
        assert accounts.asked == [ALICES_KEY, BOBS_KEY, CHARLIES_KEY]
        await authenticate(headers_of(BOBS_KEY))
        assert accounts.asked[3:] == [BOBS_KEY]
        assert "elkv_" not in repr(vars(authenticate))
        authenticate.close()

    asyncio.run(ask())


def test_too_many_new_senders_at_once_have_to_come_back() -> None:
    accounts = Counted()
    accounts.may_go_on.clear()

    async def ask() -> None:
        authenticate = CachedAuthenticator(accounts, accounts, threads=1)
        asking = [asyncio.create_task(authenticate(headers_of(f"elkv_{n}"))) for n in range(65)]
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable, match="too many senders"):
            await asking[-1]
        accounts.may_go_on.set()
        refused = await asyncio.gather(*asking[:-1], return_exceptions=True)
        assert all(isinstance(one, Unauthenticated) for one in refused)
        authenticate.close()

    asyncio.run(ask())


def test_a_forbidden_organisation_stays_forbidden() -> None:
    def refuse(shown: Shown) -> Admitted:
        raise Forbidden(f"not {shown.organisation}", code="no_organisation")

    async def ask() -> None:
        accounts = Counted()
        authenticate = CachedAuthenticator(refuse, accounts)
        with pytest.raises(Forbidden, match="not acme"):
            await authenticate({"authorization": "Bearer a.b.c", "x-organisation": "acme"})
        with pytest.raises(Forbidden, match="not globex"):
            await authenticate({"authorization": "Bearer a.b.c", "x-organisation": "globex"})
        authenticate.close()

    asyncio.run(ask())
