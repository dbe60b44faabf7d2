"""People while Redis is away: nobody may guess passwords uncounted, and nobody is signed out."""

from __future__ import annotations

import time

import pytest
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, Person
from tests.redis_fixtures import HASTY, HASTY_SECONDS, UseRedis
from tests.redis_server import RedisServer

LOGIN = "/api/auth/login/"
REFRESH = "/api/auth/refresh/"
REGISTER = "/api/v1/users/register/"
ADMIN = "/admin/login/"
PROFILE = "/api/v1/users/profile/"
RIGHT = {"username": "alice", "password": PASSWORD}
WRONG = {"username": "alice", "password": "no"}
DORA = {
    "username": "dora",
    "email": "dora@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
}


@pytest.mark.parametrize("trouble", ["killed", "hanging"])
def test_signing_in_waits_for_redis_and_everything_else_goes_on(
    alice: Person,
    anonymous: APIClient,
    own_redis: RedisServer,
    use_redis: UseRedis,
    trouble: str,
) -> None:
    use_redis(own_redis, **HASTY)
    assert anonymous.post(LOGIN, RIGHT).status_code == 200
    own_redis.kill() if trouble == "killed" else own_redis.hang()
    began = time.monotonic()
    for sent in (RIGHT, WRONG):
        answer = anonymous.post(LOGIN, sent)
        assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
        assert answer["Content-Type"] == "application/problem+json"
        assert 0 < int(answer["Retry-After"]) <= 5
    assert anonymous.post(REGISTER, DORA).status_code == 503
    assert anonymous.post(ADMIN, RIGHT, format="multipart").status_code == 503
    # One of them waits for it: to connect, and to be answered.
    assert time.monotonic() - began < 2 * HASTY_SECONDS + 10
    assert alice.client.get(PROFILE).status_code == 200
    assert anonymous.post(REFRESH, {"refresh": alice.tokens.refresh}).status_code == 200
    own_redis.start() if trouble == "killed" else own_redis.go_on()
    deadline = time.monotonic() + 60
    while anonymous.post(LOGIN, RIGHT).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert anonymous.post(LOGIN, RIGHT).status_code == 200


def test_failures_are_counted_in_redis_and_the_right_password_ends_the_count(
    alice: Person, anonymous: APIClient, own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    for _ in range(9):
        assert anonymous.post(LOGIN, WRONG).status_code == 401
    of_accounts = "*:sign_in_throttled:*"
    assert len(list(own_redis.client().scan_iter(of_accounts))) == 1
    assert anonymous.post(LOGIN, RIGHT).status_code == 200
    assert list(own_redis.client().scan_iter(of_accounts)) == []
    for _ in range(10):
        assert anonymous.post(LOGIN, WRONG).status_code == 401
    refused = anonymous.post(LOGIN, RIGHT)
    assert (refused.status_code, refused.json()["code"]) == (429, "sign_in_throttled")
    assert b"alice" not in b"".join(own_redis.client().scan_iter())


def test_a_full_redis_is_answered_like_one_that_is_away(
    alice: Person, anonymous: APIClient, own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    own_redis.client().config_set("maxmemory", "1")
    assert anonymous.post(LOGIN, RIGHT).status_code == 503
    own_redis.client().config_set("maxmemory", "0")
    assert anonymous.post(LOGIN, RIGHT).status_code == 200
