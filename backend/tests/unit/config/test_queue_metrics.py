"""How many background jobs wait, for Prometheus."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from app.core.errors import Unavailable
from app.telemetry.metrics import exposition, read_at_scrape
from config.queue_metrics import read_queues
from config.redis import BROKER
from tests.redis_fixtures import UseRedis
from tests.redis_server import RedisServer

WAITING = "elkv_celery_waiting_messages"


def readings() -> dict[str, float]:
    return {
        ",".join([name, *(found[0].values() if found else ())]): value
        for name, _, value, *found in read_queues()
    }


def test_the_files_of_the_embedded_broker_are_counted(settings: Settings, tmp_path: Path) -> None:
    settings.BROKER_DIR = tmp_path
    settings.CELERY_BROKER_URL = "filesystem://"
    none = {f"{WAITING},alerts": 0, f"{WAITING},default": 0, f"{WAITING},bulk": 0}
    assert readings() == none
    (tmp_path / "messages").mkdir()
    for name in ("1_a.default.msg", "2_b.default.msg", "3_c.bulk.msg", "4_d.other.msg", "x.msg"):
        (tmp_path / "messages" / name).touch()
    assert readings() == {**none, f"{WAITING},default": 2, f"{WAITING},bulk": 1}


def test_the_lists_of_redis_are_counted_and_nothing_is_said_while_it_is_away(
    settings: Settings, own_redis: RedisServer, use_redis: UseRedis, tmp_path: Path
) -> None:
    use_redis(own_redis)
    settings.CELERY_BROKER_URL = BROKER
    own_redis.client().rpush("elkv:celery:alerts", "a", "b")
    own_redis.client().hset("elkv:celery:unacked", "tag", "c")
    found = readings()
    assert found[f"{WAITING},alerts"] == 2
    assert found[f"{WAITING},default"] == 0
    assert found["elkv_celery_unacknowledged_messages"] == 1
    read_at_scrape(read_queues)
    assert b'elkv_celery_waiting_messages{queue="alerts"} 2.0' in exposition(tmp_path)
    own_redis.kill()
    with pytest.raises(Unavailable):
        readings()
    assert b"elkv_celery" not in exposition(tmp_path)
