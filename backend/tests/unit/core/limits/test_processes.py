"""Many processes and one limit."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.redis_server import RedisServer

BACKEND = Path(__file__).resolve().parents[4]
PROCESSES = 4
SECONDS_TO_HAMMER = 1.0


def test_of_many_processes_together_exactly_as_many_pass_as_the_limit_says(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        "DATA_DIR": str(tmp_path),
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(own_redis.port),
    }
    hammers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.unit.core.limits.hammer"],
            cwd=BACKEND,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for hammer in hammers:
        assert hammer.stdout is not None
        assert hammer.stdout.readline() == "ready\n"
    tell(hammers, "begin")
    time.sleep(SECONDS_TO_HAMMER)
    tell(hammers, "end")
    counts = [[int(part) for part in hammer.communicate()[0].split()] for hammer in hammers]
    attempts, *passed = (sum(column) for column in zip(*counts, strict=True))
    assert all(hammer.returncode == 0 for hammer in hammers)
    assert min(count[0] for count in counts) > 50
    assert attempts > 400
    assert passed == [50, 40, 30]


def tell(hammers: list[subprocess.Popen[str]], word: str) -> None:
    for hammer in hammers:
        assert hammer.stdin is not None
        hammer.stdin.write(f"{word}\n")
        hammer.stdin.flush()
