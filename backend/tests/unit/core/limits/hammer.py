"""A process that takes from three limits as fast as it can, between two lines of its input."""

from __future__ import annotations

import sys
import threading

from app.core.limits.process import limiter
from app.core.limits.rules import Allowance, Charge, Flow, Rate

LEAST_ATTEMPTS = 100


def main() -> None:
    """Prints how many attempts were made, and how many passed of each limit."""
    limits = (Rate("rate", 50, 60), Flow("flow", 0.001, 40), Allowance("allowance", 30, 10**9))
    passed = [0, 0, 0]
    attempts = 0
    stopped = threading.Event()
    limiter().take(Charge(Rate("warming up", 1_000, 1), "acme"))
    say("ready")
    sys.stdin.readline()
    threading.Thread(target=lambda: (sys.stdin.readline(), stopped.set()), daemon=True).start()
    # However little of the machine it gets.
    while not stopped.is_set() or attempts <= LEAST_ATTEMPTS:
        attempts += 1
        for index, limit in enumerate(limits):
            passed[index] += limiter().take(Charge(limit, "acme")) is None
    say(" ".join(str(number) for number in (attempts, *passed)))


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
