"""Signs of life, in files and in Redis."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pytest_django import Settings

from app.core import redis as connections
from app.core.errors import Unavailable
from app.core.pulses import Pulse, note_pulse, silent_seconds
from config.worker_steps import note
from tests.redis_fixtures import UseRedis
from tests.redis_server import RedisServer


@pytest.fixture(params=["files", "redis"])
def _place(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> None:
    if request.param == "redis":
        use_redis = request.getfixturevalue("use_redis")
        use_redis(request.getfixturevalue("own_redis"))
    else:
        settings.REDIS = None
        settings.RUN_DIR = tmp_path / "run"


@pytest.mark.usefixtures("_place")
def test_who_was_heard_is_known_and_who_was_not_is_missing() -> None:
    assert silent_seconds() == {}
    note_pulse(Pulse.BEAT)
    note_pulse(Pulse.JOB)
    note_pulse(Pulse.BEAT)
    heard = silent_seconds()
    assert set(heard) == {Pulse.BEAT, Pulse.JOB}
    assert 0 <= heard[Pulse.BEAT] <= heard[Pulse.JOB] < 120


def test_a_file_that_cannot_be_read_counts_as_none(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS = None
    settings.RUN_DIR = tmp_path
    note_pulse(Pulse.BEAT)
    (tmp_path / "pulse-beat").write_text("yesterday")
    assert silent_seconds() == {}
    assert [path.name for path in tmp_path.iterdir()] == ["pulse-beat"]


def test_while_redis_is_away_nobody_is_heard_and_whoever_notes_lives_on(
    own_redis: RedisServer, use_redis: UseRedis
) -> None:
    use_redis(own_redis)
    own_redis.kill()
    with pytest.raises(Unavailable):
        silent_seconds()
    with pytest.raises(Unavailable):
        note_pulse(Pulse.WORKER)
    note(Pulse.WORKER)
    own_redis.start()
    note(Pulse.WORKER)
    assert set(silent_seconds()) == {Pulse.WORKER}


@pytest.mark.usefixtures("_place")
def test_a_clock_that_was_set_back_does_not_make_the_dead_live(
    settings: Settings, tmp_path: Path
) -> None:
    ahead_s = int(time.time()) + 3_600
    if settings.REDIS is None:
        note_pulse(Pulse.BEAT)
        (tmp_path / "run" / "pulse-beat").write_text(f"{ahead_s * 1_000_000_000}")
    else:
        connections.client().hset(connections.key_of("pulse"), "beat", f"{ahead_s}.5")
    assert 3_500 < silent_seconds()[Pulse.BEAT] < 3_700
    note_pulse(Pulse.BEAT)
    assert silent_seconds()[Pulse.BEAT] < 120
