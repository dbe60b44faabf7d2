"""How fast due work is claimed and finished: rules are, one by one and in chunks.

`claim_rates` measures in a process of its own, on the database that the environment given names;
`python -m tests.benchmarks.claims` prints the figures of this environment's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from app.core.clock import utc_now

BACKEND = Path(__file__).resolve().parents[2]
RULES = 1_000
CHUNK = 100
_MEASURED_SECONDS = 120


@dataclass(frozen=True, slots=True)
class ClaimRates:
    """Rules a second, each claimed and finished, by one thread."""

    one_by_one: float
    in_chunks: float


def claim_rates(environment: Mapping[str, str]) -> ClaimRates:
    """Of the database that `environment` names (MONGO_HOST and so on), else of SQLite.

    On MongoDB give it a MONGO_DB_NAME of its own: what is there of due work is deleted.
    """
    with tempfile.TemporaryDirectory(prefix="elkv-claims-") as directory:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.claims"],
            cwd=BACKEND,
            env={**os.environ, **environment, "DATA_DIR": directory, "ENVIRONMENT": "tests"},
            capture_output=True,
            text=True,
            check=True,
            timeout=_MEASURED_SECONDS,
        )
    return ClaimRates(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measures here and prints one line of JSON."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.tests")
    django.setup()
    call_command("migrate", verbosity=0)
    # Only now can anything with models be imported.
    due_work = import_module("app.core.due_work")
    sys.stdout.write(json.dumps(asdict(_measure(due_work))) + "\n")


def _measure(due_work: Any) -> ClaimRates:
    now, lease = utc_now(), timedelta(minutes=5)
    names = [f"r{number}" for number in range(RULES)]
    for name in names:
        due_work.withdraw("bench", name)
        due_work.ensure("bench", name, due_at=now)
    began = time.perf_counter()
    for name in names:
        claimed = due_work.claim_one("bench", name, now=now, lease=lease)
        due_work.finish(claimed, next_due_at=now)
    one_by_one = RULES / (time.perf_counter() - began)
    done = 0
    began = time.perf_counter()
    while chunk := due_work.claim("bench", now=now, lease=lease, limit=CHUNK):
        for claimed in chunk:
            done += due_work.finish(claimed, next_due_at=now + lease)
    in_chunks = done / (time.perf_counter() - began)
    if done != RULES:
        raise AssertionError(f"{done} of {RULES} rules were claimed")
    for name in names:
        due_work.withdraw("bench", name)
    return ClaimRates(one_by_one, in_chunks)


if __name__ == "__main__":
    main()
