"""Which background job waits in which queue, how often it is asked for, how long it may take."""

from __future__ import annotations

from typing import Any

# In this order a worker serves them: as long as there is anything in one, the next ones wait.
# Who has much of the last kind runs workers that serve that one alone (`-Q bulk`).
ALERTS = "alerts"  # somebody is woken up by it
DEFAULT = "default"
BULK = "bulk"  # takes minutes, and nobody minds when
QUEUES = (ALERTS, DEFAULT, BULK)

# A job beyond the first limit gets an exception, beyond the second its process is ended. Both are
# shorter than the time after which Redis gives an unacknowledged job to somebody else.
SOFT_LIMIT_SECONDS = 240
HARD_LIMIT_SECONDS = 300

ROUTES = {
    "alerts.*": {"queue": ALERTS},
    "exports.*": {"queue": BULK},
}

# How often beat says that there may be something to do. What really is due, and since when, is in
# the config database (app.core.due_work): a hint that is lost, late or doubled changes nothing.
HINT_SECONDS = {
    "health.beat": 15.0,
    "users.forget_expired_tokens": 60.0,
    "audit.forget_old": 300.0,
}
# An embedded log store is looked after by its shipper, and by nobody else.
STORE_HINT_SECONDS = {
    "elastic": {"logs.maintain_store": 60.0, "streams.place_by_size": 60.0},
    "embedded": {"streams.place_by_size": 60.0},
}


def schedule(log_store: str) -> dict[str, Any]:
    """Beat's schedule. A hint expires before the next one of its kind comes, so that they do not
    pile up while nobody works."""
    return {
        name: {"task": name, "schedule": seconds, "options": {"expires": seconds * 0.9}}
        for name, seconds in {**HINT_SECONDS, **STORE_HINT_SECONDS.get(log_store, {})}.items()
    }
