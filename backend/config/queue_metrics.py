"""How many background jobs wait, at each scrape of the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from app.core import redis
from app.telemetry.metrics import Reading
from config.queues import QUEUES
from config.redis import BROKER, celery_prefix

_NAME = "elkv_celery_waiting_messages"
_SAYS = "Background jobs that no worker has taken yet"
_HELD_NAME = "elkv_celery_unacknowledged_messages"
_HELD_SAYS = "Background jobs that a worker has taken and not finished"


def read_queues() -> Iterable[Reading]:
    """The length of each queue; raises while the broker does not answer."""
    return _of_redis() if settings.CELERY_BROKER_URL == BROKER else _of_files()


def _of_redis() -> list[Reading]:
    prefix = celery_prefix(settings.REDIS or {})
    with redis.asking():
        pipeline = redis.client().pipeline(transaction=False)
        for queue in QUEUES:
            pipeline.llen(f"{prefix}{queue}")
        pipeline.hlen(f"{prefix}unacked")
        *lengths, held = pipeline.execute()
    waiting: list[Reading] = [
        (_NAME, _SAYS, length, {"queue": queue})
        for queue, length in zip(QUEUES, lengths, strict=True)
    ]
    return [*waiting, (_HELD_NAME, _HELD_SAYS, held)]


def _of_files() -> list[Reading]:
    directory = Path(settings.BROKER_DIR) / "messages"
    # <time>_<id>.<queue>.msg
    counted = Counter(path.name.split(".")[-2] for path in directory.glob("*.*.msg"))
    return [(_NAME, _SAYS, counted[queue], {"queue": queue}) for queue in QUEUES]
