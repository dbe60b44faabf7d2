"""`make profile`: what the stages between journal and store cost, in one process, and where.

The bench says how much a process used; this says for what. Without a journal and without threads,
so that the stages do not wait for each other.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.shipping import Shipping

RECORDS = 50_000
BATCH = 1_000
LINES = 25


def main() -> int:
    """Prints microseconds of processor time a record for each stage, then the costliest functions."""
    parser = argparse.ArgumentParser("make profile", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="elk-vision-profile-") as folder:
        shipping = Shipping(Path(folder) / "plain", options.records, BATCH)
        for name, stage in shipping.stages().items():
            _say(f"{name:<10} {_micros(stage) / options.records:8.2f} µs a record")
        shipping.close()
        shipping = Shipping(Path(folder) / "profiled", options.records, BATCH)
        _say(_profile(shipping.stages()))
        shipping.close()
    return 0


def _micros(stage: Callable[[], None]) -> float:
    before = time.process_time()
    stage()
    return (time.process_time() - before) * 1e6


def _profile(stages: dict[str, Callable[[], None]]) -> str:
    profile = cProfile.Profile()
    for name, stage in stages.items():
        if name != "decode":
            profile.runcall(stage)
        else:
            stage()
    told = io.StringIO()
    pstats.Stats(profile, stream=told).sort_stats("tottime").print_stats(LINES)
    return told.getvalue()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
