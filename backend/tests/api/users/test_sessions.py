"""Signing in, staying signed in and signing out, over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta

import jwt
import pytest
from django.conf import settings as live_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from app.core.clock import utc_now
from app.core.errors import Unauthenticated
from app.users import sessions
from app.users.authentication import forget_callers
from app.users.models import RefreshToken, User
from app.users.sessions import TokenPair, renew
from app.users.tokens import issue_access, issue_refresh
from tests.conftest import PASSWORD, Person, client_with

LOGIN = "/api/auth/login/"
REFRESH = "/api/auth/refresh/"
LOGOUT = "/api/auth/logout/"
VERIFY = "/api/auth/verify/"
PROFILE = "/api/v1/users/profile/"


def test_unknown_people_and_wrong_passwords_are_answered_alike(
    alice: Person, anonymous: APIClient
) -> None:
    wrong = anonymous.post(LOGIN, {"username": "alice", "password": "no"})
    unknown = anonymous.post(LOGIN, {"username": "nobody", "password": "no"})
    assert wrong.status_code == unknown.status_code == 401
    ignored = {"request_id"}
    assert {k: v for k, v in wrong.json().items() if k not in ignored} == {
        k: v for k, v in unknown.json().items() if k not in ignored
    }
    assert wrong["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_ten_failures_a_minute_are_enough(alice: Person, anonymous: APIClient, name: str) -> None:
    for _ in range(10):
        assert anonymous.post(LOGIN, {"username": name, "password": "no"}).status_code == 401
    refused = anonymous.post(LOGIN, {"username": name, "password": PASSWORD})
    assert refused.status_code == 429
    assert refused.json()["code"] == "sign_in_throttled"
    assert 0 < int(refused["Retry-After"]) <= 60


def test_failures_by_name_and_by_address_count_together(
    alice: Person, anonymous: APIClient
) -> None:
    for number in range(10):
        name = {"username": "alice"} if number % 2 else {"email": "alice@example.com"}
        assert anonymous.post(LOGIN, {**name, "password": "no"}).status_code == 401
    refused = anonymous.post(LOGIN, {"email": "ALICE@example.com", "password": PASSWORD})
    assert refused.status_code == 429


def test_somebody_elses_failures_do_not_lock_me_out(
    alice: Person, charlie: Person, anonymous: APIClient
) -> None:
    for _ in range(11):
        anonymous.post(LOGIN, {"username": "alice", "password": "no"})
    signed_in = anonymous.post(LOGIN, {"username": "charlie", "password": PASSWORD})
    assert signed_in.status_code == 200


def test_the_right_password_ends_the_count(alice: Person, anonymous: APIClient) -> None:
    for _ in range(2):
        for _ in range(9):
            anonymous.post(LOGIN, {"username": "alice", "password": "no"})
        signed_in = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD})
        assert signed_in.status_code == 200


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"password": "x"}, "username"), ({"username": "alice"}, "password"), ([], ""), ("x", "")],
)
@pytest.mark.django_db
def test_a_login_that_lacks_something_says_what(
    anonymous: APIClient, sent: object, field: str
) -> None:
    answer = anonymous.post(LOGIN, sent)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_a_person_who_was_shut_out_cannot_go_on(alice: Person, anonymous: APIClient) -> None:
    User.objects.filter(pk=alice.user_id).update(is_active=False)
    forget_callers()
    assert anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD}).status_code == 401
    assert alice.client.get(PROFILE).status_code == 401
    refused = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh})
    assert refused.status_code == 401


def test_a_refresh_token_is_good_once(alice: Person, anonymous: APIClient) -> None:
    first = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh})
    assert first.status_code == 200
    assert set(first.json()) == {"access", "refresh"}
    second = anonymous.post(REFRESH, {"refresh": first.json()["refresh"]})
    assert second.status_code == 200
    client = client_with(Authorization=f"Bearer {second.json()['access']}")
    assert client.get(PROFILE).status_code == 200


def test_using_a_refresh_token_again_ends_the_whole_session(
    alice: Person, anonymous: APIClient
) -> None:
    newest = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh}).json()
    stolen = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh})
    assert stolen.status_code == 401
    assert stolen.json()["code"] == "token_reused"
    assert anonymous.post(REFRESH, {"refresh": newest["refresh"]}).status_code == 401
    client = client_with(Authorization=f"Bearer {newest['access']}")
    assert client.get(PROFILE).status_code == 401


def test_another_session_is_not_touched_by_that(alice: Person, anonymous: APIClient) -> None:
    other = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD}).json()
    for _ in range(2):
        anonymous.post(REFRESH, {"refresh": alice.tokens.refresh})
    assert anonymous.post(REFRESH, {"refresh": other["refresh"]}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_who_spend_one_token_at_once_one_wins(alice: Person) -> None:
    won: list[TokenPair] = []
    lost: list[str] = []
    barrier = threading.Barrier(6)

    def spend() -> None:
        barrier.wait()
        try:
            won.append(renew(refresh=alice.tokens.refresh, now=utc_now()))
        except Unauthenticated as refused:
            lost.append(refused.code)

    threads = [threading.Thread(target=spend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)


@pytest.mark.parametrize("how", ["refresh token", "access token"])
def test_signing_out_ends_the_session(alice: Person, anonymous: APIClient, how: str) -> None:
    if how == "refresh token":
        answer = anonymous.post(LOGOUT, {"refresh": alice.tokens.refresh})
    else:
        answer = alice.client.post(LOGOUT, {})
    assert answer.status_code == 204
    assert answer.content == b""
    assert alice.client.get(PROFILE).status_code == 401
    assert anonymous.post(REFRESH, {"refresh": alice.tokens.refresh}).status_code == 401


def test_verify_says_whether_a_token_is_good(alice: Person, anonymous: APIClient) -> None:
    assert anonymous.post(VERIFY, {"token": alice.tokens.access}).status_code == 200
    assert anonymous.post(VERIFY, {"token": "nonsense"}).status_code == 401
    anonymous.post(LOGOUT, {"refresh": alice.tokens.refresh})
    assert anonymous.post(VERIFY, {"token": alice.tokens.access}).status_code == 401


def test_a_token_of_the_other_kind_is_refused(alice: Person, anonymous: APIClient) -> None:
    assert anonymous.post(REFRESH, {"refresh": alice.tokens.access}).status_code == 401
    client = client_with(Authorization=f"Bearer {alice.tokens.refresh}")
    assert client.get(PROFILE).status_code == 401


def test_expired_tokens_are_refused(alice: Person, anonymous: APIClient) -> None:
    claims = jwt.decode(alice.tokens.access, options={"verify_signature": False})
    long_ago = utc_now() - timedelta(days=8)
    access = issue_access(alice.user_id, claims["sid"], long_ago)
    client = client_with(Authorization=f"Bearer {access}")
    refused = client.get(PROFILE)
    assert refused.status_code == 401
    assert refused.json()["code"] == "token_expired"
    refresh = issue_refresh(alice.user_id, claims["sid"], long_ago).token
    assert anonymous.post(REFRESH, {"refresh": refresh}).status_code == 401


def test_a_token_of_a_machine_whose_clock_is_ahead_by_seconds_is_good(alice: Person) -> None:
    session = jwt.decode(alice.tokens.access, options={"verify_signature": False})["sid"]
    for seconds, status in ((5, 200), (3_600, 401)):
        issued = issue_access(alice.user_id, session, utc_now() + timedelta(seconds=seconds))
        client = client_with(Authorization=f"Bearer {issued}")
        assert client.get(PROFILE).status_code == status


def test_forged_tokens_are_refused(alice: Person) -> None:
    header, payload, signature = alice.tokens.access.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    unsigned = jwt.encode(claims, key="", algorithm="none")
    public = client_with().get("/.well-known/jwks.json").json()["keys"][0]["n"]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    mac = hmac.digest(public.encode(), f"{head}.{payload}".encode(), hashlib.sha256)
    confused = f"{head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    broken = f"{header}.{payload}.{signature[:-4]}AAAA"
    for token in (unsigned, confused, broken, "", "a.b.c", "x" * 5000, "é"):
        client = client_with(Authorization=f"Bearer {token}")
        assert client.get(PROFILE).status_code == 401


@pytest.mark.django_db
def test_the_published_key_verifies_our_tokens(alice: Person, anonymous: APIClient) -> None:
    answer = anonymous.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    keys = jwt.PyJWKSet.from_dict(answer.json())
    key = keys[jwt.get_unverified_header(alice.tokens.access)["kid"]]
    claims = jwt.decode(alice.tokens.access, key, algorithms=["RS256"], issuer="elk-vision")
    assert claims["user_id"] == str(alice.user_id)
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert live_settings.JWT_PRIVATE_KEY not in answer.content.decode()


def test_failures_are_bounded_as_the_settings_say(
    alice: Person, anonymous: APIClient, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE = 1
    assert anonymous.post(LOGIN, {"username": "alice", "password": "no"}).status_code == 401
    assert anonymous.post(LOGIN, {"username": "alice", "password": "no"}).status_code == 429


def test_the_oldest_session_makes_room_for_one_too_many(
    alice: Person, anonymous: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    for _ in range(2):
        signed_in = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD})
        assert signed_in.status_code == 200
    forget_callers()
    assert alice.client.get(PROFILE).status_code == 401
    assert RefreshToken.objects.filter(user_id=alice.user_id).count() == 2


def test_a_session_that_goes_on_for_long_does_not_grow(alice: Person, anonymous: APIClient) -> None:
    refresh = alice.tokens.refresh
    for _ in range(5):
        refresh = anonymous.post(REFRESH, {"refresh": refresh}).json()["refresh"]
    assert RefreshToken.objects.filter(user_id=alice.user_id).count() == 2
    reused = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh})
    assert reused.status_code == 401
    assert anonymous.post(REFRESH, {"refresh": refresh}).status_code == 401


def test_sessions_that_were_ended_leave_nothing_that_grows(
    alice: Person, anonymous: APIClient
) -> None:
    for _ in range(5):
        pair = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD}).json()
        anonymous.post(REFRESH, {"refresh": pair["refresh"]})
        assert anonymous.post(LOGOUT, {"refresh": pair["refresh"]}).status_code == 204
        assert anonymous.post(REFRESH, {"refresh": pair["refresh"]}).status_code == 401
    anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD})
    # The one that Alice had and the new one.
    assert RefreshToken.objects.filter(user_id=alice.user_id).count() == 2


def test_one_address_cannot_try_a_password_on_every_account(
    alice: Person, charlie: Person, anonymous: APIClient, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS = 3
    for name in ("nobody", "charlie", "somebody"):
        assert anonymous.post(LOGIN, {"username": name, "password": "no"}).status_code == 401
    right = {"username": "alice", "password": PASSWORD}
    refused = anonymous.post(LOGIN, right)
    assert (refused.status_code, refused.json()["code"]) == (429, "sign_in_address_throttled")
    assert refused["Content-Type"] == "application/problem+json"
    assert 0 < int(refused["Retry-After"]) <= 60
    assert anonymous.post(LOGIN, right, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_the_right_password_costs_an_address_nothing_and_ends_nothing_of_it(
    alice: Person, charlie: Person, anonymous: APIClient, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS = 2
    wrong = {"username": "charlie", "password": "no"}
    right = {"username": "alice", "password": PASSWORD}
    for _ in range(2):
        for _ in range(3):
            assert anonymous.post(LOGIN, right).status_code == 200
        assert anonymous.post(LOGIN, wrong).status_code == 401
    refused = anonymous.post(LOGIN, wrong)
    assert (refused.status_code, refused.json()["code"]) == (429, "sign_in_address_throttled")


def test_a_network_of_ipv6_is_one_address_and_only_our_proxy_says_whose(
    alice: Person, anonymous: APIClient, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS = 1
    settings.TRUSTED_PROXIES = 1

    def status(forwarded: str) -> int:
        wrong = {"username": f"nobody at {forwarded}", "password": "no"}
        return anonymous.post(LOGIN, wrong, headers={"X-Forwarded-For": forwarded}).status_code

    assert status("2001:db8:0:1::1") == 401
    assert status("2001:db8:0:1:ffff::2") == 429
    assert status("192.0.2.7, 2001:db8:0:1::1") == 429
    assert status("2001:db8:0:2::1") == 401


def test_the_admin_counts_attempts_of_an_address_too(
    alice: Person, anonymous: APIClient, settings: Settings
) -> None:
    settings.LOGIN_FAILURES_PER_MINUTE_OF_ADDRESS = 1
    wrong = {"username": "nobody", "password": "no"}
    assert anonymous.post("/admin/login/", wrong, format="multipart").status_code == 200
    refused = anonymous.post(LOGIN, {"username": "alice", "password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (429, "sign_in_address_throttled")


def test_renewals_of_one_address_are_limited(
    alice: Person, anonymous: APIClient, settings: Settings
) -> None:
    settings.REFRESH_RATE = "2/minute"
    for _ in range(2):
        assert anonymous.post(REFRESH, {"refresh": "nonsense"}).status_code == 401
    refused = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh})
    assert (refused.status_code, refused.json()["code"]) == (429, "renewal_throttled")
    assert int(refused["Retry-After"]) > 0
    elsewhere = anonymous.post(REFRESH, {"refresh": alice.tokens.refresh}, REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 200
