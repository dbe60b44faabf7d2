"""Jobs of the tests: they write what they do into the file ELKV_LEDGER."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from celery.exceptions import SoftTimeLimitExceeded

from app.core.clock import utc_now
from app.core.due_work import claim, ensure, finish
from tests.process.due_app import app

KIND = "tick"
DONE = "ticked"
PERIOD = timedelta(seconds=1)
LEASE = timedelta(seconds=3)
WORK_SECONDS = 0.25


def write(words: str) -> None:
    """One line, whole whoever else writes."""
    with Path(os.environ["ELKV_LEDGER"]).open("ab", buffering=0) as ledger:
        ledger.write(f"{words} {os.getpid()}\n".encode())


@app.task(name="tests.tick")
def tick() -> None:
    """Does the periods that are due, each for a while in which one may be killed."""
    while claimed := claim(KIND, now=utc_now(), lease=LEASE):
        due_at = claimed[0].due_at
        write(f"began {due_at.isoformat()}")
        time.sleep(WORK_SECONDS)
        # The effect is the same when it happens twice.
        ensure(DONE, due_at.isoformat(), due_at=due_at + timedelta(days=365))
        if finish(claimed[0], next_due_at=due_at + PERIOD):
            write(f"ended {due_at.isoformat()}")


@app.task(name="tests.note")
def note(name: str, seconds: float = 0.0) -> None:
    """Says that it runs, and takes a while."""
    write(f"began {name}")
    time.sleep(seconds)
    write(f"ended {name}")


@app.task(name="tests.held")
def held(name: str) -> None:
    """Says that it runs, and goes on until there is a file of its name beside the ledger."""
    write(f"began {name}")
    while not Path(os.environ["ELKV_LEDGER"]).with_name(name).exists():
        time.sleep(0.02)
    write(f"ended {name}")


@app.task(name="tests.die_once")
def die_once() -> None:
    """Takes its worker along, the first time."""
    is_first = "began die" not in Path(os.environ["ELKV_LEDGER"]).read_text(encoding="ascii")
    write("began die")
    if is_first:
        os.kill(os.getpid(), signal.SIGKILL)
    write("ended die")


@app.task(name="tests.stubborn")
def stubborn() -> None:
    """Goes on when it is told that its time is up."""
    write("began stubborn")
    try:
        time.sleep(600)
    except SoftTimeLimitExceeded:
        write("warned stubborn")
        time.sleep(600)
